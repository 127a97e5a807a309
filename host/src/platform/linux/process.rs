//! What the host does to its own process.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::{FileType, OFlags, fstat};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Embedded code is made executable where the program's image has it.
pub const EXECUTES_IN_PLACE: bool = true;

/// Prepares the process: as many descriptors as it may have, and errors instead of death where a pipe's reader is gone.
pub fn prepare_process() {
    let limit = getrlimit(Resource::Nofile);
    // Where it fails the limit stays as it was, and the cap on handles is what counts.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Makes a file that is created readable and writable by its owner alone. Refuses to open a link, and never waits for a FIFO's reader.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.mode(0o600).custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
}

/// Whether what is written to standard error is lost. Where nobody gave the process one, it has `/dev/null` from the start.
#[must_use]
pub fn errors_are_lost() -> bool {
    let null = rustix::fs::makedev(1, 3);
    fstat(io::stderr())
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == null)
}

/// Makes a part of this program's own image executable and read-only.
///
/// # Errors
///
/// When the kernel refuses.
pub fn publish_executable(start: *const u8, length: usize) -> io::Result<()> {
    use rustix::mm::{MprotectFlags, mprotect};
    #[expect(unsafe_code, reason = "this is one of the named modules: the guest's machine code lies in the program's own image")]
    // SAFETY: the one caller, `sandbox::artifact`, passes the text section of the embedded artifact, which is a constant of this program
    // that begins and ends on a page and that nothing writes to or runs yet. Giving its pages the rights READ and EXEC takes nothing from
    // those who read it.
    unsafe {
        mprotect(start.cast_mut().cast(), length, MprotectFlags::READ | MprotectFlags::EXEC).map_err(Into::into)
    }
}

/// The number of the user that this process acts as.
pub(crate) fn user_number() -> String {
    rustix::process::geteuid().as_raw().to_string()
}
