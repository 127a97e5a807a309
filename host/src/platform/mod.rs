//! The machine: what differs between operating systems, behind one set of functions.
//!
//! Looking is separate from doing. [`FileSystem::locate`] opens objects in a way that has no effect on them and nobody can notice;
//! every function that does have an effect takes a [`Permit`](crate::gate::Permit) for the object it works on.

mod path;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "unsupported.rs"]
mod system;

use std::io;

pub use path::{AbsolutePath, InvalidPath, Name, is_in, parent};
pub use system::{
    Destination, EXECUTES_IN_PLACE, FileSystem, Object, Reader, Rights, Vacancy, errors_are_lost, group_of_name, harden,
    name_of_group, name_of_user, prepare_process, private, publish_executable, run_shell_script, user_of_name,
};

use crate::limits::Stop;

/// The extended attribute that holds a file's SELinux label.
pub const SELINUX: &str = "security.selinux";

/// What the process gave up before its script started; see [`harden`].
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Hardening {
    /// A crash leaves no image of the memory.
    pub core_dumps_off: bool,
    /// No program gives its privileges.
    pub no_new_privileges: bool,
    /// Whether the kernel keeps files out of reach that the policy cannot permit, and the network.
    pub landlock: &'static str,
    /// What is left of the superuser's powers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// Whether the kernel refuses system calls that the policy gives no use for.
    pub system_calls: bool,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Located {
    /// The opened object.
    Found(std::sync::Arc<Object>),
    /// Nothing, and what would be there.
    Missing(Vacancy),
}

impl Located {
    /// The canonical path of what is there, or of what would be.
    #[must_use]
    pub fn path(&self) -> &str {
        use crate::gate::Resource as _;
        match self {
            Self::Found(object) => object.path(),
            Self::Missing(vacancy) => vacancy.describe().1,
        }
    }
}

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    CharacterDevice,
    BlockDevice,
    Unknown,
}

/// One entry of a directory.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Entry {
    pub name: String,
    pub kind: Kind,
    pub inode: u64,
}

/// A moment: seconds since 1970-01-01T00:00:00Z, and nanoseconds of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the type's documentation says it")]
pub struct Moment {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// What is known of an object besides its content. Sizes are in bytes.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Metadata {
    pub kind: Kind,
    pub size: u64,
    /// What it takes on the disk.
    pub allocated: u64,
    pub inode: u64,
    pub device: u64,
    pub hard_links: u64,
    /// 0 to 0o7777.
    pub permissions: u32,
    pub user_id: u32,
    pub group_id: u32,
    pub accessed: Moment,
    pub modified: Moment,
    pub changed: Moment,
}

/// The entries of a directory, ordered by name.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those whose names are UTF-8.
    pub entries: Vec<Entry>,
    /// How many have other names. A script can neither see nor use them.
    pub unreadable: usize,
}

/// A shell's script and what it finds when it starts.
#[derive(Debug)]
pub struct ShellScript<'a> {
    /// What it says.
    pub text: &'a str,
    /// Its variables, besides PATH.
    pub environment: &'a [(String, String)],
    /// Where it starts.
    pub directory: &'a std::path::Path,
    /// What it finds under the name rex-runner.
    pub program: &'a std::path::Path,
}

/// How a script ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Why it was killed, if it was.
    pub stopped: Option<Stop>,
    /// The beginning of what it wrote.
    pub stdout: Vec<u8>,
    /// The beginning of what it wrote on standard error.
    pub stderr: Vec<u8>,
}

/// Whether a link in the last component of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Links {
    Follow,
    Keep,
}

/// Why an operation that was permitted did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The run ended first.
    #[error("{0}")]
    Stopped(#[from] Stop),
    /// The content is larger than the bound that was given.
    #[error("the content is larger than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The name stands for something else than it did when the operation was permitted.
    #[error("it was exchanged for something else while it was being worked on")]
    Exchanged,
    /// Not on this system.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// The name of the operating system's user that this process runs as; its number where it has no name.
#[must_use]
pub fn user_name() -> String {
    whoami::fallible::username().unwrap_or_else(|_| system::user_number())
}
