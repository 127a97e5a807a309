//! Named constants, such as `IoErrorKind::NotFound` and `EntryType::FILE`.

use rhai::Module;

use crate::engine::Registrar;

/// One of a family of names, by its text. Equal only to the same text of the same family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Constant {
    family: &'static str,
    name: &'static str,
}

impl Constant {
    pub(crate) const fn new(family: &'static str, name: &'static str) -> Self {
        Self { family, name }
    }

    /// As scripts see it when it becomes text: its name, unless it was registered with another.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

/// Makes `family::NAME` known to scripts for each of the names.
pub(crate) fn register_family(registrar: &mut Registrar, family: &'static str, names: &[&'static str]) {
    register_texts(registrar, family, names.iter().map(|name| (*name, *name)));
}

/// The same for names whose text is another, each with its text.
pub(crate) fn register_texts(
    registrar: &mut Registrar,
    family: &'static str,
    names: impl IntoIterator<Item = (&'static str, &'static str)>,
) {
    let mut module = Module::new();
    for (name, text) in names {
        module.set_var(name, Constant::new(family, text));
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
