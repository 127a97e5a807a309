//! What the guest can ask of the host: a module for each interface of `wit/`.
//!
//! A capability takes a call apart, has the platform find the objects, asks the gate, and acts on the permits that it gets.

mod clock;
mod file_system;
mod log;
mod names;

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable, ResourceTableError};
use wasmtime::{ResourceLimiter, Result as CallResult};

pub use file_system::{DirHandle, FileHandle};

use crate::gate::{Gate, Refusal};
use crate::journal::SharedJournal;
use crate::limits::{Limits, RunClock, Stop};
use crate::platform::{self, AbsolutePath, FileSystem, InvalidPath};
use crate::sandbox::bindings::rex::host::types;

/// Bytes of one call's result that its parts need besides their text, for each part.
pub(crate) const PART_OVERHEAD: usize = 32;

/// Linear memories of a guest. INVARIANT: one, or each of them could grow to the limit that is meant for all.
pub(crate) const MAX_MEMORIES: usize = 1;
/// Core instances of a guest. Its own component has four.
pub(crate) const MAX_INSTANCES: usize = 8;
/// Tables of a guest. Its own component has two.
pub(crate) const MAX_TABLES: usize = 4;
/// Elements of a table. The guest's own has some three thousand functions and does not grow.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 100_000;

/// All that belongs to one run: the store's data.
#[derive(Debug)]
pub struct State {
    gate: Gate,
    journal: SharedJournal,
    clock: RunClock,
    limits: Limits,
    files: Arc<FileSystem>,
    table: ResourceTable,
    handles: usize,
    names: names::Names,
    redaction: file_system::Redaction,
    /// Set when the guest asked for more memory than it may have.
    pub(crate) out_of_memory: bool,
}

impl State {
    /// For one run. `dictionary` is that of the lines that may be shown of files that may be read redacted only.
    #[must_use]
    pub fn new(
        gate: Gate,
        journal: SharedJournal,
        clock: RunClock,
        limits: Limits,
        files: Arc<FileSystem>,
        dictionary: AbsolutePath,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles.saturating_add(1));
        Self {
            gate,
            journal,
            clock,
            limits,
            files,
            table,
            handles: 0,
            names: names::Names::default(),
            redaction: file_system::Redaction::new(dictionary),
            out_of_memory: false,
        }
    }

    /// The run's clock.
    #[must_use]
    pub fn clock(&self) -> &RunClock {
        &self.clock
    }

    /// Counts a call. A run that has to end does so here, also where the guest does nothing but make calls that ask for nothing: the
    /// fuel of a call is little and its time may be much.
    fn called(&self) -> Result<(), Stop> {
        self.journal.lock().calls += 1;
        self.clock.check()
    }

    /// Gives the guest a handle.
    fn hand_out<T: Send + 'static>(&mut self, object: T) -> Result<Resource<T>, Failure> {
        if self.handles >= self.limits.handles {
            let message = format!(
                "{} files and directories are open, and no more may be; let go of some, or raise the limit with --max-handles",
                self.handles
            );
            return Err(self.excess(types::ErrorKind::InvalidArguments, message));
        }
        let handle = self.table.push(object)?;
        self.handles += 1;
        Ok(handle)
    }

    fn take_back<T: 'static>(&mut self, handle: Resource<T>) -> CallResult<()> {
        self.table.delete(handle)?;
        self.handles -= 1;
        Ok(())
    }

    fn excess(&self, kind: types::ErrorKind, message: String) -> Failure {
        let id = self.journal.lock().exceed();
        Failure::Guest(types::Error::Exceeded(types::Excess { id, kind, message }))
    }

    /// A result or an argument of too many bytes.
    fn too_large(&self, what: &str) -> Failure {
        let message = format!(
            "{what} is larger than the {} bytes that one call may move; take a part of it, or raise the limit with --max-call-bytes",
            self.limits.call_bytes
        );
        self.excess(types::ErrorKind::FileContentTooLargeError, message)
    }
}

/// Makes every interface known to the linker.
///
/// # Errors
///
/// When one is defined twice.
pub fn add_to_linker(linker: &mut Linker<State>) -> CallResult<()> {
    crate::sandbox::bindings::Guest::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// Why a call gives no result.
#[derive(Debug)]
pub enum Failure {
    /// The guest is told, and goes on.
    Guest(types::Error),
    /// The run ends.
    Fatal(wasmtime::Error),
}

impl Failure {
    /// An operation that was permitted, and failed.
    fn of(kind: types::ErrorKind, message: impl Into<String>) -> Self {
        Self::Guest(types::Error::Failed(types::Failure { kind, message: message.into() }))
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Fatal(stop.into())
    }
}

/// A handle that the guest does not have.
impl From<ResourceTableError> for Failure {
    fn from(error: ResourceTableError) -> Self {
        Self::Fatal(error.into())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied(denial) => Self::Guest(types::Error::Denied(types::Denial {
                decision: denial.decision,
                principal: denial.principal,
                action: denial.action,
                resource: denial.resource,
                reason: denial.reason,
            })),
            Refusal::Unrecorded(error) => Self::Fatal(error.into()),
            Refusal::Stopped(stop) => stop.into(),
        }
    }
}

impl From<InvalidPath> for Failure {
    fn from(error: InvalidPath) -> Self {
        Self::of(types::ErrorKind::InvalidPath, error.to_string())
    }
}

/// Names the thing that a failure is about, as the caller named it.
fn about(asked: &str, error: platform::Error) -> Failure {
    use types::ErrorKind;
    let kind = match &error {
        platform::Error::Stopped(stop) => return (*stop).into(),
        platform::Error::Io(cause) => {
            if let Some(stop) = cause.get_ref().and_then(|inner| inner.downcast_ref::<Stop>()) {
                return (*stop).into();
            }
            kind_of(cause)
        }
        platform::Error::TooLarge { .. } => ErrorKind::FileContentTooLargeError,
        platform::Error::Exchanged => ErrorKind::Conflict,
        platform::Error::Unsupported(_) => ErrorKind::UnsupportedOperationError,
    };
    Failure::of(kind, format!("{}: {error}", asked.escape_debug()))
}

fn kind_of(error: &std::io::Error) -> types::ErrorKind {
    use std::io::ErrorKind as Io;
    use types::ErrorKind;
    match error.kind() {
        Io::NotFound => ErrorKind::NotFound,
        Io::AlreadyExists => ErrorKind::AlreadyExists,
        Io::DirectoryNotEmpty => ErrorKind::DirectoryNotEmpty,
        Io::NotADirectory | Io::IsADirectory => ErrorKind::EntryTypeMismatchError,
        Io::InvalidFilename => ErrorKind::InvalidPath,
        Io::InvalidData => ErrorKind::Utf8Error,
        Io::InvalidInput => ErrorKind::ValidationError,
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        Io::Unsupported => ErrorKind::UnsupportedOperationError,
        _ => ErrorKind::IoError,
    }
}

impl types::Host for State {
    fn convert_error(&mut self, failure: Failure) -> CallResult<types::Error> {
        match failure {
            Failure::Guest(error) => Ok(error),
            Failure::Fatal(error) => Err(error),
        }
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> CallResult<bool> {
        if desired > self.limits.memory {
            self.out_of_memory = true;
            wasmtime::bail!("the guest's memory is used up");
        }
        let mut journal = self.journal.lock();
        journal.peak_memory = journal.peak_memory.max(desired);
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> CallResult<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }
}
