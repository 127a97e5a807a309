//! Which statements of a policy can matter to a request.
//!
//! Cedar evaluates every statement of a set for every request. Here statements are put in order by the action and the resource in
//! their scope when the policy is loaded, and Cedar is given those whose scope may match. A statement whose scope does not match cannot
//! be satisfied and cannot fail, so the answer is the one that the whole set would give; a property test compares the two.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{
    ActionConstraint, Effect, Entities, Entity, EntityTypeName, EntityUid, Policy as Statement, PolicyId, PolicySet,
    ResourceConstraint,
};

use super::guard;
use super::schema::{Action, EntityType};
use crate::platform::parent;

/// The statements by action, and what of the hierarchy of directories they mention.
#[derive(Debug)]
pub(super) struct Index {
    buckets: HashMap<Action, Bucket>,
    /// Every directory that any statement names, whether in its scope or in a condition. An ancestor that no statement names can make no
    /// difference, so that these are the only parents that a request has to have.
    directories: HashMap<String, (usize, EntityUid)>,
    type_names: HashMap<EntityType, EntityTypeName>,
    /// The actions of the schema that was given; a statement can concern no other.
    actions: HashMap<Action, Entity>,
    /// What the statements are called, where they have an `@id` of their own.
    names: HashMap<PolicyId, String>,
    /// The special file systems that a statement permits by name, where there are any.
    special: HashMap<PolicyId, Vec<&'static str>>,
}

/// The statements that one action concerns.
#[derive(Debug, Default)]
struct Bucket {
    /// Their scope names no single resource.
    anywhere: Vec<Statement>,
    /// Their scope names this directory with all below it, or this object. The number is the anchor's, for a compact key.
    anchored: HashMap<(EntityType, String), (usize, Vec<Statement>)>,
    /// Whether some statement has a condition, which may look at attributes.
    conditions: bool,
    /// Whether some statement permits.
    permits: bool,
}

/// What of an [`Index`] one request needs.
#[derive(Debug)]
pub(super) struct Candidates<'i> {
    /// The same for two requests of one action exactly if they have the same statements.
    pub(super) key: Vec<usize>,
    /// The numbers of the parents.
    above: Vec<usize>,
    /// Whether some statement's scope names the resource itself.
    named: bool,
    bucket: Option<&'i Bucket>,
    anchored: Vec<&'i [Statement]>,
    /// The parents that the resource has to have.
    pub(super) parents: Vec<&'i EntityUid>,
}

impl Candidates<'_> {
    /// The statements, for Cedar.
    pub(super) fn statements(&self) -> impl Iterator<Item = &Statement> {
        let anywhere = self.bucket.map(|bucket| bucket.anywhere.as_slice()).unwrap_or_default();
        self.anchored.iter().copied().chain([anywhere]).flatten()
    }

    /// What the answer depends on, if not on the resource's very own id: two requests of one action and one type with the same shape
    /// have the same answer.
    // INVARIANT: a statement can tell two resources apart by their parents, by name, or by their attributes, which takes a condition, as
    // does looking at the circumstances.
    pub(super) fn shape(&self) -> Option<(Vec<usize>, Vec<usize>)> {
        (!self.named && !self.needs_attributes()).then(|| (self.key.clone(), self.above.clone()))
    }

    /// Whether some statement may look at the resource's attributes.
    pub(super) fn needs_attributes(&self) -> bool {
        self.bucket.is_some_and(|bucket| bucket.conditions)
    }
}

impl Index {
    pub(super) fn new(set: &PolicySet, schema_actions: &Entities) -> Self {
        let actions: HashMap<Action, Entity> = schema_actions
            .iter()
            .filter_map(|entity| {
                let uid = entity.uid();
                let (namespace, name) = (uid.type_name().namespace(), uid.id().unescaped());
                let action = Action::ALL.iter().find(|action| action.namespace() == namespace && action.name() == name)?;
                Some((*action, entity.clone()))
            })
            .collect();
        let type_names: HashMap<_, _> =
            EntityType::ALL.iter().filter_map(|kind| Some((*kind, kind.name().parse().ok()?))).collect();

        let mut index = Self {
            buckets: HashMap::new(),
            directories: HashMap::new(),
            type_names,
            actions,
            names: names(set),
            special: HashMap::new(),
        };
        let members = Members::new(&index.actions, schema_actions);
        let mut anchors = HashMap::new();
        for statement in set.policies() {
            let special = guard::names(statement);
            if !special.is_empty() {
                index.special.insert(statement.id().clone(), special);
            }
            for literal in statement.entity_literals() {
                if literal.type_name().namespace() == "file_system" && literal.type_name().basename() == "Dir" {
                    let next = index.directories.len();
                    index.directories.entry(literal.id().unescaped().to_owned()).or_insert((next, literal));
                }
            }
            let anchor = anchor(&statement.resource_constraint());
            let number = match &anchor {
                Anchor::At(kind, id) => {
                    let next = anchors.len();
                    *anchors.entry((*kind, id.clone())).or_insert(next)
                }
                Anchor::Anywhere | Anchor::Nowhere => 0,
            };
            for action in members.of(&statement.action_constraint()) {
                let bucket = index.buckets.entry(action).or_default();
                bucket.conditions |= statement.has_non_scope_constraint();
                bucket.permits |= statement.effect() == Effect::Permit;
                match &anchor {
                    Anchor::Anywhere => bucket.anywhere.push(statement.clone()),
                    Anchor::At(kind, id) => {
                        bucket.anchored.entry((*kind, id.clone())).or_insert((number, Vec::new())).1.push(statement.clone());
                    }
                    Anchor::Nowhere => {}
                }
            }
        }
        index
    }

    /// What a statement is called.
    pub(super) fn name(&self, id: &PolicyId) -> String {
        self.names.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// Whether a statement permits this action on anything.
    pub(super) fn may_permit(&self, action: Action) -> bool {
        self.buckets.get(&action).is_some_and(|bucket| bucket.permits)
    }

    /// Where statements permit this action; nothing where that may be anywhere.
    pub(super) fn permitted_at(&self, action: Action) -> Option<impl Iterator<Item = (EntityType, &str)>> {
        let permits = |statements: &[Statement]| statements.iter().any(|statement| statement.effect() == Effect::Permit);
        let bucket = self.buckets.get(&action);
        if bucket.is_some_and(|bucket| permits(&bucket.anywhere)) {
            return None;
        }
        let anchored = bucket.into_iter().flat_map(|bucket| &bucket.anchored);
        Some(anchored.filter(move |(_, (_, statements))| permits(statements)).map(|((kind, path), _)| (*kind, path.as_str())))
    }

    /// Whether a statement permits something in a special file system by name.
    pub(super) fn names_any_special(&self) -> bool {
        !self.special.is_empty()
    }

    /// Whether a statement permits something in this special file system by name.
    pub(super) fn names_special(&self, id: &PolicyId, root: &str) -> bool {
        self.special.get(id).is_some_and(|named| named.contains(&root))
    }

    /// The action with the groups that it is in; nothing where no statement can concern it.
    pub(super) fn action(&self, action: Action) -> Option<&Entity> {
        self.actions.get(&action)
    }

    pub(super) fn type_name(&self, kind: EntityType) -> Option<&EntityTypeName> {
        self.type_names.get(&kind)
    }

    /// What a request about a file or directory needs.
    pub(super) fn candidates<'i>(&'i self, action: Action, kind: EntityType, path: &str) -> Candidates<'i> {
        let bucket = self.buckets.get(&action);
        let mut found =
            Candidates { key: Vec::new(), above: Vec::new(), named: false, bucket, anchored: Vec::new(), parents: Vec::new() };
        let anchor = |kind: EntityType, id: &str, found: &mut Candidates<'i>| {
            // Without statements at anchors there is nothing to look up.
            if let Some(bucket) = bucket.filter(|bucket| !bucket.anchored.is_empty())
                && let Some((number, statements)) = bucket.anchored.get(&(kind, id.to_owned()))
            {
                found.key.push(*number);
                found.anchored.push(statements);
            }
        };
        anchor(kind, path, &mut found);
        found.named = !found.key.is_empty();
        let mut directory = path;
        while directory != "/" {
            directory = parent(directory);
            if let Some((number, uid)) = self.directories.get(directory) {
                anchor(EntityType::Dir, directory, &mut found);
                found.above.push(*number);
                found.parents.push(uid);
            }
        }
        found
    }
}

/// The actions that an action, or a group of actions, stands for.
struct Members(HashMap<EntityUid, Vec<Action>>);

impl Members {
    fn new(actions: &HashMap<Action, Entity>, schema_actions: &Entities) -> Self {
        let mut members: HashMap<EntityUid, Vec<Action>> = HashMap::new();
        for (action, entity) in actions {
            let uid = entity.uid();
            for group in schema_actions.ancestors(&uid).into_iter().flatten() {
                members.entry(group.clone()).or_default().push(*action);
            }
            members.entry(uid).or_default().push(*action);
        }
        Self(members)
    }

    /// The actions that a scope matches. Unknown actions match nothing; a validated policy has none.
    fn of(&self, constraint: &ActionConstraint) -> BTreeSet<Action> {
        let named = match constraint {
            ActionConstraint::Any => return Action::ALL.iter().copied().collect(),
            // That a group is never asked for is for Cedar to find: candidates may be too many.
            ActionConstraint::Eq(named) => std::slice::from_ref(named),
            ActionConstraint::In(named) => named.as_slice(),
        };
        named.iter().filter_map(|named| self.0.get(named)).flatten().copied().collect()
    }
}

/// The names that tell one statement from all others; without such a one, it goes by its number.
fn names(set: &PolicySet) -> HashMap<PolicyId, String> {
    let named: Vec<_> =
        set.policies().filter_map(|statement| Some((statement.id(), guard::annotation(statement, "id")?))).collect();
    let mut bearers: HashMap<&str, usize> = HashMap::new();
    named.iter().for_each(|(_, name)| *bearers.entry(name).or_default() += 1);
    let is_number_of_another = |name: &str, id: &PolicyId| {
        let number = PolicyId::new(name);
        number != *id && set.policy(&number).is_some()
    };
    named
        .into_iter()
        .filter(|(id, name)| !name.is_empty() && bearers.get(name) == Some(&1) && !is_number_of_another(name, id))
        .map(|(id, name)| (id.clone(), name.to_owned()))
        .collect()
}

/// The resource in a statement's scope.
enum Anchor {
    Anywhere,
    At(EntityType, String),
    /// A resource of a type that no request is about.
    Nowhere,
}

fn anchor(constraint: &ResourceConstraint) -> Anchor {
    match constraint {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => Anchor::Anywhere,
        ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) | ResourceConstraint::Eq(uid) => {
            let name = uid.type_name().to_string();
            match EntityType::ALL.iter().find(|kind| kind.name() == name) {
                Some(kind) => Anchor::At(*kind, uid.id().unescaped().to_owned()),
                None => Anchor::Nowhere,
            }
        }
    }
}
