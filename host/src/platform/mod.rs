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

pub use path::{AbsolutePath, InvalidPath, Name, parent};
pub use system::{EXECUTES_IN_PLACE, FileSystem, Object, Reader, Vacancy, prepare_process, private, publish_executable};

use crate::limits::Stop;

/// What a path leads to.
#[derive(Debug)]
pub enum Located {
    /// The opened object.
    Found(std::sync::Arc<Object>),
    /// Nothing, and what would be there.
    Missing(Vacancy),
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

/// The entries of a directory, ordered by name.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those whose names are UTF-8.
    pub entries: Vec<Entry>,
    /// How many have other names. A script can neither see nor use them.
    pub unreadable: usize,
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
