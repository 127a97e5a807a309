//! Copying, moving and linking: what has two ends.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;

use rustix::fs::{self as sys, AtFlags, Gid, Mode, OFlags, RenameFlags, Timestamps, Uid};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

use super::effects::{discard, temporary};
use super::locate::{FileSystem, Object, Place};
use super::reader::Reader;
use crate::gate::{Act, Create, Delete, Move, Permit, Read as ReadAct, With, Write};
use crate::limits::RunClock;
use crate::platform::{Error, Kind, Vacancy};

/// Bytes that the kernel copies between two looks at the clock.
const KERNEL_CHUNK: usize = 64 << 20;
/// Bytes that are copied at a time where the kernel cannot do it alone.
const BUFFER: usize = 256 << 10;

/// Permissions of a file while nobody else shall see what is in it.
pub(super) const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Where something moves to.
#[derive(Debug)]
pub enum Destination {
    /// To where nothing is.
    New(Permit<Create, Vacancy>),
    /// To the place of something that it replaces.
    Over(Permit<Delete, Arc<Object>>),
}

impl FileSystem {
    /// Copies a file to where nothing is. All of it is there, or nothing.
    ///
    /// # Errors
    ///
    /// As the operating system says; something that came to be there meanwhile is an error too.
    pub fn copy_new(
        &self,
        source: &Permit<ReadAct, Arc<Object>>,
        target: Permit<Create, Vacancy>,
        kept: Option<&Rights>,
        clock: &RunClock,
    ) -> Result<(), Error> {
        let vacancy = target.into_resource();
        let name = only_name(&vacancy)?;
        let old = sys::fstat(&source.resource().handle).map_err(io::Error::from)?;
        let mode = Mode::from_raw_mode(old.st_mode & 0o777);
        let content = |file: &mut File| {
            copy_content(source, file, clock)?;
            kept.map_or(Ok(()), |Rights(old)| keep(old, file))
        };
        fill(&vacancy.base, mode, Haste::Quick, clock, content, |temporary, _| {
            sys::renameat_with(&vacancy.base, temporary, &vacancy.base, name, RenameFlags::NOREPLACE)
                .map_err(|errno| Error::Io(errno.into()))
        })
    }

    /// Makes a file of what a stream holds, where nothing is. All of it is there, or nothing.
    ///
    /// # Errors
    ///
    /// As the operating system says; something that came to be there meanwhile is an error too.
    pub fn create_with(
        &self,
        target: Permit<Create, Vacancy>,
        permissions: u32,
        modified: Option<i64>,
        content: &mut dyn Read,
        clock: &RunClock,
    ) -> Result<Arc<Object>, Error> {
        let vacancy = target.into_resource();
        let name = only_name(&vacancy)?;
        let fill_in = |file: &mut File| {
            io::copy(content, file)?;
            if let Some(seconds) = modified {
                let time = sys::Timespec { tv_sec: seconds, tv_nsec: 0 };
                sys::futimens(&*file, &Timestamps { last_access: time, last_modification: time }).map_err(io::Error::from)?;
            }
            Ok(())
        };
        fill(&vacancy.base, Mode::from_raw_mode(permissions), Haste::Quick, clock, fill_in, |temporary, file| {
            sys::renameat_with(&vacancy.base, temporary, &vacancy.base, name, RenameFlags::NOREPLACE).map_err(io::Error::from)?;
            self.made(file, &vacancy, name)
        })
    }

    /// Moves or renames. Within one file system it happens at once; from one to another a file is copied, and then removed where it was.
    ///
    /// # Errors
    ///
    /// As the operating system says. Whatever fails, the source is where it was, and what was to be replaced is there.
    pub fn rename(&self, source: Permit<Move, With<Arc<Object>>>, target: Destination, clock: &RunClock) -> Result<(), Error> {
        let With(object, _) = source.into_resource();
        let from = object.confirm()?;
        let renamed = match &target {
            Destination::New(permit) => {
                let vacancy = permit.resource();
                let name = only_name(vacancy)?;
                sys::renameat_with(&from.parent, &from.name, &vacancy.base, name, RenameFlags::NOREPLACE)
            }
            Destination::Over(permit) => {
                let to = permit.resource().confirm()?;
                sys::renameat(&from.parent, &from.name, &to.parent, &to.name)
            }
        };
        match renamed {
            Err(Errno::XDEV) if object.kind() == Kind::File => across(&object, from, &target, clock),
            Err(Errno::XDEV) => Err(Error::Unsupported(
                "it cannot be moved to another file system in one piece: only files can; copy what it holds and remove it afterwards",
            )),
            Err(errno) => Err(Error::Io(errno.into())),
            Ok(()) => Ok(()),
        }
    }

    /// Makes a symbolic link where nothing is.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn create_symlink(&self, permit: Permit<Create, Vacancy>, target: &str) -> Result<(), Error> {
        let vacancy = permit.into_resource();
        sys::symlinkat(target, &vacancy.base, only_name(&vacancy)?).map_err(|errno| Error::Io(errno.into()))
    }

    /// Gives a file one name more.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn create_link(&self, source: &Permit<Move, With<Arc<Object>>>, target: Permit<Create, Vacancy>) -> Result<(), Error> {
        let With(object, _) = source.resource();
        let vacancy = target.into_resource();
        let handle = object.regular()?.handle.as_raw_fd().to_string();
        sys::linkat(&object.descriptors, handle, &vacancy.base, only_name(&vacancy)?, AtFlags::SYMLINK_FOLLOW)
            .map_err(|errno| Error::Io(errno.into()))
    }
}

impl Object {
    /// Puts a symbolic link in the place of another.
    ///
    /// # Errors
    ///
    /// As the operating system says; [`Error::Exchanged`] when the name stands for something else by now.
    pub fn replace_symlink(permit: Permit<Delete, Arc<Self>>, target: &str) -> Result<(), Error> {
        let object = permit.into_resource();
        let place = object.confirm()?;
        let name = super::effects::temporary_name()?;
        sys::symlinkat(target, &place.parent, &name).map_err(io::Error::from)?;
        sys::renameat(&place.parent, &name, &place.parent, &place.name).map_err(|errno| {
            discard(&place.parent, &name);
            Error::Io(errno.into())
        })
    }

    /// Puts what a stream holds in the place of a file, all or nothing, and returns the new file.
    ///
    /// # Errors
    ///
    /// As [`Self::replace`], or as the stream says.
    pub fn replace_with(permit: &Permit<Write, Arc<Self>>, content: &mut dyn Read, clock: &RunClock) -> Result<Arc<Self>, Error> {
        Self::exchange(permit, None, clock, |file| io::copy(content, file).map(|_| ()).map_err(Error::Io))
    }

    /// Puts a copy of a file in the place of another, all or nothing. The permissions and the owner are those of the file that was there,
    /// unless others shall be kept.
    ///
    /// # Errors
    ///
    /// As [`Self::replace`].
    pub fn copy_over(
        source: &Permit<ReadAct, Arc<Self>>,
        target: &Permit<Write, Arc<Self>>,
        kept: Option<&Rights>,
        clock: &RunClock,
    ) -> Result<Arc<Self>, Error> {
        if source.resource().identity == target.resource().identity {
            return Err(Error::Io(io::Error::new(io::ErrorKind::InvalidInput, "the two are one and the same file")));
        }
        let kept = kept.map(|Rights(old)| old);
        Self::exchange(target, kept, clock, |file| {
            copy_content(source, file, clock)?;
            kept.map_or(Ok(()), |old| keep_times(old, file))
        })
    }

    /// What a copy of it may keep.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn rights<A: Act>(permit: &Permit<A, Arc<Self>>) -> Result<Rights, Error> {
        sys::fstat(&permit.resource().handle).map(Rights).map_err(|errno| Error::Io(errno.into()))
    }
}

/// The owner, the permissions and the times that a file had.
#[derive(Debug)]
pub struct Rights(sys::Stat);

impl Rights {
    /// Whether this is the owner of what this process makes.
    #[must_use]
    pub fn are_our_own(&self) -> bool {
        (self.0.st_uid, self.0.st_gid) == (geteuid().as_raw(), getegid().as_raw())
    }

    /// Whether it is the same owner.
    #[must_use]
    pub const fn have_owner_of(&self, other: &Self) -> bool {
        self.0.st_uid == other.0.st_uid && self.0.st_gid == other.0.st_gid
    }

    /// Whether the permissions are the same.
    #[must_use]
    pub const fn have_permissions_of(&self, other: &Self) -> bool {
        self.0.st_mode & 0o777 == other.0.st_mode & 0o777
    }
}

/// A file of another file system: copied, then removed where it was.
fn across(object: &Arc<Object>, from: &Place, target: &Destination, clock: &RunClock) -> Result<(), Error> {
    let (base, name) = match target {
        Destination::New(permit) => (&permit.resource().base, only_name(permit.resource())?),
        Destination::Over(permit) => {
            let place = permit.resource().confirm()?;
            (&place.parent, place.name.as_str())
        }
    };
    let source = File::from(object.reopen(OFlags::RDONLY)?);
    let old = sys::fstat(&source).map_err(io::Error::from)?;
    let size = u64::try_from(old.st_size).ok();
    let content = |file: &mut File| {
        copy_all(&mut Reader { file: source, clock: clock.clone(), size }, file, clock)?;
        keep(&old, file)
    };
    fill(base, PRIVATE, Haste::Durable, clock, content, |temporary, _| {
        let flags = if matches!(target, Destination::New(_)) { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
        sys::renameat_with(base, temporary, base, name, flags).map_err(|errno| Error::Io(errno.into()))
    })?;
    object.confirm()?;
    sys::unlinkat(&from.parent, &from.name, AtFlags::empty()).map_err(|errno| Error::Io(errno.into()))
}

/// Whether a crash right afterwards may lose the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// It may: the name is new, and what was copied is still where it came from.
    Quick,
    /// It may not: something else is lost with the operation.
    Durable,
}

/// Makes a temporary file, has it filled, and has it put in its place. Nothing is left of it when something fails.
pub(super) fn fill<T>(
    parent: &OwnedFd,
    mode: Mode,
    haste: Haste,
    clock: &RunClock,
    content: impl FnOnce(&mut File) -> Result<(), Error>,
    publish: impl FnOnce(&str, &File) -> Result<T, Error>,
) -> Result<T, Error> {
    let (name, file) = temporary(parent, mode)?;
    let mut file = File::from(file);
    let published = content(&mut file)
        // Without this a crash could leave the name with no content.
        .and_then(|()| if haste == Haste::Durable { file.sync_all().map_err(Error::Io) } else { Ok(()) })
        // It may have taken long, and a run that was given up must have no effect any more.
        .and_then(|()| Ok(clock.check()?))
        .and_then(|()| publish(&name, &file));
    if published.is_err() {
        discard(parent, &name);
    }
    published
}

fn copy_content(source: &Permit<ReadAct, Arc<Object>>, target: &mut File, clock: &RunClock) -> Result<(), Error> {
    copy_all(&mut Object::reader(source, clock)?, target, clock)
}

/// Copies in the kernel what it can copy there, and the rest through this process.
fn copy_all(source: &mut Reader, target: &mut File, clock: &RunClock) -> Result<(), Error> {
    let mut copied: u64 = 0;
    // Files of /proc and the like have no size, and the kernel copies nothing of them.
    while source.size().is_some() {
        clock.check()?;
        match sys::copy_file_range(&source.file, None, &*target, None, KERNEL_CHUNK) {
            Ok(0) if copied > 0 => return Ok(()),
            Ok(0) | Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => break,
            Ok(count) => copied += count as u64,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::Io(errno.into())),
        }
    }
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = source.read(&mut buffer)?;
        match buffer.get(..read) {
            Some([]) | None => return Ok(()),
            Some(part) => target.write_all(part)?,
        }
    }
}

/// Gives a file the owner, the times and the permissions, but not the powers, of another.
fn keep(old: &sys::Stat, file: &File) -> Result<(), Error> {
    keep_times(old, file)?;
    keep_rights(old, file)
}

/// Gives a file the times of another.
#[expect(clippy::useless_conversion, reason = "the types of these fields are others on other processors")]
fn keep_times(old: &sys::Stat, file: &File) -> Result<(), Error> {
    let moment = |seconds: i64, nanoseconds: u64| sys::Timespec { tv_sec: seconds, tv_nsec: nanoseconds.try_into().unwrap_or(0) };
    let times = Timestamps {
        last_access: moment(old.st_atime, old.st_atime_nsec.into()),
        last_modification: moment(old.st_mtime, old.st_mtime_nsec.into()),
    };
    sys::futimens(file, &times).map_err(|errno| Error::Io(errno.into()))
}

/// Gives a file the owner and the permissions, but not the powers, of another.
pub(super) fn keep_rights(old: &sys::Stat, file: &File) -> Result<(), Error> {
    let new = sys::fstat(file).map_err(io::Error::from)?;
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid) {
        let (user, group) = (Uid::from_raw(old.st_uid), Gid::from_raw(old.st_gid));
        sys::fchown(file, Some(user), Some(group)).map_err(io::Error::from)?;
    }
    sys::fchmod(file, Mode::from_raw_mode(old.st_mode & 0o777)).map_err(|errno| Error::Io(errno.into()))
}

fn only_name(vacancy: &Vacancy) -> Result<&str, Error> {
    match vacancy.names() {
        [name] => Ok(name),
        _ => Err(Error::Io(Errno::NOENT.into())),
    }
}
