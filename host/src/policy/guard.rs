//! What no policy gives away by accident.
//!
//! Two rules stand before every policy. They are code and not statements, so that no start has to read and validate them again.

use cedar_policy::{Effect, Policy as Statement, PolicySet, ResourceConstraint};
use serde_json::{Value, json};

use super::schema::Action;
use crate::platform::is_in;

/// The annotation by which a policy gives up a guard: `@unguard("ssh")` on any of its statements.
pub const ANNOTATION: &str = "unguard";

/// Who may change one of these has the machine. Each name stands for the paths themselves and for all below them.
pub const GUARDS: &[(&str, &[&str])] = &[
    (
        "accounts",
        &[
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "/etc/gshadow",
            "/etc/sudoers",
            "/etc/sudoers.d",
            "/etc/pam.d",
            "/etc/security",
            "/etc/polkit-1",
        ],
    ),
    // And whatever is in a directory `.ssh`.
    (SSH, &["/etc/ssh"]),
    ("loader", &["/etc/ld.so.preload", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"]),
    (
        "schedule",
        &[
            "/etc/crontab",
            "/etc/anacrontab",
            "/etc/cron.d",
            "/etc/cron.hourly",
            "/etc/cron.daily",
            "/etc/cron.weekly",
            "/etc/cron.monthly",
            "/var/spool/cron",
            "/var/spool/at",
        ],
    ),
    (
        "services",
        &[
            "/etc/systemd",
            "/usr/lib/systemd",
            "/lib/systemd",
            "/usr/local/lib/systemd",
            "/run/systemd",
            "/etc/init.d",
            "/etc/profile.d",
        ],
    ),
    (
        "agent",
        &[
            "/etc/amazon/ssm",
            "/var/lib/amazon/ssm",
            "/var/log/amazon/ssm",
            "/snap/amazon-ssm-agent",
            "/var/snap/amazon-ssm-agent",
        ],
    ),
    // And this program's file, the decision record and the dictionary of what is not redacted, wherever they are.
    (REX, &["/etc/opt/rex"]),
];

const SSH: &str = "ssh";
const REX: &str = "rex";

/// File systems of which each file is something else, and none is only a file. A permit for everything does not mean them: they are
/// permitted by a statement that names them, or something in them.
pub const SPECIAL: &[&str] = &["/proc", "/sys", "/dev"];

/// The guards of one policy.
#[derive(Debug)]
pub(super) struct Guards {
    active: Vec<&'static str>,
    /// Canonical paths of Rex's own files.
    own: Vec<String>,
}

impl Guards {
    /// All of them but those that the policy gives up. Returns the first name that is no guard's.
    pub(super) fn new(set: &PolicySet, own: Vec<String>) -> Result<Self, String> {
        let given_up: Vec<_> = set.policies().filter_map(|statement| annotation(statement, ANNOTATION)).collect();
        if let Some(unknown) = given_up.iter().find(|name| !GUARDS.iter().any(|(guard, _)| guard == *name)) {
            return Err((*unknown).to_owned());
        }
        Ok(Self { active: GUARDS.iter().map(|(name, _)| *name).filter(|name| !given_up.contains(name)).collect(), own })
    }

    /// The guard that stands before this.
    pub(super) fn forbids(&self, action: Action, path: &str) -> Option<&'static str> {
        if !changes(action) {
            return None;
        }
        let mut active = GUARDS.iter().filter(|(name, _)| self.active.contains(name));
        active
            .find(|(name, paths)| {
                paths.iter().any(|guarded| is_in(path, guarded))
                    || (*name == SSH && path.split('/').any(|part| part == ".ssh"))
                    || (*name == REX && self.own.iter().any(|own| own == path))
            })
            .map(|(name, _)| *name)
    }
}

/// The special file system that a path is in.
pub(super) fn special(path: &str) -> Option<&'static str> {
    SPECIAL.iter().find(|root| is_in(path, root)).copied()
}

/// The stack for taking a statement apart: no less than a main thread has, where it was read first, and so much more for each byte of its
/// text. Memory is taken as it is used.
const MIN_STACK: usize = 16 << 20;
const STACK_OF_BYTE: usize = 512;

/// The special file systems that a statement permits by name, whether as an entity or in a pattern.
pub(super) fn names(statement: &Statement) -> Vec<&'static str> {
    if statement.effect() == Effect::Forbid {
        return Vec::new();
    }
    let mut paths = affirmed(statement);
    if let ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) | ResourceConstraint::Eq(uid) =
        statement.resource_constraint()
    {
        paths.push(uid.id().unescaped().to_owned());
    }
    SPECIAL.iter().copied().filter(|root| paths.iter().any(|path| is_in(path, root))).collect()
}

/// The paths and patterns that the resource has to match for what stands under `when`. A comparison counts where it is a condition of
/// its own: not under a negation, as the condition of an `if`, or as a part of another comparison.
fn affirmed(statement: &Statement) -> Vec<String> {
    if !statement.has_non_scope_constraint() {
        return Vec::new();
    }
    // Cedar reads a statement a second time to give its parts, and few mention any of this.
    let text = statement.to_string();
    if !SPECIAL.iter().any(|root| text.contains(root)) {
        return Vec::new();
    }
    // It goes as deep as the statement has operators, and nothing but the text bounds these.
    stacker::grow(MIN_STACK + STACK_OF_BYTE * text.len(), || affirmed_in(&statement.to_json().unwrap_or_default()))
}

/// The same of a statement as JSON.
fn affirmed_in(json: &Value) -> Vec<String> {
    let conditions = json.get("conditions").and_then(Value::as_array).into_iter().flatten();
    let mut open: Vec<_> = conditions
        .filter(|condition| condition.get("kind") == Some(&json!("when")))
        .filter_map(|when| when.get("body"))
        .collect();
    let mut paths = Vec::new();
    while let Some(expression) = open.pop() {
        for (operator, operands) in expression.as_object().into_iter().flatten() {
            let named = |names: &[&str]| names.iter().filter_map(|name| operands.get(name)).collect::<Vec<_>>();
            match operator.as_str() {
                "&&" | "||" => open.extend(named(&["left", "right"])),
                "if-then-else" => open.extend(named(&["then", "else"])),
                "==" | "in" | "is" | "like" | "contains" => {
                    let operands = named(&["left", "right", "in", "pattern"]);
                    if operands.iter().any(|operand| is_resource(operand)) {
                        paths.extend(operands.into_iter().flat_map(literals));
                    }
                }
                _ => {}
            }
        }
    }
    paths
}

/// Whether an operand is the resource, or an attribute of it.
fn is_resource(operand: &Value) -> bool {
    let resource = json!({ "Var": "resource" });
    *operand == resource || operand.pointer("/./left") == Some(&resource)
}

/// The texts in an operand that is nothing but a literal: an entity's name, a text, a pattern, or a set of them.
fn literals(operand: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().or_else(|| value.pointer("/__entity/id")?.as_str()).map(str::to_owned);
    if let Some(pattern) = operand.as_array() {
        return vec![pattern.iter().map(|part| part.get("Literal").and_then(Value::as_str).unwrap_or("*")).collect()];
    }
    let elements = operand.get("Set").and_then(Value::as_array).map_or(std::slice::from_ref(operand), Vec::as_slice);
    elements.iter().filter_map(|element| element.get("Value")).filter_map(text).collect()
}

/// What a statement says under an annotation. Cedar's own look would make a parser for the annotation's name, which takes as long as
/// reading a policy.
pub(super) fn annotation<'s>(statement: &'s Statement, name: &str) -> Option<&'s str> {
    statement.annotations().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Whether an action leaves something behind that somebody else may use.
const fn changes(action: Action) -> bool {
    matches!(
        action,
        Action::Write
            | Action::Create
            | Action::Delete
            | Action::Move
            | Action::Chmod
            | Action::Chown
            | Action::SetXAttr
            | Action::Unmount
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards(policy: &str) -> Guards {
        Guards::new(&policy.parse().unwrap(), vec!["/opt/rex/bin/rex-runner".to_owned()]).unwrap()
    }

    // Threat: T-POLICY-9
    #[test]
    fn each_guard_stands_until_it_is_given_up() {
        let all = guards("permit(principal, action, resource);");
        for (name, path) in [
            ("accounts", "/etc/sudoers.d/x"),
            ("ssh", "/home/u/.ssh/authorized_keys"),
            ("loader", "/etc/ld.so.preload"),
            ("schedule", "/var/spool/cron/root"),
            ("services", "/etc/systemd/system/x.service"),
            ("agent", "/var/lib/amazon/ssm/x"),
            ("rex", "/opt/rex/bin/rex-runner"),
        ] {
            for action in [Action::Write, Action::Create, Action::Delete, Action::Move, Action::Chmod, Action::Chown] {
                assert_eq!(all.forbids(action, path), Some(name), "{action} {path}");
            }
            assert_eq!(all.forbids(Action::Read, path), None);
            let given_up = guards(&format!("@unguard(\"{name}\") permit(principal, action, resource);"));
            assert_eq!(given_up.forbids(Action::Write, path), None, "{path}");
        }
        for path in ["/etc/sudoers2", "/etc/cron.dx/y", "/srv/.sshx", "/opt/rex/bin"] {
            assert_eq!(all.forbids(Action::Write, path), None, "{path}");
        }
    }

    #[test]
    fn a_guard_that_does_not_exist_cannot_be_given_up() {
        let set = "@unguard(\"sssh\") permit(principal, action, resource);".parse().unwrap();
        assert_eq!(Guards::new(&set, Vec::new()).unwrap_err(), "sssh");
    }

    fn named(statement: &str) -> Vec<&'static str> {
        let set: PolicySet = statement.parse().unwrap();
        names(set.policies().next().unwrap())
    }

    #[test]
    fn what_names_a_special_file_system() {
        for (condition, expected) in [
            (r#"resource in file_system::Dir::"/proc""#, vec!["/proc"]),
            (r#"resource.path like "/sys/class/*" || resource.path == "/dev/null""#, vec!["/sys", "/dev"]),
            (r#"resource in [file_system::Dir::"/srv", file_system::Dir::"/sys/class"]"#, vec!["/sys"]),
            (r#"["/dev/null", "/dev/zero"].contains(resource.path)"#, vec!["/dev"]),
            (r#"if principal == User::"root" then "/proc/stat" == resource.path else false"#, vec!["/proc"]),
            (r#"resource is file_system::File in file_system::Dir::"/proc""#, vec!["/proc"]),
            (r#"resource in file_system::Dir::"/process""#, vec![]),
            (r#"resource.path like "/proc*""#, vec![]),
        ] {
            assert_eq!(named(&format!("permit(principal, action, resource) when {{ {condition} }};")), expected, "{condition}");
        }
        assert_eq!(named(r#"permit(principal, action, resource is file_system::File in file_system::Dir::"/sys");"#), ["/sys"]);
        assert_eq!((special("/proc/1/mem"), special("/dev"), special("/device")), (Some("/proc"), Some("/dev"), None));
    }

    #[test]
    fn a_condition_of_many_parts_is_read_to_its_end() {
        let parts = vec!["resource.path == \"/srv/x\""; 3000].join(" || ");
        let statement = |last: &str| format!("permit(principal, action, resource) when {{ {last} || {parts} || {last} }};");
        assert_eq!(
            (named(&statement("resource.path == \"/proc/x\"")), named(&statement("\"/proc\" == \"/x\""))),
            (vec!["/proc"], vec![])
        );
    }

    /// Each mentions it, and none says that it is permitted.
    // Threat: T-POLICY-10
    #[test]
    fn a_mention_of_a_special_file_system_does_not_open_it() {
        let proc = r#"file_system::Dir::"/proc""#;
        for statement in [
            r#"@doc("/proc") permit(principal, action, resource);"#.to_owned(),
            r#"@doc("/proc") permit(principal, action, resource) when { resource.path like "/srv/*" };"#.to_owned(),
            r#"permit(principal, action, resource) unless { resource in file_system::Dir::"/proc/sys" };"#.to_owned(),
            format!("permit(principal, action, resource) when {{ !(resource in {proc}) }};"),
            format!("permit(principal, action, resource) when {{ !(resource in {proc} || resource.path == \"/x\") }};"),
            format!("permit(principal, action, resource) when {{ resource != {proc} }};"),
            format!("permit(principal, action, resource) when {{ (resource in {proc}) == false }};"),
            format!("permit(principal, action, resource) when {{ if resource in {proc} then false else true }};"),
            r#"permit(principal, action, resource) when { context.destination.path like "/proc/*" };"#.to_owned(),
            format!("forbid(principal, action, resource in {proc});"),
            format!("forbid(principal, action, resource) when {{ resource in {proc} }};"),
            "// /proc\npermit(principal, action, resource) when { true };".to_owned(),
        ] {
            assert!(named(&statement).is_empty(), "{statement}");
        }
    }
}
