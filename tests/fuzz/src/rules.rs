//! Policies of one simple kind: rules that permit or forbid some actions in some place. What they say is known without Cedar.

use arbitrary::Arbitrary;
use rex_runner::policy::{Action, EntityType};

/// The actions of files.
pub const ACTIONS: &[Action] = &[
    Action::Open,
    Action::Read,
    Action::Write,
    Action::Create,
    Action::Delete,
    Action::Stat,
    Action::Move,
    Action::Chmod,
    Action::Chown,
    Action::RedactedRead,
    Action::SetXAttr,
];

/// One rule.
#[derive(Debug, Clone, Arbitrary)]
pub struct Rule {
    forbids: bool,
    /// A bit for each of [`ACTIONS`].
    actions: u16,
    /// Which of the places.
    place: u8,
    /// Whether the place is a file, and the rule is about that alone.
    file: bool,
}

/// What a set of rules says.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<(Rule, String)>,
}

impl Rules {
    /// Rules about some places. Where there is none that permits, everything is permitted in the first place.
    #[must_use]
    pub fn new(rules: &[Rule], places: &[String]) -> Self {
        let all = Rule { forbids: false, actions: u16::MAX, place: 0, file: false };
        let none = !rules.iter().any(|rule| !rule.forbids);
        let rules = rules.iter().take(8).chain(none.then_some(&all));
        Self { rules: rules.map(|rule| (rule.clone(), places[usize::from(rule.place) % places.len()].clone())).collect() }
    }

    /// The policy that says the same.
    #[must_use]
    pub fn policy(&self) -> String {
        let mut policy = String::new();
        for (rule, place) in &self.rules {
            let actions: Vec<_> = ACTIONS.iter().filter(|action| rule.names(**action)).map(ToString::to_string).collect();
            let effect = if rule.forbids { "forbid" } else { "permit" };
            let resource = if rule.file { "== file_system::File" } else { "in file_system::Dir" };
            policy += &format!("{effect}(principal, action in [{}], resource {resource}::{place:?});\n", actions.join(", "));
        }
        policy
    }

    /// Whether they permit this.
    #[must_use]
    pub fn permit(&self, action: &str, kind: EntityType, id: &str) -> bool {
        let matching = |forbids| {
            self.rules.iter().any(|(rule, place)| {
                let there = match rule.file {
                    true => kind == EntityType::File && id == place,
                    // A file of the directory's name is not in it.
                    false => std::path::Path::new(id).starts_with(place) && (kind == EntityType::Dir || id != place),
                };
                rule.forbids == forbids && there && ACTIONS.iter().any(|one| rule.names(*one) && one.to_string() == action)
            })
        };
        matching(false) && !matching(true)
    }
}

impl Rule {
    /// The highest bit stands for all, so that a fuzzer need not guess each.
    fn names(&self, action: Action) -> bool {
        let number = ACTIONS.iter().position(|other| *other == action);
        // A rule names at least one.
        self.actions & 0x8000 != 0 || number.is_some_and(|number| self.actions >> number & 1 == 1 || number == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prohibition_wins_and_a_place_holds_what_is_below() {
        let places = ["/x".to_owned(), "/x/y".to_owned()];
        let permit = Rule { forbids: false, actions: 0x8000, place: 0, file: false };
        let forbid = Rule { forbids: true, actions: 0b10, place: 1, file: true };
        let rules = Rules::new(&[permit, forbid], &places);
        let read = Action::Read.to_string();
        assert!(rules.permit(&read, EntityType::File, "/x/yz") && rules.permit(&read, EntityType::Dir, "/x/y"));
        assert!(rules.permit(&read, EntityType::Dir, "/x") && !rules.permit(&read, EntityType::File, "/x"));
        assert!(!rules.permit(&read, EntityType::File, "/x/y") && !rules.permit(&read, EntityType::File, "/xy"));
        assert!(rules.permit(&Action::Write.to_string(), EntityType::File, "/x/y"));
        rex_runner::policy::Policy::parse(&rules.policy()).unwrap();
        assert!(Rules::new(&[], &places).permit(&read, EntityType::File, "/x/y"));
    }
}
