//! Named constants, such as `IoErrorKind::NotFound` and `EntryType::FILE`.

use rhai::Module;

use crate::engine::Registrar;

/// One of a family of names. Equal only to the same name of the same family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Constant {
    family: &'static str,
    name: &'static str,
}

impl Constant {
    pub(crate) const fn new(family: &'static str, name: &'static str) -> Self {
        Self { family, name }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

/// Makes `family::NAME` known to scripts for each of the names.
pub(crate) fn register_family(registrar: &mut Registrar, family: &'static str, names: &[&'static str]) {
    let mut module = Module::new();
    for name in names {
        module.set_var(*name, Constant::new(family, name));
    }
    registrar.engine.register_static_module(family, module.into());
}

pub(super) fn register(registrar: &mut Registrar) {
    registrar.engine.register_type_with_name::<Constant>("Constant");
    registrar.function("==", |a: Constant, b: Constant| a == b);
    registrar.function("!=", |a: Constant, b: Constant| a != b);
    registrar.function("to_string", |constant: Constant| constant.name);
    registrar.function("to_debug", |constant: Constant| format!("{}::{}", constant.family, constant.name));
}
