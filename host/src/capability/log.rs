//! `rex:host/log`.

use wasmtime::Result as CallResult;

use super::State;
use crate::journal;
use crate::sandbox::bindings::rex::host::log::{Host, Level};

impl Host for State {
    fn write(&mut self, level: Level, line: u32, message: String) -> CallResult<()> {
        let level = match level {
            Level::Trace => journal::Level::Trace,
            Level::Debug => journal::Level::Debug,
            Level::Info => journal::Level::Info,
            Level::Warn => journal::Level::Warn,
            Level::Error => journal::Level::Error,
        };
        self.called()?;
        self.journal.lock().log(level, line, message);
        Ok(())
    }
}
