//! Recursive changes: directories with all that is below them.

use rhai::Position;

use super::handle::{DirEntry, DirHandle};
use crate::api::log;
use crate::bindings::rex::host::file_system::OpenDirFlags;
use crate::error::{ApiResult, is_denial_or_failure, message};

/// Calls a function for each entry below a directory, an entry before what is in it, and not through links. A directory below that cannot
/// be read is left out, and the log says so. Holds open the directories that have entries left, one on each level.
pub(super) fn walk(dir: &DirHandle, visit: &mut impl FnMut(&DirEntry) -> ApiResult<()>) -> ApiResult<()> {
    let mut open = Vec::new();
    let mut entries: Vec<_> = dir.entries()?.collect();
    loop {
        for entry in entries {
            visit(&entry)?;
            if entry.is_dir() {
                open.push(entry);
            }
        }
        let Some(entry) = open.pop() else { return Ok(()) };
        let below = entry.open_as_dir(OpenDirFlags::empty()).and_then(|dir| Ok(dir.entries()?.collect()));
        entries = or_skip(below)?.unwrap_or_default();
    }
}

/// Turns an error about one of many entries into a line of the log.
pub(super) fn or_skip<T>(result: ApiResult<T>) -> ApiResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_denial_or_failure(&error) => {
            log::warn(Position::NONE, &format!("skipped: {}", message(&error)));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
