//! Directories with all that is below them.

use super::handle::{DirEntry, DirHandle};
use crate::bindings::rex::host::file_system::OpenDirFlags;
use crate::bindings::rex::host::log::{self, Level};
use crate::error::{ApiResult, is_denial_or_failure, message};

/// Calls a function for each entry below a directory, an entry before what is in it, and not through links. A directory below that cannot
/// be read is left out, and the log says so.
pub(super) fn walk(dir: &DirHandle, visit: &mut impl FnMut(&DirEntry) -> ApiResult<()>) -> ApiResult<()> {
    let mut open = Vec::new();
    let mut entries = dir.entries()?;
    loop {
        for (_, entry) in entries {
            visit(&entry)?;
            if entry.is_dir() {
                open.extend(or_skip(entry.open_as_dir(OpenDirFlags::empty()))?);
            }
        }
        let Some(dir) = open.pop() else { return Ok(()) };
        entries = or_skip(dir.entries())?.unwrap_or_default();
    }
}

/// Turns an error about one of many entries into a line of the log.
pub(super) fn or_skip<T>(result: ApiResult<T>) -> ApiResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_denial_or_failure(&error) => {
            log::write(Level::Warn, 0, &format!("skipped: {}", message(&error)));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
