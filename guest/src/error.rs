//! Errors on their way from the host to the script, and from the script to the host.

use std::ops::Deref;

use rhai::{Dynamic, EvalAltResult, Map, Position};

use crate::api::constant::Constant;
use crate::bindings::exports::rex::host::script::{self, Fault, ScriptError};
use crate::bindings::rex::host::types::{Error, ErrorKind};
use crate::value;

/// What a function of the API gives.
pub(crate) type ApiResult<T> = Result<T, Box<EvalAltResult>>;

/// The module of constants that a file system error's `kind` is one of.
pub(crate) const FILE_SYSTEM_KINDS: &str = "IoErrorKind";

/// The module of constants that the `kind` of an error in a text's form is one of.
pub(crate) const COMMON_KINDS: &str = "CommonUtilsErrorKind";

/// The key under which an error map keeps the host's number for it.
const CAUSE: &str = "cause";

/// The constant's name for each kind.
pub(crate) const fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidPath => "InvalidPath",
        ErrorKind::InvalidArguments => "InvalidArguments",
        ErrorKind::InvalidFileMode => "InvalidFileMode",
        ErrorKind::ValidationError => "ValidationError",
        ErrorKind::NotFound => "NotFound",
        ErrorKind::AlreadyExists => "AlreadyExists",
        ErrorKind::DestinationFileNotEmptyError => "DestinationFileNotEmptyError",
        ErrorKind::IdentityResolutionError => "IdentityResolutionError",
        ErrorKind::DirectoryNotEmpty => "DirectoryNotEmpty",
        ErrorKind::EntryTypeMismatchError => "EntryTypeMismatchError",
        ErrorKind::FileContentTooLargeError => "FileContentTooLargeError",
        ErrorKind::Utf8Error => "Utf8Error",
        ErrorKind::Conflict => "Conflict",
        ErrorKind::PermissionDenied => "PermissionDenied",
        ErrorKind::UnsupportedOperationError => "UnsupportedOperationError",
        ErrorKind::IoError => "IoError",
    }
}

/// What a script catches: `kind`, `message` and `source`, and for a denial also `action`, `resource` and `reason`.
pub(crate) fn from_host(source: &'static str, error: Error) -> Box<EvalAltResult> {
    let mut map = Map::new();
    let (kind, message) = match error {
        Error::Denied(denial) => {
            let message = format!(
                "Permission denied: {} unauthorized to perform {} for {}: {}",
                denial.principal, denial.action, denial.resource, denial.reason
            );
            map.insert("action".into(), denial.action.into());
            map.insert("resource".into(), denial.resource.into());
            map.insert("reason".into(), denial.reason.into());
            map.insert(CAUSE.into(), to_integer(denial.decision));
            (ErrorKind::PermissionDenied, message)
        }
        Error::Failed(failure) => (failure.kind, failure.message),
        Error::Exceeded(excess) => {
            map.insert(CAUSE.into(), to_integer(excess.id));
            (excess.kind, excess.message)
        }
    };
    fill(map, source, kind_name(kind), message)
}

/// Whether the policy denied it, and not the operating system.
pub(crate) fn is_denial(error: &EvalAltResult) -> bool {
    error_map(error).is_some_and(|map| map.contains_key("action"))
}

/// Whether the host denied an operation, or tried it and failed, as opposed to a limit that more of the same would reach again.
pub(crate) fn is_denial_or_failure(error: &EvalAltResult) -> bool {
    error_map(error).is_some_and(|map| map.contains_key("kind") && (map.contains_key("action") || !map.contains_key(CAUSE)))
}

/// Whether an error of the host is of a kind.
pub(crate) fn is_kind(error: &EvalAltResult, name: &'static str) -> bool {
    let kind = error_map(error).and_then(|map| map.get("kind").and_then(|kind| kind.clone().try_cast::<Constant>()));
    kind.is_some_and(|kind| kind == Constant::new(FILE_SYSTEM_KINDS, name))
}

/// What an error of the host says.
pub(crate) fn message(error: &EvalAltResult) -> String {
    let message = error_map(error).and_then(|map| map.get("message").map(ToString::to_string));
    message.unwrap_or_else(|| error.to_string())
}

fn error_map(error: &EvalAltResult) -> Option<impl Deref<Target = Map>> {
    match error {
        EvalAltResult::ErrorRuntime(thrown, _) => thrown.read_lock::<Map>(),
        _ => None,
    }
}

/// An error of the guest's own making, for arguments that no host call can be made with.
pub(crate) fn invalid_arguments(source: &'static str, message: impl Into<String>) -> Box<EvalAltResult> {
    of_kind(source, kind_name(ErrorKind::InvalidArguments), message)
}

/// An error of the guest's own making, for a pattern of names or lines that cannot be used.
pub(crate) fn invalid_pattern(message: impl Into<String>) -> Box<EvalAltResult> {
    of_kind(FILE_SYSTEM_KINDS, kind_name(ErrorKind::ValidationError), message)
}

/// An error of the guest's own making, of a kind of its source.
pub(crate) fn of_kind(source: &'static str, kind: &'static str, message: impl Into<String>) -> Box<EvalAltResult> {
    fill(Map::new(), source, kind, message.into())
}

fn fill(mut map: Map, source: &'static str, kind: &'static str, message: String) -> Box<EvalAltResult> {
    map.insert("kind".into(), Dynamic::from(Constant::new(source, kind)));
    map.insert("message".into(), message.into());
    map.insert("source".into(), source.into());
    Box::new(EvalAltResult::ErrorRuntime(map.into(), Position::NONE))
}

fn to_integer(number: u64) -> Dynamic {
    Dynamic::from_int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// An error without a place in the script.
pub(crate) fn plain(fault: Fault, message: String) -> ScriptError {
    ScriptError { fault, message, position: None, cause: None }
}

/// What the host is told of an error that the script did not catch.
pub(crate) fn to_host(error: &EvalAltResult, fault: Fault) -> ScriptError {
    let inner = error.unwrap_inner();
    let position = position(inner.position());
    let mut cause = None;
    let mut message = None;
    if let EvalAltResult::ErrorRuntime(thrown, _) = inner
        && let Some(map) = thrown.read_lock::<Map>()
        && map.contains_key("kind")
    {
        cause = map.get(CAUSE).and_then(|id| id.as_int().ok()).and_then(|id| u64::try_from(id).ok());
        let text = |key| map.get(key).map(value::text).unwrap_or_default();
        let place =
            position.map(|position| format!(" (line {}, position {})", position.line, position.column)).unwrap_or_default();
        message = Some(format!("{}: {}: {}{place}", text("source"), text("kind"), text("message")));
    }
    ScriptError { fault, message: message.unwrap_or_else(|| error.to_string()), position, cause }
}

fn position(position: Position) -> Option<script::Position> {
    let to_u32 = |number: usize| u32::try_from(number).ok();
    Some(script::Position { line: position.line().and_then(to_u32)?, column: position.position().and_then(to_u32).unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::rex::host::types::{Denial, Failure};

    #[test]
    fn what_the_operating_system_refuses_is_no_denial() {
        let text = String::from;
        let (principal, action, resource, reason) = (text("root"), text("open"), text("/x"), text("no policy permits it"));
        let denied = Error::Denied(Denial { decision: 1, principal, action, resource, reason });
        let refused = Error::Failed(Failure { kind: ErrorKind::PermissionDenied, message: String::new() });
        assert!(is_denial(&from_host(FILE_SYSTEM_KINDS, denied)));
        assert!(!is_denial(&from_host(FILE_SYSTEM_KINDS, refused)));
        assert!(!is_denial(&invalid_arguments(FILE_SYSTEM_KINDS, "")));
    }
}
