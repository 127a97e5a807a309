//! Files and directories: [`command`] has the shell-like functions, [`handle`] the objects, and the others both for their theme.

mod attributes;
mod certificates;
mod command;
mod compressed;
mod elf;
mod find;
mod handle;
mod text;
mod transfer;
mod tree;
mod usage;
mod walk;

pub(crate) use handle::DirEntry;

use crate::api::constant;
use crate::bindings::rex::host::types::{Error, ErrorKind};
use crate::engine::Registrar;
use crate::error::{self, ApiResult, FILE_SYSTEM_KINDS, kind_name};

/// The kinds of the native peer that this host gives under a more precise name; scripts may still compare with them.
const KINDS_OF_THE_PEER: &[&str] = &[
    "DirectoryOpenError",
    "DirectoryError",
    "FileError",
    "AuthorizationError",
    "FileCopyError",
    "FileReadError",
    "TryFromIntError",
    "RustixError",
    "Other",
];

const KINDS: &[ErrorKind] = &[
    ErrorKind::InvalidPath,
    ErrorKind::InvalidArguments,
    ErrorKind::InvalidFileMode,
    ErrorKind::ValidationError,
    ErrorKind::NotFound,
    ErrorKind::AlreadyExists,
    ErrorKind::DestinationFileNotEmptyError,
    ErrorKind::IdentityResolutionError,
    ErrorKind::DirectoryNotEmpty,
    ErrorKind::EntryTypeMismatchError,
    ErrorKind::FileContentTooLargeError,
    ErrorKind::Utf8Error,
    ErrorKind::Conflict,
    ErrorKind::PermissionDenied,
    ErrorKind::UnsupportedOperationError,
    ErrorKind::IoError,
];

pub(super) fn register(registrar: &mut Registrar) {
    let kinds: Vec<_> = KINDS.iter().map(|kind| kind_name(*kind)).chain(KINDS_OF_THE_PEER.iter().copied()).collect();
    constant::register_family(registrar, FILE_SYSTEM_KINDS, &kinds);
    handle::register(registrar);
    command::register(registrar);
    attributes::register(registrar);
    transfer::register(registrar);
    usage::register(registrar);
    compressed::register(registrar);
    find::register(registrar);
    elf::register(registrar);
    certificates::register(registrar);
    text::register(registrar);
    walk::register(registrar);
}

/// The whole text of a file.
pub(super) fn read(path: &str) -> ApiResult<String> {
    command::open(path)?.read()
}

/// The text of a file as `cat` gives it: where it may be read redacted only, redacted.
fn show(path: &str) -> ApiResult<String> {
    command::open(path)?.show()
}

/// Turns what the host answered into what a function of the API gives.
fn answer<T>(result: Result<T, Error>) -> ApiResult<T> {
    result.map_err(|error| error::from_host(FILE_SYSTEM_KINDS, error))
}

/// A count or a line number, which cannot be negative.
fn natural(name: &str, number: i64) -> ApiResult<u64> {
    u64::try_from(number)
        .map_err(|_| error::invalid_arguments(FILE_SYSTEM_KINDS, format!("{name} cannot be negative, and is {number}")))
}

/// Numbers from the host as scripts see them.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Lines as an array.
fn array(lines: Vec<String>) -> rhai::Array {
    lines.into_iter().map(Into::into).collect()
}
