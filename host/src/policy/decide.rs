//! Asking Cedar, and saying why it answered as it did.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Decision as Answer, Entities, Entity, EntityId, EntityUid, PolicyId, PolicySet, RestrictedExpression,
};

use super::index::Candidates;
use super::load::evaluation_error;
use super::{Action, EntityType, Policy};

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
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Permitted(ids) => write!(formatter, "permitted by {}", ids.join(", ")),
            Self::Forbidden(ids) => write!(formatter, "forbidden by {}", ids.join(", ")),
            Self::Failed(errors) => write!(formatter, "the policy could not be evaluated: {}", errors.join(", ")),
            Self::NotPermitted => formatter.write_str("no policy permits it"),
        }
    }
}

/// Asks one policy for one principal, and remembers the answers.
#[derive(Debug)]
pub struct Decider {
    policy: Arc<Policy>,
    principal: EntityUid,
    authorizer: Authorizer,
    // INVARIANT: an answer depends on nothing but its key. Attributes that are not functions of the id have to become part of it.
    answers: HashMap<(Action, EntityType, String), Arc<Decision>>,
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

    /// The policy's answer. Any doubt is a denial.
    pub fn decide(&mut self, request: Request<'_>) -> Arc<Decision> {
        let key = (request.action, request.kind, request.id.to_owned());
        if let Some(known) = self.answers.get(&key) {
            return Arc::clone(known);
        }
        let decision = Arc::new(self.ask(request));
        if self.answers.len() >= MAX_REMEMBERED {
            self.answers.clear();
        }
        self.answers.insert(key, Arc::clone(&decision));
        decision
    }

    fn ask(&mut self, request: Request<'_>) -> Decision {
        let policy = Arc::clone(&self.policy);
        let candidates = policy.index.candidates(request.action, request.kind, request.id);
        let failed = |reason: String| Decision { allowed: false, reason: Reason::Failed(vec![reason]) };
        let set = match self.set(request.action, &candidates) {
            Ok(set) => set,
            Err(reason) => return failed(reason),
        };
        let (cedar_request, entities) = match self.question(request, &candidates) {
            Ok(question) => question,
            Err(reason) => return failed(reason),
        };
        let response = self.authorizer.is_authorized(&cedar_request, &set, &entities);
        let errors: Vec<_> = response.diagnostics().errors().map(evaluation_error).collect();
        let ids = || response.diagnostics().reason().map(|id| name(&set, id)).collect::<Vec<_>>();
        match response.decision() {
            // Cedar goes on without a statement that failed. It may have been the one that forbids.
            _ if !errors.is_empty() => Decision { allowed: false, reason: Reason::Failed(errors) },
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

    fn question(&self, request: Request<'_>, candidates: &Candidates<'_>) -> Result<(cedar_policy::Request, Entities), String> {
        let index = &self.policy.index;
        let type_name = index.type_name(request.kind).ok_or("the entity type is not in the schema")?;
        let action = index.action(request.action).ok_or("the action is not in the schema")?;
        let uid = EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(request.id));
        let parents = candidates.parents.iter().map(|uid| (*uid).clone()).collect();
        let resource = if candidates.needs_attributes() {
            let path = RestrictedExpression::new_string(request.id.to_owned());
            Entity::new(uid.clone(), HashMap::from([("path".to_owned(), path)]), parents).map_err(|error| error.to_string())?
        } else {
            Entity::new_no_attrs(uid.clone(), parents)
        };
        let entities = Entities::from_entities([action.clone(), resource], None).map_err(|error| error.to_string())?;
        let request = cedar_policy::Request::new(self.principal.clone(), action.uid(), uid, Context::empty(), None)
            .map_err(|error| error.to_string())?;
        Ok((request, entities))
    }
}

#[expect(clippy::expect_used, reason = "the text is a constant, and a test parses it")]
fn user_type() -> cedar_policy::EntityTypeName {
    "User".parse().expect("`User` is the name of an entity type")
}

fn name(set: &PolicySet, id: &PolicyId) -> String {
    set.annotation(id, "id").map_or_else(|| id.to_string(), ToOwned::to_owned)
}
