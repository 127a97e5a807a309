//! From a policy's text to a policy that can be asked.

use cedar_policy::entities_errors::EntitiesError;
use cedar_policy::{ParseErrors, Policy as Statement, PolicySet, SchemaError, ValidationMode, ValidationWarning, Validator};
use miette::Diagnostic;

use super::guard::{ANNOTATION, GUARDS, Guards};
use super::index::Index;
use super::reach::Reach;
use super::schema;
use crate::limits::MAX_POLICY_BYTES;
use crate::platform::AbsolutePath;

/// How many faults an error lists.
const MAX_FAULTS: usize = 10;

/// A policy that passed every check. It does not change; any number of runs may share it.
#[derive(Debug)]
pub struct Policy {
    pub(super) index: Index,
    pub(super) guards: Guards,
    digest: String,
}

/// A place in the policy's text. Both count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// One thing that is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub place: Option<Place>,
    pub message: String,
}

/// Why a policy is refused. Nothing runs under it.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Too long.
    #[error("the policy is longer than {MAX_POLICY_BYTES} bytes")]
    TooLarge,
    /// No statement in it.
    #[error(
        "the policy is empty, so that everything would be denied; if that is meant, write `forbid(principal, action, resource);`"
    )]
    Empty,
    /// Not Cedar, or not valid under the schema.
    #[error("{}", list(.0))]
    Invalid(Vec<Fault>),
    /// A template, which nothing here could fill in.
    #[error(
        "the policy has a template (`?principal` or `?resource`), and templates cannot be linked here: name the entity instead"
    )]
    Template,
    /// A guard is given up that does not exist.
    #[error(
        "there is no guard {0:?} that `@{ANNOTATION}` could give up: there are {names}",
        names = GUARDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    )]
    Guard(String),
    /// The built-in schema is broken.
    #[error("the built-in schema cannot be used: {0}")]
    Schema(#[from] Box<SchemaError>),
    /// The built-in schema's actions are broken.
    #[error("the built-in schema's actions cannot be used: {0}")]
    Actions(#[from] Box<EntitiesError>),
}

impl Policy {
    /// Parses and validates strictly, for a host without files of its own that scripts could reach.
    ///
    /// # Errors
    ///
    /// See [`PolicyError`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        Self::parse_guarding(text, Vec::new())
    }

    /// Parses and validates strictly. `own` are the canonical paths of the host's own files, which scripts may not change unless the policy
    /// gives that guard up. A warning that a statement can never apply counts as an error: it is a typing mistake, and
    /// Cedar would run without the statement.
    ///
    /// # Errors
    ///
    /// See [`PolicyError`].
    pub fn parse_guarding(text: &str, own: Vec<String>) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLarge);
        }
        let set: PolicySet = text.parse().map_err(|errors: ParseErrors| {
            PolicyError::Invalid(errors.iter().take(MAX_FAULTS).map(|error| fault(text, error)).collect())
        })?;
        if set.templates().next().is_some() {
            return Err(PolicyError::Template);
        }
        if set.is_empty() {
            return Err(PolicyError::Empty);
        }
        let guards = Guards::new(&set, own).map_err(PolicyError::Guard)?;
        let mut validator = Validator::new(schema::part_for(&set)?);
        if !faults(text, &set, &validator).is_empty() {
            validator = Validator::new(schema::schema()?);
            let faults = faults(text, &set, &validator);
            if !faults.is_empty() {
                return Err(PolicyError::Invalid(faults));
            }
        }
        let index = Index::new(&set, &validator.schema().action_entities().map_err(Box::new)?);
        Ok(Self { index, guards, digest: crate::audit::digest(text.as_bytes()) })
    }

    /// What it can ever permit.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach::new(&self.index)
    }

    /// SHA-256 of the text, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// What is wrong with a policy under this schema, up to [`MAX_FAULTS`].
fn faults(text: &str, set: &PolicySet, validator: &Validator) -> Vec<Fault> {
    let verdict = validator.validate(set, ValidationMode::Strict);
    let impossible = verdict.validation_warnings().filter(|warning| matches!(warning, ValidationWarning::ImpossiblePolicy(_)));
    verdict
        .validation_errors()
        .map(|error| fault(text, error))
        .chain(impossible.map(|warning| fault(text, warning)))
        .chain(unreal_paths(set))
        .take(MAX_FAULTS)
        .collect()
}

/// Names that no object ever has: a statement about one would never match, which in a `forbid` would be fatal.
fn unreal_paths(set: &PolicySet) -> impl Iterator<Item = Fault> {
    let literals = set.policies().flat_map(Statement::entity_literals);
    literals.filter(|literal| literal.type_name().namespace() == "file_system").filter_map(|literal| {
        let file_type = matches!(literal.type_name().basename(), "Dir" | "File");
        let id = literal.id().unescaped();
        let remedy = match AbsolutePath::parse(id) {
            Ok(path) if path.as_str() == id => return None,
            Ok(path) => format!("write {:?}", path.as_str()),
            Err(error) => error.to_string(),
        };
        file_type.then(|| Fault { place: None, message: format!("{literal} is the name of nothing: {remedy}") })
    })
}

fn fault(text: &str, diagnostic: &dyn Diagnostic) -> Fault {
    let offset = diagnostic.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    let help = diagnostic.help().map(|help| format!(" ({help})")).unwrap_or_default();
    Fault { place: offset.map(|offset| place(text, offset)), message: format!("{diagnostic}{help}") }
}

fn place(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    Place { line: before.matches('\n').count() + 1, column }
}

fn list(faults: &[Fault]) -> String {
    let one = |fault: &Fault| match fault.place {
        Some(place) => format!("line {}, column {}: {}", place.line, place.column, fault.message),
        None => fault.message.clone(),
    };
    faults.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> String {
        Policy::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let message = error("permit(principal, action, resource);\npermit(principal, action, ressource);");
        assert!(message.starts_with("line 2, column 27: "), "{message}");
    }

    /// Cedar skips a statement that fails, so a mistyped `forbid` would let everything through.
    // Threat: T-POLICY-1
    #[test]
    fn what_the_schema_does_not_know_is_refused_with_its_place() {
        for (scope, word) in [
            (r#"forbid(principal, action == file_system::Action::"raed", resource);"#, "raed"),
            (r#"forbid(principal, action, resource in file_sistem::Dir::"/x");"#, "file_sistem"),
            (r#"forbid(principal, action == file_system::Action::"read", resource) when { resource.paht == "/x" };"#, "paht"),
            (r#"forbid(principal, action == file_system::Action::"read", resource) when { context.x == 1 };"#, "x"),
            (r#"forbid(principal == Usr::"root", action, resource);"#, "Usr"),
            (r#"permit(principal, action == file_system::Action::"read", resource) when { resource.path in ["a"] };"#, "line 1"),
        ] {
            let message = error(scope);
            assert!(message.contains(word) && message.contains("line 1, column"), "{scope}: {message}");
        }
    }

    #[test]
    fn paths_that_nothing_has_are_refused() {
        for path in ["/x/", "//x", "/x/../y", "x", ""] {
            let message = error(&format!(r#"forbid(principal, action, resource in file_system::Dir::"{path}");"#));
            assert!(message.contains("is the name of nothing"), "{message}");
        }
    }

    // Threat: T-POLICY-2
    #[test]
    fn a_statement_that_can_never_apply_is_refused() {
        let message = error(r#"forbid(principal, action == file_system::Action::"write", resource is file_system::Dir);"#);
        assert!(message.contains("line 1"), "{message}");
    }

    #[test]
    fn a_mistyped_guard_is_refused() {
        assert!(error("@unguard(\"sssh\") permit(principal, action, resource);").contains("accounts, ssh, loader"));
    }

    // Threat: T-RES-10
    #[test]
    fn empty_templates_and_too_much_are_refused() {
        assert!(matches!(Policy::parse(" // nothing\n"), Err(PolicyError::Empty)));
        assert!(matches!(Policy::parse("permit(principal == ?principal, action, resource);"), Err(PolicyError::Template)));
        assert!(matches!(Policy::parse(&" ".repeat(MAX_POLICY_BYTES + 1)), Err(PolicyError::TooLarge)));
    }

    fn statement() -> impl Strategy<Value = String> {
        let action = proptest::sample::select(vec![
            "action",
            r#"action == file_system::Action::"read""#,
            r#"action == file_system::Action::"SafeIO""#,
            r#"action in file_system::Action::"SafeIO""#,
            r#"action in [file_system::Action::"move", systemd::Action::"start"]"#,
            r#"action in [file_system::Action::"set_x_attr", sysinfo::Action::"list"]"#,
            r#"action in process_system::Action::"ProcessAction""#,
            r#"action == file_system::Action::"list""#,
        ]);
        let resource = proptest::sample::select(vec![
            "resource",
            r#"resource in file_system::Dir::"/x""#,
            "resource is file_system::File",
            r#"resource == systemd::Service::"sshd""#,
            "resource is sysinfo::Uname",
        ]);
        let condition = proptest::sample::select(vec![
            "true",
            r#"resource.path like "/x/*""#,
            r#"resource has path && resource.path == "/x""#,
            r#"resource has name && resource.name == "x""#,
            r#"context.destination.path == "/x""#,
            r#"context has xattr && context.xattr.name == "x""#,
            r#"action == file_system::Action::"read" && resource.path == "/x""#,
            r#"action in systemd::Action::"SystemdAction""#,
            r#"resource is systemd::Service && resource.name == "sshd""#,
            r#"principal == User::"root""#,
            r#"resource in file_system::Dir::"/x" || resource == sysctl::Sysctl::"x""#,
            r#"context has user && context.user.uid == 0"#,
            "resource.nothing == 1",
        ]);
        (action, resource, condition)
            .prop_map(|(action, resource, condition)| format!("permit(principal, {action}, {resource}) when {{ {condition} }};"))
    }

    proptest! {
        /// What the shortcut takes, the whole schema takes.
        // Threat: T-POLICY-11
        #[test]
        fn what_is_valid_under_a_part_is_valid_under_the_whole(statements in proptest::collection::vec(statement(), 1..3)) {
            let text = statements.concat();
            let set: PolicySet = text.parse().unwrap();
            let valid = |schema| faults(&text, &set, &Validator::new(schema)).is_empty();
            if valid(schema::part_for(&set).unwrap()) {
                prop_assert!(valid(schema::schema().unwrap()));
            }
        }
    }

    /// The part that its scope matches does not know it.
    #[test]
    fn a_condition_may_speak_of_more_than_the_scope() {
        let text = r#"permit(principal, action == file_system::Action::"read", resource)
            when { action != file_system::Action::"write" && principal != systemd::Systemd::"x" };"#;
        let set: PolicySet = text.parse().unwrap();
        assert!(!faults(text, &set, &Validator::new(schema::part_for(&set).unwrap())).is_empty());
        Policy::parse(text).unwrap();
    }

    #[test]
    fn places_count_characters() {
        assert_eq!(place("é\naé.x", 6), Place { line: 2, column: 3 });
        assert_eq!(place("abc", 99), Place { line: 1, column: 4 });
    }
}
