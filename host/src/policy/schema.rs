//! The schema, and its actions and entity types as Rust types.

use std::fmt;

use cedar_policy::{Schema, SchemaError};

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
