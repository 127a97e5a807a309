//! Flags of the shell-like functions, such as `grep::ignore_case` and `tail::n(5)`.

use rhai::{Array, Module};

use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments};

/// One flag of one function, with the numbers given to it.
#[derive(Debug, Clone)]
pub(crate) struct Flag {
    function: &'static str,
    name: &'static str,
    values: Vec<i64>,
}

/// The flags that one call was given.
pub(crate) struct Flags(Vec<Flag>);

impl Flags {
    /// Fails for anything in the array that is not a flag of the function.
    pub(crate) fn of(function: &'static str, given: Array) -> ApiResult<Self> {
        given
            .into_iter()
            .map(|value| {
                let type_name = value.type_name();
                value.try_cast::<Flag>().filter(|flag| flag.function == function).ok_or_else(|| {
                    let message = format!("`{function}` takes flags such as `{function}::…` in its array, not a {type_name}");
                    invalid_arguments(FILE_SYSTEM_KINDS, message)
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|flag| flag.name == name)
    }

    /// The numbers given to a flag; the last one where it is given more than once.
    pub(crate) fn values(&self, name: &str) -> Option<&[i64]> {
        self.0.iter().rfind(|flag| flag.name == name).map(|flag| flag.values.as_slice())
    }

    /// The number given to a flag that takes one.
    pub(crate) fn value(&self, name: &str) -> Option<i64> {
        self.values(name).and_then(|values| values.first().copied())
    }
}

/// How a flag is written.
pub(crate) enum Shape {
    /// `function::name`
    Plain,
    /// `function::name(number)`
    One,
    /// `function::name(number, number)`
    Two,
}

/// Makes the flags of a function known to scripts. Names of one row mean the same; the first is the flag's own.
pub(crate) fn register_flags(registrar: &mut Registrar, function: &'static str, flags: &[(&[&'static str], Shape)]) {
    let mut module = Module::new();
    for (names, shape) in flags {
        let Some(&name) = names.first() else { continue };
        let flag = move |values: Vec<i64>| Flag { function, name, values };
        for alias in *names {
            match shape {
                Shape::Plain => {
                    module.set_var(*alias, flag(Vec::new()));
                }
                Shape::One => {
                    module.set_native_fn(*alias, move |value: i64| Ok(flag(vec![value])));
                }
                Shape::Two => {
                    module.set_native_fn(*alias, move |first: i64, second: i64| Ok(flag(vec![first, second])));
                }
            }
        }
    }
    registrar.engine.register_type_with_name::<Flag>("Flag");
    registrar.engine.register_static_module(function, module.into());
}
