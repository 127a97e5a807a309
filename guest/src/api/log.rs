//! `trace`, `debug`, `info`, `warn`, `error` and `print`.

use rhai::{Dynamic, NativeCallContext, Position};

use crate::bindings::rex::host::log::{self, Level};
use crate::engine::Registrar;
use crate::value;

pub(super) fn register(registrar: &mut Registrar) {
    for (name, level) in [("trace", Level::Trace), ("info", Level::Info), ("warn", Level::Warn), ("error", Level::Error)] {
        registrar.function(name, move |context: NativeCallContext, message: Dynamic| {
            write(level, context.call_position(), &value::text(&message));
        });
    }
    // These two are words of the language, with hooks of their own.
    registrar.engine.on_print(|message| write(Level::Info, Position::NONE, message));
    registrar.engine.on_debug(|message, _, position| write(Level::Debug, position, message));
}

/// Tells the reader of the report what a function left out.
pub(crate) fn warn(position: Position, message: &str) {
    write(Level::Warn, position, message);
}

fn write(level: Level, position: Position, message: &str) {
    let line = position.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
    log::write(level, line, message);
}
