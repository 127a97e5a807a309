//! The schema, and its actions and entity types as Rust types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cedar_policy::{ActionConstraint, EntityUid, PolicySet, Schema, SchemaError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The schema as people read it. The source of [`JSON`].
pub const TEXT: &str = include_str!("../../../policies/rex.cedarschema");
/// The same as JSON, which Cedar reads in half the time.
const JSON: &str = include_str!("../../../policies/rex.cedarschema.json");
/// SHA-256 of that JSON, in hexadecimal.
pub const SHA256: &str = env!("REX_SCHEMA_SHA256");

/// Reads the schema.
///
/// # Errors
///
/// Never for the schema that is built in; a test reads it.
pub fn schema() -> Result<Schema, Box<SchemaError>> {
    Schema::from_json_str(JSON).map_err(Box::new)
}

/// Reads as much of the schema as the scopes of these statements can match: the actions that they name, or that are in a group that they
/// name, and the entity types beside them. Cedar takes most of its time for the rest.
///
/// What is valid under the part is valid under the whole, because validation looks at a statement once for each action that its scope
/// matches, and at no other. The reverse does not hold: a condition may speak of what is in the whole alone.
///
/// # Errors
///
/// As [`schema`].
pub fn part_for(set: &PolicySet) -> Result<Schema, Box<SchemaError>> {
    let mut named = BTreeSet::new();
    for statement in set.policies() {
        match statement.action_constraint() {
            ActionConstraint::Any => return schema(),
            ActionConstraint::Eq(action) => named.extend([action]),
            ActionConstraint::In(actions) => named.extend(actions),
        }
    }
    // That it can be taken apart is tested.
    part(&named).map_or_else(|_| schema(), |json| Schema::from_json_str(&json).map_err(Box::new))
}

/// A namespace of the schema's JSON, as far as it is taken apart.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Namespace<'j> {
    #[serde(borrow)]
    entity_types: &'j RawValue,
    #[serde(borrow)]
    actions: BTreeMap<&'j str, &'j RawValue>,
}

/// What of an action's JSON tells its groups. INVARIANT: they are of its own namespace, and in no group themselves; a test looks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Membership {
    #[serde(default)]
    member_of: Option<Vec<Group>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    id: String,
}

fn part(named: &BTreeSet<EntityUid>) -> serde_json::Result<String> {
    let mut namespaces: BTreeMap<&str, Namespace<'_>> = serde_json::from_str(JSON)?;
    let named: BTreeSet<_> = named.iter().map(|uid| (uid.type_name().namespace(), uid.id().unescaped())).collect();
    let is_named = |namespace: &str, action: &str| named.iter().any(|(of, name)| of == namespace && *name == action);
    for (name, namespace) in &mut namespaces {
        let mut members = BTreeMap::new();
        for (action, json) in &namespace.actions {
            let groups = serde_json::from_str::<Membership>(json.get())?.member_of;
            // Groups cost nothing, and their members refer to them.
            if groups.as_ref().is_none_or(|groups| is_named(name, action) || groups.iter().any(|group| is_named(name, &group.id)))
            {
                members.insert(*action, *json);
            }
        }
        namespace.actions = members;
    }
    namespaces.retain(|name, _| name.is_empty() || named.iter().any(|(of, _)| of == name));
    serde_json::to_string(&namespaces)
}

/// Declares the actions that the host asks for: their group, their name, and how they are written in policies.
macro_rules! actions {
    ($($variant:ident = $namespace:literal $name:literal),* $(,)?) => {
        /// What a principal may want to do: every action of the schema that is no group.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the schema and the policy guide say what each means")]
        pub enum Action {
            $($variant,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The namespace, such as `file_system`.
            #[must_use]
            pub const fn namespace(self) -> &'static str {
                match self {
                    $(Self::$variant => $namespace,)*
                }
            }

            /// The name, such as `read`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

actions! {
    Open = "file_system" "open",
    Read = "file_system" "read",
    Write = "file_system" "write",
    Create = "file_system" "create",
    Delete = "file_system" "delete",
    Stat = "file_system" "stat",
    Chmod = "file_system" "chmod",
    Chown = "file_system" "chown",
    Move = "file_system" "move",
    Execute = "file_system" "execute",
    RedactedRead = "file_system" "redacted_read",
    SetXAttr = "file_system" "set_x_attr",
    Unmount = "file_system" "unmount",
    FileNetworkNamespace = "file_system" "network_namespace",
    ProcessList = "process_system" "list",
    ProcessListFds = "process_system" "list_fds",
    ProcessMountNamespace = "process_system" "mount_namespace",
    ProcessNetworkNamespace = "process_system" "network_namespace",
    ProcessKill = "process_system" "kill",
    ProcessInterrupt = "process_system" "interrupt",
    ProcessTrace = "process_system" "trace",
    ServiceStart = "systemd" "start",
    ServiceStop = "systemd" "stop",
    ServiceRestart = "systemd" "restart",
    ServiceStatus = "systemd" "status",
    DaemonReload = "systemd" "daemon_reload",
    SysctlLoad = "sysctl" "load",
    SysinfoList = "sysinfo" "list",
    ResolveHostname = "sysinfo" "resolve_hostname",
    NetworkGet = "network" "GET",
    NetworkConnect = "network" "connect",
}

impl fmt::Display for Action {
    /// As it is written in a policy.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, r#"{}::Action::"{}""#, self.namespace(), self.name())
    }
}

/// The types of the resources that the host asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the schema and the policy guide say what each means")]
pub enum EntityType {
    Dir,
    File,
}

impl EntityType {
    /// Every type.
    pub const ALL: &[Self] = &[Self::Dir, Self::File];

    /// As it is written in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dir => "file_system::Dir",
            Self::File => "file_system::File",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cedar_policy::SchemaFragment;

    use super::*;

    #[test]
    fn the_digest_is_that_of_the_json() {
        assert_eq!(SHA256, crate::audit::digest(JSON.as_bytes()));
    }

    /// Run with `REX_UPDATE=1` to write the JSON anew after a change of the text.
    // Threat: T-POLICY-8
    #[test]
    fn the_json_says_what_the_text_says() {
        let (fragment, warnings) = SchemaFragment::from_cedarschema_str(TEXT).unwrap();
        assert_eq!(warnings.count(), 0);
        let json = serde_json::to_string_pretty(&fragment.to_json_value().unwrap()).unwrap() + "\n";
        if std::env::var_os("REX_UPDATE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/rex.cedarschema.json");
            std::fs::write(path, &json).unwrap();
        }
        assert_eq!(json, JSON, "run this test with REX_UPDATE=1");
    }

    #[test]
    fn a_part_has_what_the_scopes_name_and_no_more() {
        let actions = |scope: &str| -> BTreeSet<String> {
            let set = format!("permit(principal, {scope}, resource);").parse().unwrap();
            let part = part_for(&set).unwrap();
            let groups: BTreeSet<_> = part.action_groups().map(ToString::to_string).collect();
            part.actions().map(ToString::to_string).filter(|action| !groups.contains(action)).collect()
        };
        let (open, list) = (r#"file_system::Action::"open""#, r#"sysinfo::Action::"list""#);
        assert_eq!(actions(&format!("action in [{open}, {list}]")), BTreeSet::from([open.to_owned(), list.to_owned()]));
        assert_eq!(actions(r#"action in file_system::Action::"SafeIO""#).len(), 14);
        assert_eq!(actions("action").len(), Action::ALL.len());
    }

    /// What [`part`] goes by.
    #[test]
    fn groups_are_in_no_group_and_of_their_members_namespace() {
        let namespaces: BTreeMap<&str, Namespace<'_>> = serde_json::from_str(JSON).unwrap();
        for namespace in namespaces.values() {
            let groups = |name: &str| serde_json::from_str::<Membership>(namespace.actions[name].get()).unwrap().member_of;
            for group in namespace.actions.keys().filter_map(|name| groups(name)).flatten() {
                assert!(groups(&group.id).is_none(), "{}", group.id);
            }
        }
    }

    // Threat: T-POLICY-8
    #[test]
    fn the_actions_are_those_of_the_schema() {
        let schema = schema().unwrap();
        let groups: BTreeSet<_> = schema.action_groups().map(ToString::to_string).collect();
        let of_schema: BTreeSet<_> =
            schema.actions().map(ToString::to_string).filter(|action| !groups.contains(action)).collect();
        let ours: BTreeSet<_> = Action::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(ours, of_schema);
    }

    #[test]
    fn the_entity_types_are_in_the_schema() {
        let schema = schema().unwrap();
        let of_schema: BTreeSet<_> = schema.entity_types().map(ToString::to_string).collect();
        for entity_type in EntityType::ALL {
            assert!(of_schema.contains(entity_type.name()), "{entity_type:?}");
        }
    }
}
