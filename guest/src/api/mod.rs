//! What scripts see of the machine: a module for each interface of `wit/`, and what belongs to no interface.

pub(crate) mod clock;
pub(crate) mod constant;
pub(crate) mod date_time;
pub(crate) mod file_system;
pub(crate) mod flag;
pub(crate) mod format;
pub(crate) mod log;
pub(crate) mod options;
pub(crate) mod sequence;
pub(crate) mod text;

use rhai::Map;

use crate::engine::Registrar;

pub(crate) fn register(registrar: &mut Registrar) {
    constant::register(registrar);
    log::register(registrar);
    clock::register(registrar);
    date_time::register(registrar);
    sequence::register(registrar);
    file_system::register(registrar);
    text::register(registrar);
    format::register(registrar);
    // Results are maps already. Scripts written for the native peer turn them into maps.
    registrar.function("to_map", |map: Map| map);
}
