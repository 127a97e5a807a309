//! What a policy can ever permit: more than it does permit, never less. It is for a wall behind the gate, not for decisions.

use std::collections::BTreeSet;

use super::index::Index;
use super::schema::{Action, EntityType};
use crate::platform::parent;

/// Where something can ever be permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// Anywhere.
    Everywhere,
    /// At these canonical paths and below them.
    Below(BTreeSet<String>),
}

/// What a policy can ever permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The actions.
    pub actions: BTreeSet<Action>,
    /// Where content, or what a directory has in it, can be read.
    pub reading: Places,
    /// Where anything can be made, written, moved or removed.
    pub changing: Places,
    /// Whether it permits something in a special file system by name.
    pub special: bool,
}

/// What opens something for reading.
const READING: &[Action] = &[Action::Read, Action::RedactedRead, Action::SetXAttr];
/// What changes directories, or content.
pub(crate) const CHANGING: &[Action] = &[Action::Write, Action::Create, Action::Delete, Action::Move];

impl Reach {
    pub(super) fn new(index: &Index) -> Self {
        Self {
            actions: Action::ALL.iter().copied().filter(|action| index.may_permit(*action)).collect(),
            reading: places(index, READING, |_, path| vec![path.to_owned()]),
            changing: places(index, CHANGING, around),
            special: index.names_any_special(),
        }
    }

    /// Whether any of these can be permitted.
    #[must_use]
    pub fn any(&self, actions: &[Action]) -> bool {
        actions.iter().any(|action| self.actions.contains(action))
    }
}

/// What is permitted at a path is done there and in the directory that it is in. A directory of the root is the exception: that it could be
/// removed or renamed would leave the wall nothing to keep out.
fn around(kind: EntityType, path: &str) -> Vec<String> {
    match (kind, parent(path)) {
        (EntityType::Dir, "/") => vec![path.to_owned()],
        (_, above) => vec![path.to_owned(), above.to_owned()],
    }
}

fn places(index: &Index, actions: &[Action], around: impl Fn(EntityType, &str) -> Vec<String>) -> Places {
    let mut found = BTreeSet::new();
    for action in actions {
        let Some(paths) = index.permitted_at(*action) else { return Places::Everywhere };
        found.extend(paths.flat_map(|(kind, path)| around(kind, path)));
    }
    Places::Below(found)
}

#[cfg(test)]
mod tests {
    use crate::policy::{Action, Policy};

    use super::*;

    fn below(paths: &[&str]) -> Places {
        Places::Below(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn a_policy_reaches_what_its_permits_name() {
        let policy = Policy::parse(
            r#"permit(principal, action in [file_system::Action::"open", file_system::Action::"read"], resource in file_system::Dir::"/srv/a");
               permit(principal, action == file_system::Action::"write", resource == file_system::File::"/srv/b/f");
               forbid(principal, action, resource in file_system::Dir::"/srv/c");"#,
        );
        let reach = policy.unwrap().reach();
        assert_eq!(reach.actions, BTreeSet::from([Action::Open, Action::Read, Action::Write]));
        assert_eq!((reach.reading, reach.changing), (below(&["/srv/a"]), below(&["/srv/b", "/srv/b/f"])));
        assert!(!reach.special);
    }

    /// Or the root, where each of them is made, would be in reach with all below it.
    // Threat: T-GUEST-10
    #[test]
    fn a_permit_for_a_directory_of_the_root_does_not_open_the_root() {
        let policy = r#"permit(principal, action, resource in file_system::Dir::"/tmp");"#;
        assert_eq!(Policy::parse(policy).unwrap().reach().changing, below(&["/tmp"]));
        let policy = r#"permit(principal, action, resource == file_system::File::"/swap");"#;
        assert_eq!(Policy::parse(policy).unwrap().reach().changing, below(&["/", "/swap"]));
    }

    /// Or whoever forbids more would be walled in less.
    // Threat: T-GUEST-10
    #[test]
    fn forbidding_a_special_file_system_does_not_open_the_wall() {
        let policy = r#"permit(principal, action, resource);
            forbid(principal, action, resource in file_system::Dir::"/proc");
            forbid(principal, action, resource) when { resource in file_system::Dir::"/sys" };"#;
        assert!(!Policy::parse(policy).unwrap().reach().special);
    }

    /// What a condition says is for Cedar to know.
    #[test]
    fn a_permit_without_a_place_reaches_everywhere() {
        let policy = r#"permit(principal, action == file_system::Action::"read", resource) when { resource in file_system::Dir::"/proc/self" };"#;
        let reach = Policy::parse(policy).unwrap().reach();
        assert_eq!((reach.reading, reach.changing, reach.special), (Places::Everywhere, below(&[]), true));
    }
}
