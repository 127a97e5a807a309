//! The language: Rhai with what a script on a managed machine may use, and nothing that loads or evaluates other code.

use std::collections::BTreeMap;

use rhai::module_resolvers::DummyModuleResolver;
use rhai::{AST, Dynamic, Engine, EvalAltResult, RhaiNativeFunc, Scope};

use crate::bindings::exports::rex::host::script::{Fault, ScriptError};
use crate::{api, error};

/// Nested calls of script functions, as in the native peer. The host gives the guest the stack that this depth needs.
const MAX_CALL_LEVELS: usize = 64;
/// Nested expressions at the top level, and in a function.
const MAX_EXPRESSION_DEPTHS: (usize, usize) = (64, 32);

/// An engine with all registrations, built once.
pub(crate) struct Language {
    engine: Engine,
    host_functions: HostFunctions,
}

/// The numbers of parameters that each host function is registered with.
type HostFunctions = BTreeMap<&'static str, Vec<usize>>;

impl Language {
    pub(crate) fn new() -> Self {
        let mut engine = Engine::new();
        engine.set_strict_variables(true);
        engine.set_max_call_levels(MAX_CALL_LEVELS);
        engine.set_max_expr_depths(MAX_EXPRESSION_DEPTHS.0, MAX_EXPRESSION_DEPTHS.1);
        engine.set_module_resolver(DummyModuleResolver::new());
        for symbol in ["eval", "import", "export"] {
            engine.disable_symbol(symbol);
        }

        let mut registrar = Registrar { engine: &mut engine, host_functions: BTreeMap::new() };
        api::register(&mut registrar);
        let host_functions = registrar.host_functions;
        Self { engine, host_functions }
    }

    pub(crate) fn compile(&self, source: &str, scope: &Scope) -> Result<AST, ScriptError> {
        let ast = self
            .engine
            .compile_with_scope(scope, source)
            .map_err(|parse_error| error::to_host(&EvalAltResult::from(parse_error), Fault::Syntax))?;
        for function in ast.iter_functions() {
            if self.redefines_host_function(function.name, function.params.len()) {
                return Err(error::plain(
                    Fault::Syntax,
                    format!(
                        "Syntax error: `fn {}({})` would redefine a function of the host: give it another name",
                        function.name,
                        function.params.join(", ")
                    ),
                ));
            }
        }
        Ok(ast)
    }

    pub(crate) fn run(&self, source: &str, scope: &mut Scope) -> Result<Dynamic, ScriptError> {
        let ast = self.compile(source, scope)?;
        self.engine.eval_ast_with_scope::<Dynamic>(scope, &ast).map_err(|error| error::to_host(&error, Fault::Runtime))
    }

    /// What is registered on top of the language's own packages.
    #[cfg(test)]
    pub(crate) fn signatures(&self) -> Vec<String> {
        self.engine.gen_fn_signatures(false)
    }

    /// A script's function takes precedence over a native one of as many parameters, and, called as a method, over one with a parameter
    /// more.
    fn redefines_host_function(&self, name: &str, parameters: usize) -> bool {
        self.host_functions
            .get(name)
            .is_some_and(|counts| counts.iter().any(|count| *count == parameters || *count == parameters + 1))
    }
}

/// Whether a script can read a variable of this name.
pub(crate) fn is_variable_name(name: &str) -> bool {
    // The compiler knows the words of the language. Only a plain word may reach it: other text could hold a statement.
    let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    plain && Engine::new_raw().compile(format!("let {name} = ();")).is_ok()
}

/// Where the modules of [`api`] put their functions.
pub(crate) struct Registrar<'e> {
    pub(crate) engine: &'e mut Engine,
    host_functions: HostFunctions,
}

impl Registrar<'_> {
    /// Registers a function, or a method if the first parameter is a mutable reference, that scripts cannot redefine.
    pub(crate) fn function<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        name: &'static str,
        function: impl RhaiNativeFunc<A, N, X, R, F> + 'static,
    ) where
        R: Clone + 'static,
    {
        self.host_functions.entry(name).or_default().push(N);
        self.engine.register_fn(name, function);
    }

    /// Registers a function that the native peer lacks. A script's own function of that name takes its place: scripts of the peer have
    /// had to write theirs, and have to run as they are.
    pub(crate) fn addition<A: 'static, const N: usize, const X: bool, R, const F: bool>(
        &mut self,
        name: &'static str,
        function: impl RhaiNativeFunc<A, N, X, R, F> + 'static,
    ) where
        R: Clone + 'static,
    {
        self.engine.register_fn(name, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(source: &str) -> Result<(), String> {
        Language::new().compile(source, &Scope::new()).map(|_| ()).map_err(|error| error.message)
    }

    #[test]
    fn eval_import_and_export_do_not_exist() {
        for source in [r#"eval("1")"#, r#"import "x" as y;"#, "let a = 1; export a;"] {
            let message = compile(source).unwrap_err();
            assert!(message.contains("reserved") || message.contains("Syntax error"), "{source}: {message}");
        }
    }

    #[test]
    fn unknown_variables_are_errors_before_anything_runs() {
        assert!(compile("if false { nothing_of_that_name }").unwrap_err().contains("nothing_of_that_name"));
    }

    #[test]
    fn host_functions_cannot_be_redefined() {
        for source in [
            "fn cat(path) { 1 }",
            "fn cat() { this }",
            "fn info(x) { 1 }",
            "fn read() { this }",
            "fn private_one(x) { x } fn write(flags, path, text) { 1 }",
        ] {
            assert!(compile(source).unwrap_err().contains("redefine"), "{source}");
        }
        assert_eq!(compile("fn cat(a, b, c, d) { 1 } fn mine(x) { x }"), Ok(()));
    }

    #[test]
    fn a_script_may_have_its_own_form_of_what_the_peer_lacks() {
        let run = |source| Language::new().run(source, &mut Scope::new()).unwrap().as_int().unwrap();
        assert_eq!(
            run("fn head(path) { 1 } fn sort(values) { 2 } fn parse_csv(text) { 3 } head(0) + sort([]) + parse_csv(``)"),
            6
        );
    }

    #[test]
    fn a_name_with_code_in_it_is_no_variable_name() {
        for name in ["x", "_a1", "cat", "résumé_"] {
            assert_eq!(is_variable_name(name), name.is_ascii(), "{name}");
        }
        for name in ["", "_", "1x", "x y", "x=1;let y", "let", "eval", "this", "if", "x\n", "a.b", "a::b"] {
            assert!(!is_variable_name(name), "{name}");
        }
    }
}
