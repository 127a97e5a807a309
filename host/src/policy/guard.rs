//! What no policy gives away by accident.
//!
//! Two rules stand before every policy. They are code and not statements, so that no start has to read and validate them again.

use cedar_policy::{Policy as Statement, PolicySet};

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
    // And this program's file and the decision record, wherever they are.
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

/// The special file systems that a statement names, whether as an entity or in a pattern.
pub(super) fn names(statement: &Statement) -> Vec<&'static str> {
    let text = statement.to_string();
    SPECIAL.iter().filter(|root| text.contains(&format!("\"{root}\"")) || text.contains(&format!("\"{root}/"))).copied().collect()
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

    #[test]
    fn what_names_a_special_file_system() {
        for (condition, named) in [
            (r#"resource in file_system::Dir::"/proc""#, vec!["/proc"]),
            (r#"resource.path like "/sys/class/*" || resource.path == "/dev/null""#, vec!["/sys", "/dev"]),
            (r#"resource in file_system::Dir::"/process""#, vec![]),
        ] {
            let set: PolicySet = format!("permit(principal, action, resource) when {{ {condition} }};").parse().unwrap();
            assert_eq!(names(set.policies().next().unwrap()), named, "{condition}");
        }
        assert_eq!((special("/proc/1/mem"), special("/dev"), special("/device")), (Some("/proc"), Some("/dev"), None));
    }
}
