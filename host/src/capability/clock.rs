//! `rex:host/clock`.

use std::time::Duration;

use wasmtime::Result as CallResult;

use super::State;
use crate::sandbox::bindings::rex::host::clock::Host;

impl Host for State {
    fn elapsed(&mut self) -> CallResult<u64> {
        self.called();
        Ok(u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn sleep(&mut self, milliseconds: u64) -> CallResult<()> {
        self.called();
        self.clock.sleep(Duration::from_millis(milliseconds)).map_err(Into::into)
    }
}
