//! `rex:host/clock`.

use std::time::{Duration, SystemTime};

use wasmtime::Result as CallResult;

use super::State;
use crate::sandbox::bindings::rex::host::clock::{Host, Moment};

impl Host for State {
    fn elapsed(&mut self) -> CallResult<u64> {
        self.called()?;
        Ok(u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn now(&mut self) -> CallResult<Moment> {
        self.called()?;
        // A clock that stands before 1970 is wrong, and no script can be expected to know.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Moment { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanoseconds: since.subsec_nanos() })
    }

    fn sleep(&mut self, milliseconds: u64) -> CallResult<()> {
        self.called()?;
        self.clock.sleep(Duration::from_millis(milliseconds)).map_err(Into::into)
    }
}
