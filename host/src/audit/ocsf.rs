//! Lines as events of the Open Cybersecurity Schema Framework 1.8.0: class API Activity with the profile Security Control.
//!
//! Of its classes this is the one for a call that somebody made and that was allowed or denied. (Authorize Session, by its name nearer, is
//! about privileges that a new session gets.) What the class has no attribute for stands in `unmapped`, which is the whole line in Rex's
//! own form: the chain is there.

use serde::Serialize;

use super::{Envelope, Line, Subject};
use crate::policy::Action;

const VERSION: &str = "1.8.0";
const CATEGORY_APPLICATION: u32 = 6;
const CLASS_API_ACTIVITY: u32 = 6003;

/// The values of enumerations, each with its name.
type Value = (u32, &'static str);
const CREATE: Value = (1, "Create");
const READ: Value = (2, "Read");
const UPDATE: Value = (3, "Update");
const DELETE: Value = (4, "Delete");
const OTHER: u32 = 99;
const INFORMATIONAL: u32 = 1;
const MEDIUM: u32 = 3;
const ALLOWED: u32 = 1;
const DENIED: u32 = 2;
const BLOCKED: u32 = 2;
const ERROR: u32 = 27;
const SUCCESS: u32 = 1;
const FAILURE: u32 = 2;

#[derive(Serialize)]
pub(super) struct Event<'l> {
    category_uid: u32,
    class_uid: u32,
    type_uid: u32,
    activity_id: u32,
    activity_name: &'static str,
    severity_id: u32,
    /// Milliseconds since 1970.
    time: i64,
    message: &'l str,
    metadata: Metadata<'l>,
    actor: Actor<'l>,
    api: Api<'l>,
    src_endpoint: Endpoint<'l>,
    policy: Policy<'l>,
    #[serde(flatten)]
    decided: Option<Decided>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorizations: Vec<Authorization<'l>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<[Resource<'l>; 1]>,
    #[serde(flatten)]
    ended: Option<Ended<'l>>,
    // The last, so that the hash comes to be in it.
    unmapped: &'l Envelope<'l>,
}

#[derive(Serialize)]
struct Metadata<'l> {
    version: &'static str,
    product: Product,
    profiles: [&'static str; 1],
    /// The command of Systems Manager, or else the run.
    correlation_uid: &'l str,
    sequence: u64,
}

#[derive(Serialize)]
struct Product {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Actor<'l> {
    user: Named<'l>,
    app_name: &'static str,
}

#[derive(Serialize)]
struct Named<'l> {
    name: &'l str,
}

#[derive(Serialize)]
struct Api<'l> {
    operation: String,
    request: Request<'l>,
}

#[derive(Serialize)]
struct Request<'l> {
    uid: &'l str,
}

#[derive(Serialize)]
struct Endpoint<'l> {
    svc_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_uid: Option<&'l str>,
}

#[derive(Serialize)]
struct Policy<'l> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'l str>,
    /// The digest of the text in which it stands.
    uid: &'l str,
}

#[derive(Serialize)]
struct Decided {
    action_id: u32,
    disposition_id: u32,
}

#[derive(Serialize)]
struct Authorization<'l> {
    decision: &'l str,
    policy: Policy<'l>,
}

#[derive(Serialize)]
struct Resource<'l> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'l str,
}

#[derive(Serialize)]
struct Ended<'l> {
    status_id: u32,
    status_code: String,
    status_detail: &'l str,
}

impl<'l> Event<'l> {
    pub(super) fn new(subject: &'l Subject, envelope: &'l Envelope<'l>) -> Self {
        let uid = &subject.digests.policy_sha256;
        let (mut severity_id, mut authorizations, mut resources, mut decided, mut ended) =
            (INFORMATIONAL, Vec::new(), None, None, None);
        let (activity, operation, message) = match &envelope.line {
            Line::RunStarted { .. } => ((OTHER, "Start"), "run".to_owned(), "a script starts"),
            Line::RunEnded { outcome, exit_code } => {
                let status_id = if *exit_code == 0 { SUCCESS } else { FAILURE };
                ended = Some(Ended { status_id, status_code: exit_code.to_string(), status_detail: outcome });
                ((OTHER, "End"), "run".to_owned(), "a script has ended")
            }
            Line::Decision { decision, action, resource, policies, reason, .. } => {
                let (action_id, disposition_id, severity) = match *decision {
                    "allow" => (ALLOWED, ALLOWED, INFORMATIONAL),
                    "deny" => (DENIED, BLOCKED, MEDIUM),
                    _ => (DENIED, ERROR, MEDIUM),
                };
                severity_id = severity;
                decided = Some(Decided { action_id, disposition_id });
                let named = |name: &'l String| Authorization { decision, policy: Policy { name: Some(name), uid } };
                authorizations = policies.iter().map(named).collect();
                resources = Some([Resource { kind: resource.kind, name: resource.id }]);
                (activity(*action), action.to_string(), reason.as_str())
            }
        };
        let (activity_id, activity_name) = activity;
        Self {
            category_uid: CATEGORY_APPLICATION,
            class_uid: CLASS_API_ACTIVITY,
            type_uid: CLASS_API_ACTIVITY * 100 + activity_id,
            activity_id,
            activity_name,
            severity_id,
            time: envelope.time.as_millisecond(),
            message,
            metadata: Metadata {
                version: VERSION,
                product: Product { name: "Rex", version: env!("CARGO_PKG_VERSION") },
                profiles: ["security_control"],
                correlation_uid: subject.origin.command.as_deref().unwrap_or(&subject.run),
                sequence: envelope.number,
            },
            actor: Actor { user: Named { name: &subject.principal }, app_name: "rex-runner" },
            api: Api { operation, request: Request { uid: &subject.run } },
            src_endpoint: Endpoint { svc_name: "rex-runner", instance_uid: subject.origin.instance.as_deref() },
            policy: Policy { name: None, uid },
            decided,
            authorizations,
            resources,
            ended,
            unmapped: envelope,
        }
    }
}

/// What kind of thing a call does.
const fn activity(action: Action) -> Value {
    match action {
        Action::Create => CREATE,
        Action::Read | Action::RedactedRead | Action::Stat => READ,
        Action::Write | Action::Chmod | Action::Chown | Action::SetXAttr | Action::Move => UPDATE,
        Action::Delete => DELETE,
        other => (OTHER, other.name()),
    }
}
