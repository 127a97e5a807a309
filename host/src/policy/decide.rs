//! Asking Cedar, and saying why it answered as it did.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision as Answer, Entities, Entity, EntityId, EntityUid, PolicySet,
    RestrictedExpression,
};

use super::guard;
use super::index::{Candidates, Index};
use super::{Action, EntityType, Policy};
use crate::platform::parent;

/// How many answers, and how many sets of statements, are remembered at one time.
const MAX_REMEMBERED: usize = 1024;

/// One question to the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'r> {
    /// What is to be done.
    pub action: Action,
    /// With what kind of thing.
    pub kind: EntityType,
    /// With which: the canonical path.
    pub id: &'r str,
    /// Under what circumstances.
    pub facts: &'r Facts,
}

/// What a decision can depend on besides the action and the resource: Cedar's context.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Facts {
    /// Nothing.
    #[default]
    None,
    /// Where the resource would be afterwards: a canonical path.
    Destination(String),
    /// Which extended attribute it is about.
    Attribute(&'static str),
}

impl Facts {
    fn context(&self) -> Result<Context, String> {
        let (key, members) = match self {
            Self::None => return Ok(Context::empty()),
            Self::Destination(path) => {
                let name = path.rsplit_once('/').map_or("", |(_, name)| name);
                ("destination", vec![("path", path.as_str()), ("name", name), ("parent_path", parent(path))])
            }
            Self::Attribute(name) => ("xattr", vec![("name", *name)]),
        };
        let member = |(key, value): (&str, &str)| (key.to_owned(), RestrictedExpression::new_string(value.to_owned()));
        let record = RestrictedExpression::new_record(members.into_iter().map(member)).map_err(|error| error.to_string())?;
        Context::from_pairs([(key.to_owned(), record)]).map_err(|error| error.to_string())
    }
}

/// The policy's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
}

/// Why the policy answered as it did. Statements go by their `@id`, or by their number: `policy0` is the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// These statements permit it.
    Permitted(Vec<String>),
    /// These statements forbid it.
    Forbidden(Vec<String>),
    /// These statements could not be evaluated, so that nobody knows what they would have said.
    Failed(Vec<String>),
    /// No statement permits it.
    NotPermitted,
    /// A guard stands before it that the policy has not given up.
    Guarded(&'static str),
    /// It is in this special file system, and no statement that permits it names that.
    Unnamed(&'static str),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Permitted(ids) => write!(formatter, "permitted by {}", ids.join(", ")),
            Self::Forbidden(ids) => write!(formatter, "forbidden by {}", ids.join(", ")),
            Self::Failed(errors) => write!(formatter, "the policy could not be evaluated: {}", errors.join(", ")),
            Self::NotPermitted => formatter.write_str("no policy permits it"),
            Self::Guarded(name) => write!(formatter, "the built-in guard `{name}` forbids it"),
            Self::Unnamed(root) => write!(formatter, "no policy that names {root}, or something in it, permits it"),
        }
    }
}

/// The stack that Cedar has for one answer, in bytes. It is Cedar's own, because Cedar measures what is left of the thread's, and a
/// guest's calls come on another.
const CEDAR_STACK: usize = 2 << 20;

/// What an answer is remembered by.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Question {
    /// About this resource, under these circumstances.
    One(Action, EntityType, String, Facts),
    /// About any resource of the same [`Candidates::shape`], in the same special file system if in any.
    Alike(Action, EntityType, Option<&'static str>, (Vec<usize>, Vec<usize>)),
}

/// Asks one policy for one principal, and remembers the answers.
#[derive(Debug)]
pub struct Decider {
    policy: Arc<Policy>,
    principal: EntityUid,
    authorizer: Authorizer,
    // INVARIANT: an answer depends on nothing but its key. Attributes that are not functions of the id have to become part of it.
    answers: HashMap<Question, Arc<Decision>>,
    sets: HashMap<(Action, Vec<usize>), Arc<PolicySet>>,
}

impl Decider {
    /// `user` is the name of the operating system's user that the host runs as.
    #[must_use]
    pub fn new(policy: Arc<Policy>, user: &str) -> Self {
        Self {
            policy,
            principal: EntityUid::from_type_name_and_id(user_type(), EntityId::new(user)),
            authorizer: Authorizer::new(),
            answers: HashMap::new(),
            sets: HashMap::new(),
        }
    }

    /// Whether the policy has a statement that permits this action on anything. Where it has none, there is no need to ask.
    #[must_use]
    pub fn may_permit(&self, action: Action) -> bool {
        self.policy.index.may_permit(action)
    }

    /// The policy's answer. Any doubt is a denial.
    pub fn decide(&mut self, request: Request<'_>) -> Arc<Decision> {
        let policy = Arc::clone(&self.policy);
        if let Some(name) = policy.guards.forbids(request.action, request.id) {
            return Arc::new(Decision { allowed: false, reason: Reason::Guarded(name) });
        }
        let candidates = policy.index.candidates(request.action, request.kind, request.id);
        let question = match candidates.shape() {
            Some(shape) => Question::Alike(request.action, request.kind, guard::special(request.id), shape),
            None => Question::One(request.action, request.kind, request.id.to_owned(), request.facts.clone()),
        };
        if let Some(known) = self.answers.get(&question) {
            return Arc::clone(known);
        }
        let decision = Arc::new(stacker::grow(CEDAR_STACK, || self.ask(&policy, request, &candidates)));
        if self.answers.len() >= MAX_REMEMBERED {
            self.answers.clear();
        }
        self.answers.insert(question, Arc::clone(&decision));
        decision
    }

    fn ask(&mut self, policy: &Policy, request: Request<'_>, candidates: &Candidates<'_>) -> Decision {
        let Some(action) = policy.index.action(request.action) else {
            return Decision { allowed: false, reason: Reason::NotPermitted };
        };
        let failed = |reason: String| Decision { allowed: false, reason: Reason::Failed(vec![reason]) };
        let set = match self.set(request.action, candidates) {
            Ok(set) => set,
            Err(reason) => return failed(reason),
        };
        let (cedar_request, entities) = match self.question(request, action, candidates) {
            Ok(question) => question,
            Err(reason) => return failed(reason),
        };
        let response = self.authorizer.is_authorized(&cedar_request, &set, &entities);
        let errors: Vec<_> = response.diagnostics().errors().map(|error| evaluation_error(&policy.index, error)).collect();
        let ids = || response.diagnostics().reason().map(|id| policy.index.name(id)).collect::<Vec<_>>();
        match response.decision() {
            // Cedar goes on without a statement that failed. It may have been the one that forbids.
            _ if !errors.is_empty() => Decision { allowed: false, reason: Reason::Failed(errors) },
            Answer::Allow
                if let Some(root) = guard::special(request.id)
                    && !response.diagnostics().reason().any(|id| policy.index.names_special(id, root)) =>
            {
                Decision { allowed: false, reason: Reason::Unnamed(root) }
            }
            Answer::Allow => Decision { allowed: true, reason: Reason::Permitted(ids()) },
            Answer::Deny => {
                let ids = ids();
                let reason = if ids.is_empty() { Reason::NotPermitted } else { Reason::Forbidden(ids) };
                Decision { allowed: false, reason }
            }
        }
    }

    /// The candidates as Cedar wants them.
    fn set(&mut self, action: Action, candidates: &Candidates<'_>) -> Result<Arc<PolicySet>, String> {
        let key = (action, candidates.key.clone());
        if let Some(known) = self.sets.get(&key) {
            return Ok(Arc::clone(known));
        }
        let set = PolicySet::from_policies(candidates.statements().cloned()).map_err(|error| error.to_string())?;
        let set = Arc::new(set);
        if self.sets.len() >= MAX_REMEMBERED {
            self.sets.clear();
        }
        self.sets.insert(key, Arc::clone(&set));
        Ok(set)
    }

    fn question(
        &self,
        request: Request<'_>,
        action: &Entity,
        candidates: &Candidates<'_>,
    ) -> Result<(cedar_policy::Request, Entities), String> {
        let type_name = self.policy.index.type_name(request.kind).ok_or("the entity type is not in the schema")?;
        let uid = EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(request.id));
        let parents = candidates.parents.iter().map(|uid| (*uid).clone()).collect();
        let resource = if candidates.needs_attributes() {
            let path = RestrictedExpression::new_string(request.id.to_owned());
            Entity::new(uid.clone(), HashMap::from([("path".to_owned(), path)]), parents).map_err(|error| error.to_string())?
        } else {
            Entity::new_no_attrs(uid.clone(), parents)
        };
        let entities = Entities::from_entities([action.clone(), resource], None).map_err(|error| error.to_string())?;
        let request = cedar_policy::Request::new(self.principal.clone(), action.uid(), uid, request.facts.context()?, None)
            .map_err(|error| error.to_string())?;
        Ok((request, entities))
    }
}

#[expect(clippy::expect_used, reason = "the text is a constant, and a test parses it")]
fn user_type() -> cedar_policy::EntityTypeName {
    "User".parse().expect("`User` is the name of an entity type")
}

/// What Cedar says of a statement that failed, in one line.
fn evaluation_error(index: &Index, error: &AuthorizationError) -> String {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    format!("{}: {}", index.name(error.policy_id()), error.inner())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::LazyLock;

    use cedar_policy::{EntityTypeName, Schema};
    use proptest::prelude::*;

    use super::*;
    use crate::policy::schema;

    const READ: Request<'static> =
        Request { action: Action::Read, kind: EntityType::File, id: "/srv/app/f", facts: &Facts::None };

    fn decide(policy: &str, request: Request<'_>) -> Decision {
        let policy = Arc::new(Policy::parse(policy).unwrap());
        Decision::clone(&Decider::new(policy, "root").decide(request))
    }

    #[test]
    fn nothing_is_permitted_by_default() {
        let decision = decide("permit(principal == User::\"somebody\", action, resource);", READ);
        assert_eq!(decision, Decision { allowed: false, reason: Reason::NotPermitted });
    }

    #[test]
    fn a_directory_means_itself_and_what_is_below_it() {
        let policy =
            r#"@id("srv") permit(principal, action in file_system::Action::"SafeIO", resource in file_system::Dir::"/srv/app");"#;
        let dir = |id| Request { action: Action::Open, kind: EntityType::Dir, id, facts: &Facts::None };
        for request in [READ, dir("/srv/app"), dir("/srv/app/x/y")] {
            assert_eq!(decide(policy, request).reason, Reason::Permitted(vec!["srv".to_owned()]), "{request:?}");
        }
        for request in [dir("/srv"), dir("/srv/app-evil"), dir("/"), Request { id: "/srv/apple", ..READ }] {
            assert!(!decide(policy, request).allowed, "{request:?}");
        }
    }

    /// `like` sees the canonical path, in which no `..` can be.
    #[test]
    fn forbid_wins_and_names_its_statement() {
        let policy = r#"permit(principal, action, resource);
            @id("secrets") forbid(principal, action == file_system::Action::"read", resource) when { resource.path like "/srv/*" };"#;
        assert_eq!(decide(policy, READ).reason, Reason::Forbidden(vec!["secrets".to_owned()]));
        assert!(decide(policy, Request { id: "/etc/x", ..READ }).allowed);
    }

    // Threat: T-POLICY-12
    #[test]
    fn a_name_that_is_not_its_own_names_no_statement() {
        for (first, second, expected) in [
            ("@id(\"a\")", "@id(\"a\")", "policy1"),
            ("", "@id(\"policy0\")", "policy1"),
            ("", "@id(\"\")", "policy1"),
            ("", "@id(\"policy1\")", "policy1"),
            ("@id(\"a\")", "@id(\"b\")", "b"),
        ] {
            let policy = format!("{first} permit(principal, action, resource);\n{second} forbid(principal, action, resource);");
            assert_eq!(decide(&policy, READ).reason, Reason::Forbidden(vec![expected.to_owned()]), "{policy}");
        }
    }

    /// A permit for everything was not meant to be one for the memory of processes and the disks themselves.
    // Threat: T-POLICY-10
    #[test]
    fn a_special_file_system_is_permitted_by_name() {
        let all = "permit(principal, action, resource);";
        for id in ["/proc/version", "/proc", "/sys/kernel/x", "/dev/sda"] {
            let decision = decide(all, Request { id, ..READ });
            assert!(matches!(decision.reason, Reason::Unnamed(_)) && !decision.allowed, "{id}: {decision:?}");
        }
        let named = format!("{all} permit(principal, action, resource) when {{ resource in file_system::Dir::\"/proc/sys\" }};");
        assert!(decide(&named, Request { id: "/proc/sys/kernel/ostype", ..READ }).allowed);
        assert!(!decide(&named, Request { id: "/proc/version", ..READ }).allowed);
        let like =
            "permit(principal, action == file_system::Action::\"read\", resource) when { resource.path like \"/dev/null\" };";
        assert!(decide(like, Request { id: "/dev/null", ..READ }).allowed);
    }

    #[test]
    fn a_guard_is_stronger_than_any_permit() {
        let write = Request { action: Action::Write, id: "/root/.ssh/authorized_keys", ..READ };
        assert_eq!(decide("permit(principal, action, resource);", write).reason, Reason::Guarded("ssh"));
        assert!(decide("@unguard(\"ssh\") permit(principal, action, resource);", write).allowed);
        assert!(decide("permit(principal, action, resource);", Request { action: Action::Read, ..write }).allowed);
    }

    #[test]
    fn a_statement_can_look_at_the_destination() {
        let policy = r#"permit(principal, action == file_system::Action::"move", resource)
            when { context.destination.path like "/srv/new/*" && context.destination.parent_path == "/srv/new" };"#;
        let policy = Arc::new(Policy::parse(policy).unwrap());
        let mut decider = Decider::new(policy, "root");
        for (path, allowed) in [("/srv/new/f", true), ("/srv/new/d/f", false), ("/etc/f", false), ("/srv/new/f", true)] {
            let facts = Facts::Destination(path.to_owned());
            let request = Request { action: Action::Move, facts: &facts, ..READ };
            assert_eq!(decider.decide(request).allowed, allowed, "{path}");
        }
    }

    /// Cedar goes on without a statement that fails: a `forbid` that does would fail open.
    // Threat: T-POLICY-3
    #[test]
    fn a_statement_that_fails_denies() {
        let policy = r#"permit(principal, action, resource);
            forbid(principal, action == file_system::Action::"read", resource) when { 9223372036854775807 + 1 == 0 };"#;
        let decision = decide(policy, READ);
        assert!(
            !decision.allowed && matches!(&decision.reason, Reason::Failed(errors) if errors[0].contains("policy1")),
            "{decision:?}"
        );
        assert!(decide(policy, Request { action: Action::Open, ..READ }).allowed);
    }

    // Threat: T-POLICY-5
    #[test]
    fn answers_are_remembered_without_end() {
        let policy = r#"permit(principal, action, resource) when { resource in file_system::Dir::"/a" };"#;
        let policy = Arc::new(Policy::parse(policy).unwrap());
        let mut decider = Decider::new(policy, "root");
        for number in 0..3 * MAX_REMEMBERED {
            let id = format!("/{}/{number}", if number % 2 == 0 { "a" } else { "b" });
            assert_eq!(decider.decide(Request { id: &id, ..READ }).allowed, number % 2 == 0);
        }
        assert!((100..=MAX_REMEMBERED).contains(&decider.answers.len()));
    }

    #[test]
    fn files_that_no_statement_tells_apart_are_one_question() {
        let policy = r#"permit(principal, action, resource in file_system::Dir::"/a");
            forbid(principal, action, resource == file_system::File::"/a/7");"#;
        let mut decider = Decider::new(Arc::new(Policy::parse(policy).unwrap()), "root");
        for number in 0..100 {
            assert_eq!(decider.decide(Request { id: &format!("/a/{number}"), ..READ }).allowed, number != 7);
        }
        assert_eq!(decider.answers.len(), 2);
    }

    /// What Cedar says of the whole policy, with every ancestor and every attribute.
    fn asked_plainly(policy: &str, principal: &str, request: Request<'_>) -> Option<bool> {
        static SCHEMA: LazyLock<Schema> = LazyLock::new(|| schema::schema().unwrap());
        let type_name = |name: &str| name.parse::<EntityTypeName>().unwrap();
        let uid = |name: &str, id: &str| EntityUid::from_type_name_and_id(type_name(name), EntityId::new(id));
        let mut entities = Vec::new();
        let (mut kind, mut id) = (request.kind.name(), request.id.to_owned());
        loop {
            let above = parent(&id).to_owned();
            let parents = if id == "/" { HashSet::new() } else { HashSet::from([uid(EntityType::Dir.name(), &above)]) };
            let path = HashMap::from([("path".to_owned(), RestrictedExpression::new_string(id.clone()))]);
            entities.push(Entity::new(uid(kind, &id), path, parents).unwrap());
            if id == "/" {
                break;
            }
            (kind, id) = (EntityType::Dir.name(), above);
        }
        let entities = Entities::from_entities(entities, Some(&SCHEMA)).unwrap();
        let action = uid(&format!("{}::Action", request.action.namespace()), request.action.name());
        let resource = uid(request.kind.name(), request.id);
        let question =
            cedar_policy::Request::new(uid("User", principal), action, resource, Context::empty(), Some(&SCHEMA)).ok()?;
        let response = Authorizer::new().is_authorized(&question, &policy.parse().unwrap(), &entities);
        Some(response.decision() == Answer::Allow && response.diagnostics().errors().next().is_none())
    }

    fn any_path() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "a-b", "é"]), 0..4)
            .prop_map(|names| format!("/{}", names.join("/")))
    }

    fn any_statement() -> impl Strategy<Value = String> {
        let action = prop_oneof![
            Just("action".to_owned()),
            Just(r#"action in file_system::Action::"SafeIO""#.to_owned()),
            Just(r#"action in [file_system::Action::"open", file_system::Action::"read"]"#.to_owned()),
            Just(r#"action == file_system::Action::"read""#.to_owned()),
        ];
        let resource = prop_oneof![
            Just("resource".to_owned()),
            Just("resource is file_system::File".to_owned()),
            any_path().prop_map(|path| format!(r#"resource in file_system::Dir::"{path}""#)),
            any_path().prop_map(|path| format!(r#"resource == file_system::File::"{path}""#)),
            any_path().prop_map(|path| format!(r#"resource is file_system::File in file_system::Dir::"{path}""#)),
        ];
        let condition = prop_oneof![
            3 => Just(String::new()),
            1 => any_path().prop_map(|path| format!(r#"when {{ resource in file_system::Dir::"{path}" }}"#)),
            1 => any_path().prop_map(|path| format!(r#"unless {{ resource in [file_system::Dir::"{path}", file_system::Dir::"/a"] }}"#)),
            1 => any_path().prop_map(|path| format!(r#"when {{ resource == file_system::File::"{path}" }}"#)),
            1 => Just("when { 9223372036854775807 + 1 == 0 }".to_owned()),
            1 => Just(r#"when { resource has path && resource.path like "/a*" }"#.to_owned()),
        ];
        let effect = prop_oneof![3 => Just("permit"), 1 => Just("forbid")];
        let principal = prop_oneof![3 => Just("principal"), 1 => Just(r#"principal == User::"root""#)];
        (effect, principal, action, resource, condition).prop_map(|(effect, principal, action, resource, condition)| {
            format!("{effect}({principal}, {action}, {resource}) {condition};")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// The index, the trimmed hierarchy and the memory change nothing.
        // Threat: T-POLICY-4
        #[test]
        fn the_answer_is_that_of_the_whole_policy(
            statements in prop::collection::vec(any_statement(), 1..6),
            questions in prop::collection::vec((any_path(), any::<bool>(), 0..3_usize), 1..8),
            principal in prop::sample::select(vec!["root", "other"]),
        ) {
            let text = statements.join("\n");
            // A condition on `resource.path` of any resource at all, or a scope that can never match, is refused at load.
            let Ok(policy) = Policy::parse(&text) else { return Ok(()) };
            let mut decider = Decider::new(Arc::new(policy), principal);
            for (id, file, action) in &questions {
                let kind = if *file && id != "/" { EntityType::File } else { EntityType::Dir };
                let request = Request { action: [Action::Open, Action::Read, Action::Delete][*action], kind, id, facts: &Facts::None };
                if let Some(expected) = asked_plainly(&text, principal, request) {
                    prop_assert_eq!(decider.decide(request).allowed, expected, "{}\n{:?}", text, request);
                }
            }
        }
    }
}
