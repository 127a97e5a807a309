//! Systems on which scripts run but no file can be reached: there is no code yet that opens files as safely as on Linux, and
//! none is better than some.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::{AbsolutePath, Error, Finished, Hardening, Kind, Links, Listing, Located, Metadata, Name, ShellScript};
use crate::gate::{
    Act, Chmod, Chown, Create, Delete, Move, Permit, Read as ReadAct, Reads, Resource, SetXAttr, Stat, With, Write,
};
use crate::limits::RunClock;
use crate::policy::{EntityType, Reach};

/// Embedded code is copied to where it can be made executable.
pub const EXECUTES_IN_PLACE: bool = false;

const REFUSAL: Error = Error::Unsupported("files cannot be reached by scripts on this operating system: only Linux is supported");

/// There is no wall here.
#[must_use]
pub fn harden(_: &Reach) -> Hardening {
    Hardening::default()
}

/// Refuses to find anything.
#[derive(Debug)]
pub struct FileSystem(());

/// Never found.
#[derive(Debug)]
pub enum Object {}

/// Never found to be missing.
#[derive(Debug)]
pub enum Vacancy {}

/// Never opened.
#[derive(Debug)]
pub enum Reader {}

/// Never known.
#[derive(Debug)]
pub enum Rights {}

/// Where something would move to.
#[derive(Debug)]
#[expect(missing_docs, reason = "as on Linux")]
pub enum Destination {
    New(Permit<Create, Vacancy>),
    Over(Permit<Delete, Arc<Object>>),
}

#[expect(missing_docs, clippy::missing_errors_doc, reason = "as on Linux, but that nothing can be reached")]
impl FileSystem {
    pub const fn open() -> Result<Self, Error> {
        Ok(Self(()))
    }

    pub const fn locate(&self, _: &AbsolutePath, _: Links) -> Result<Located, Error> {
        Err(REFUSAL)
    }

    pub const fn locate_in(&self, object: &Object, _: &Name, _: Links) -> Result<Located, Error> {
        match *object {}
    }

    pub const fn find_again(&self, object: &Object) -> Result<Arc<Object>, Error> {
        match *object {}
    }

    pub fn create_file(&self, permit: Permit<Create, Vacancy>, _: u32) -> Result<Arc<Object>, Error> {
        match permit.into_resource() {}
    }

    pub fn create_directory(&self, permit: Permit<Create, Vacancy>) -> Result<Arc<Object>, Error> {
        match permit.into_resource() {}
    }

    pub fn copy_new(
        &self,
        _: &Permit<ReadAct, Arc<Object>>,
        target: Permit<Create, Vacancy>,
        _: Option<&Rights>,
        _: &RunClock,
    ) -> Result<(), Error> {
        match target.into_resource() {}
    }

    pub fn create_with(
        &self,
        target: Permit<Create, Vacancy>,
        _: u32,
        _: Option<i64>,
        _: &mut dyn Read,
        _: &RunClock,
    ) -> Result<Arc<Object>, Error> {
        match target.into_resource() {}
    }

    pub fn rename(&self, source: Permit<Move, With<Arc<Object>>>, _: Destination, _: &RunClock) -> Result<(), Error> {
        match *source.into_resource().0 {}
    }

    pub fn create_symlink(&self, permit: Permit<Create, Vacancy>, _: &str) -> Result<(), Error> {
        match permit.into_resource() {}
    }

    pub fn create_link(&self, _: &Permit<Move, With<Arc<Object>>>, target: Permit<Create, Vacancy>) -> Result<(), Error> {
        match target.into_resource() {}
    }
}

#[expect(missing_docs, clippy::missing_errors_doc, reason = "as on Linux, but that nothing can be reached")]
impl Object {
    pub const fn path(&self) -> &str {
        match *self {}
    }

    pub const fn kind(&self) -> Kind {
        match *self {}
    }

    pub fn reader<A: Reads>(permit: &Permit<A, Arc<Self>>, _: &RunClock) -> Result<Reader, Error> {
        match **permit.resource() {}
    }

    pub fn list(permit: &Permit<ReadAct, Arc<Self>>, _: usize, _: &RunClock) -> Result<Listing, Error> {
        match **permit.resource() {}
    }

    pub fn append(permit: &Permit<Write, Arc<Self>>, _: &[u8], _: &RunClock) -> Result<(), Error> {
        match **permit.resource() {}
    }

    pub fn overwrite(permit: &Permit<Write, Arc<Self>>, _: &[u8], _: &RunClock) -> Result<(), Error> {
        match **permit.resource() {}
    }

    pub fn replace(permit: &Permit<Write, Arc<Self>>, _: &[u8], _: &RunClock) -> Result<Arc<Self>, Error> {
        match **permit.resource() {}
    }

    pub fn touch(permit: &Permit<Create, Arc<Self>>) -> Result<(), Error> {
        match **permit.resource() {}
    }

    pub fn copy_over(
        _: &Permit<ReadAct, Arc<Self>>,
        target: &Permit<Write, Arc<Self>>,
        _: Option<&Rights>,
        _: &RunClock,
    ) -> Result<Arc<Self>, Error> {
        match **target.resource() {}
    }

    pub fn replace_with(permit: &Permit<Write, Arc<Self>>, _: &mut dyn Read, _: &RunClock) -> Result<Arc<Self>, Error> {
        match **permit.resource() {}
    }

    pub fn replace_symlink(permit: Permit<Delete, Arc<Self>>, _: &str) -> Result<(), Error> {
        match *permit.into_resource() {}
    }

    pub fn metadata(permit: &Permit<Stat, Arc<Self>>) -> Result<Metadata, Error> {
        match **permit.resource() {}
    }

    pub fn set_permissions(permit: &Permit<Chmod, Arc<Self>>, _: u32) -> Result<(), Error> {
        match **permit.resource() {}
    }

    pub fn set_owner(permit: &Permit<Chown, Arc<Self>>, _: Option<u32>, _: Option<u32>) -> Result<(), Error> {
        match **permit.resource() {}
    }

    pub fn truncate(permit: &Permit<Write, Arc<Self>>, _: u64) -> Result<(), Error> {
        match **permit.resource() {}
    }

    pub fn allocate(permit: &Permit<Write, Arc<Self>>, _: u64) -> Result<(), Error> {
        match **permit.resource() {}
    }

    pub fn relabel(permit: &Permit<SetXAttr, With<Arc<Self>>>, _: [Option<&str>; 4]) -> Result<(), Error> {
        match *permit.resource().0 {}
    }

    pub fn link_target(permit: &Permit<ReadAct, Arc<Self>>) -> Result<String, Error> {
        match **permit.resource() {}
    }

    pub fn is_empty(permit: &Permit<Write, Arc<Self>>) -> Result<bool, Error> {
        match **permit.resource() {}
    }

    pub fn rights<A: Act>(permit: &Permit<A, Arc<Self>>) -> Result<Rights, Error> {
        match **permit.resource() {}
    }

    pub fn remove(permit: Permit<Delete, Arc<Self>>) -> Result<(), Error> {
        match *permit.into_resource() {}
    }
}

#[expect(missing_docs, reason = "as on Linux, but that nothing can be reached")]
impl Rights {
    pub const fn are_our_own(&self) -> bool {
        match *self {}
    }

    pub const fn have_owner_of(&self, _: &Self) -> bool {
        match *self {}
    }

    pub const fn have_permissions_of(&self, _: &Self) -> bool {
        match *self {}
    }
}

#[expect(missing_docs, reason = "as on Linux, but that nothing can be reached")]
impl Vacancy {
    pub fn as_kind(self, _: EntityType) -> Self {
        match self {}
    }

    pub const fn cause(&self) -> &io::Error {
        match *self {}
    }

    pub const fn admits_file(&self) -> bool {
        match *self {}
    }

    pub const fn is_last_only(&self) -> bool {
        match *self {}
    }

    pub const fn is_plainly_missing(&self) -> bool {
        match *self {}
    }

    pub fn steps(self) -> Vec<Self> {
        match self {}
    }
}

#[expect(missing_docs, reason = "as on Linux, but that nothing can be reached")]
impl Reader {
    pub const fn size(&self) -> Option<u64> {
        match *self {}
    }
}

impl Resource for Object {
    fn describe(&self) -> (EntityType, &str) {
        match *self {}
    }
}

impl Resource for Vacancy {
    fn describe(&self) -> (EntityType, &str) {
        match *self {}
    }
}

impl Read for Reader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

impl Seek for Reader {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        match *self {}
    }
}

/// Nothing to prepare.
pub const fn prepare_process() {}

/// Nobody knows.
#[must_use]
pub const fn errors_are_lost() -> bool {
    false
}

/// The directory's own protection is what there is.
pub const fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Never called, see [`EXECUTES_IN_PLACE`].
///
/// # Errors
///
/// Always.
pub fn publish_executable(_: *const u8, _: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here yet.
///
/// # Errors
///
/// Always.
pub const fn run_shell_script(_: &ShellScript<'_>, _: usize, _: &RunClock) -> Result<Finished, Error> {
    Err(Error::Unsupported("steps of documents cannot be run on this operating system: only Linux is supported"))
}

pub(super) fn user_number() -> String {
    "unknown".to_owned()
}

/// No names are known.
#[must_use]
pub const fn name_of_user(_: u32) -> Option<String> {
    None
}

/// No names are known.
#[must_use]
pub const fn name_of_group(_: u32) -> Option<String> {
    None
}

/// No names are known.
#[must_use]
pub const fn user_of_name(_: &str) -> Option<u32> {
    None
}

/// No names are known.
#[must_use]
pub const fn group_of_name(_: &str) -> Option<u32> {
    None
}
