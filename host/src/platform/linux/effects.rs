//! Everything that has an effect on the machine. Each function takes the permit for it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{self as sys, AtFlags, FileType, Mode, OFlags, RawDir, Timespec as Moment, Timestamps, UTIME_NOW};
use rustix::io::Errno;

use super::locate::{FileSystem, Object, kind, look};
use super::reader::Reader;
use super::transfer::{Haste, PRIVATE, fill, keep_rights};
use crate::gate::{Create, Delete, Permit, Read, Reads, Write};
use crate::limits::RunClock;
use crate::platform::{Entry, Error, Kind, Listing, Vacancy};

/// Never waits for the other end of a FIFO, never becomes the controlling terminal, never reaches a child.
const CAREFULLY: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// Bytes that are written between two looks at the clock.
const CHUNK: usize = 1 << 20;
/// Names that are tried for a temporary file.
const MAX_TRIES: usize = 16;
const TEMPORARY_PREFIX: &str = ".rex-";

impl Object {
    /// Opens for reading.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn reader<A: Reads>(permit: &Permit<A, Arc<Self>>, clock: &RunClock) -> Result<Reader, Error> {
        let object = permit.resource();
        let file = object.reopen(OFlags::RDONLY)?;
        // Files of /proc and the like say that they are empty and are not.
        let size = if object.kind() == Kind::File { Some(sys::fstat(&file).map_err(io::Error::from)?.st_size) } else { None };
        let size = size.map(|size| u64::try_from(size).unwrap_or(0)).filter(|size| *size > 0);
        Ok(Reader { file: File::from(file), clock: clock.clone(), size })
    }

    /// Lists a directory.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] when names of more bytes than `limit` are in it.
    pub fn list(permit: &Permit<Read, Arc<Self>>, limit: usize, clock: &RunClock) -> Result<Listing, Error> {
        list(&permit.resource().reopen(OFlags::RDONLY | OFlags::DIRECTORY)?, limit, clock)
    }

    /// Writes after what is there.
    ///
    /// # Errors
    ///
    /// As the operating system says. What was written before the error stays.
    pub fn append(permit: &Permit<Write, Arc<Self>>, content: &[u8], clock: &RunClock) -> Result<(), Error> {
        let file = permit.resource().reopen(OFlags::WRONLY | OFlags::APPEND)?;
        write_all(&mut File::from(file), content, clock)
    }

    /// Writes instead of what is there, in the same file.
    ///
    /// # Errors
    ///
    /// As the operating system says. What was there is lost and what was written before the error stays.
    pub fn overwrite(permit: &Permit<Write, Arc<Self>>, content: &[u8], clock: &RunClock) -> Result<(), Error> {
        let object = permit.resource();
        let mut file = File::from(object.reopen(OFlags::WRONLY)?);
        if object.kind() == Kind::File {
            file.set_len(0)?;
        }
        write_all(&mut file, content, clock)
    }

    /// Puts a new file with the same owner and permissions, but never with their powers (setuid, setgid), in the place of a regular file,
    /// all or nothing, and returns it. Other names of the old file keep its old content. What is no regular file is overwritten.
    ///
    /// # Errors
    ///
    /// As the operating system says; [`Error::Exchanged`] when the name stands for something else by now. The old content is there then.
    pub fn replace(permit: &Permit<Write, Arc<Self>>, content: &[u8], clock: &RunClock) -> Result<Arc<Self>, Error> {
        let object = permit.resource();
        if object.kind() != Kind::File {
            return Self::overwrite(permit, content, clock).map(|()| Arc::clone(object));
        }
        Self::exchange(permit, None, clock, |file| write_all(file, content, clock))
    }

    /// Has a new file filled and puts it in the place of an old one. It gets the rights of that one, or of another, and not before it is
    /// whole: they may let others read it.
    pub(super) fn exchange(
        permit: &Permit<Write, Arc<Self>>,
        like: Option<&sys::Stat>,
        clock: &RunClock,
        content: impl FnOnce(&mut File) -> Result<(), Error>,
    ) -> Result<Arc<Self>, Error> {
        let object = permit.resource().regular()?;
        // Nobody may replace what they could not write to.
        drop(object.reopen(OFlags::WRONLY)?);
        let place = object.confirm()?;
        let old = sys::fstat(&object.handle).map_err(io::Error::from)?;
        let prepare = |file: &mut File| {
            content(file)?;
            keep_rights(like.unwrap_or(&old), file)
        };
        fill(&place.parent, PRIVATE, Haste::Durable, clock, prepare, |name, file| {
            object.confirm()?;
            sys::renameat(&place.parent, name, &place.parent, &place.name).map_err(io::Error::from)?;
            object.successor(file)
        })
    }

    /// Sets the time of last modification to now.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn touch(permit: &Permit<Create, Arc<Self>>) -> Result<(), Error> {
        let object = permit.resource();
        let now = Moment { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        sys::utimensat(&object.descriptors, object.handle.as_raw_fd().to_string(), &times, AtFlags::empty())
            .map_err(|errno| Error::Io(errno.into()))
    }

    /// Removes a file, a link or an empty directory.
    ///
    /// # Errors
    ///
    /// As the operating system says; [`Error::Exchanged`] when the name stands for something else by now.
    pub fn remove(permit: Permit<Delete, Arc<Self>>) -> Result<(), Error> {
        let object = permit.into_resource();
        let place = object.confirm()?;
        let flags = if object.kind() == Kind::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        sys::unlinkat(&place.parent, &place.name, flags).map_err(|errno| Error::Io(errno.into()))
    }

    pub(super) fn reopen(&self, flags: OFlags) -> Result<OwnedFd, Error> {
        // The magic link of our own descriptor leads to the object itself, whatever its path leads to by now.
        sys::openat(&self.descriptors, self.handle.as_raw_fd().to_string(), flags | CAREFULLY, Mode::empty())
            .map_err(|errno| Error::Io(errno.into()))
    }
}

impl FileSystem {
    /// Creates an empty file where there is nothing.
    ///
    /// # Errors
    ///
    /// As the operating system says; something that came to be there meanwhile is an error too.
    pub fn create_file(&self, permit: Permit<Create, Vacancy>, permissions: u32) -> Result<Arc<Object>, Error> {
        let vacancy = permit.into_resource();
        let [name] = vacancy.names() else {
            return Err(Error::Io(Errno::NOENT.into()));
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | CAREFULLY;
        let file = sys::openat(&vacancy.base, name, flags, Mode::from_raw_mode(permissions)).map_err(io::Error::from)?;
        self.made(&file, &vacancy, name)
    }

    /// A file that was just made where nothing was.
    pub(super) fn made(&self, file: impl AsFd, vacancy: &Vacancy, name: &str) -> Result<Arc<Object>, Error> {
        let number = file.as_fd().as_raw_fd().to_string();
        let handle =
            sys::openat(&self.descriptors, number, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(io::Error::from)?;
        self.object(handle, Arc::clone(&vacancy.base), name).map(Arc::new)
    }

    /// Creates a directory where there is nothing, and returns it. Those above it, if they were missing, have been created by permits of their own.
    ///
    /// # Errors
    ///
    /// As the operating system says; something that came to be there meanwhile is an error too.
    pub fn create_directory(&self, permit: Permit<Create, Vacancy>) -> Result<Arc<Object>, Error> {
        let vacancy = permit.into_resource();
        let Some((name, above)) = vacancy.names().split_last() else {
            return Err(Error::Io(Errno::EXIST.into()));
        };
        let mut parent = Arc::clone(&vacancy.base);
        for name in above {
            parent = Arc::new(look(&parent, name, OFlags::DIRECTORY | OFlags::NOFOLLOW).map_err(io::Error::from)?);
        }
        sys::mkdirat(&parent, name, Mode::from_raw_mode(0o777)).map_err(io::Error::from)?;
        let handle = look(&parent, name, OFlags::DIRECTORY | OFlags::NOFOLLOW).map_err(io::Error::from)?;
        self.object(handle, parent, name).map(Arc::new)
    }
}

fn list(directory: &OwnedFd, limit: usize, clock: &RunClock) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    let mut bytes = 0;
    let mut buffer = Vec::with_capacity(32 << 10);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(io::Error::from)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        bytes += size_of::<Entry>() + name.to_bytes().len();
        if bytes > limit {
            return Err(Error::TooLarge { limit });
        }
        let Ok(name) = name.to_str() else {
            listing.unreadable += 1;
            continue;
        };
        let file_type = match entry.file_type() {
            FileType::Unknown => sys::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or(FileType::Unknown, |status| FileType::from_raw_mode(status.st_mode)),
            known => known,
        };
        listing.entries.push(Entry { name: name.to_owned(), kind: kind(file_type), inode: entry.ino() });
        if listing.entries.len() % 1024 == 0 {
            clock.check()?;
        }
    }
    listing.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(listing)
}

/// A name that nothing has.
pub(super) fn temporary_name() -> Result<String, Error> {
    Ok(format!("{TEMPORARY_PREFIX}{}", crate::run::random_id()?))
}

/// A new file beside the one that it shall replace.
pub(super) fn temporary(parent: &OwnedFd, mode: Mode) -> Result<(String, OwnedFd), Error> {
    for _ in 0..MAX_TRIES {
        let name = temporary_name()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | CAREFULLY;
        match sys::openat(parent, &name, flags, mode) {
            Ok(file) => return Ok((name, file)),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::Io(errno.into())),
        }
    }
    Err(Error::Io(Errno::EXIST.into()))
}

/// Removes a temporary file, if it is still there.
pub(super) fn discard(parent: &OwnedFd, name: &str) {
    let _ = sys::unlinkat(parent, name, AtFlags::empty());
}

/// Waits where nothing can be taken at the moment, such as by the reader of a FIFO, but not beyond the end of the run.
fn write_all(file: &mut File, content: &[u8], clock: &RunClock) -> Result<(), Error> {
    let mut rest = content;
    while !rest.is_empty() {
        clock.check()?;
        let chunk = rest.get(..CHUNK).unwrap_or(rest);
        match file.write(chunk) {
            Ok(0) => return Err(Error::Io(io::ErrorKind::WriteZero.into())),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let nap = Timespec::try_from(clock.nap()).map_err(io::Error::other)?;
                let _ = poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&nap));
            }
            Err(error) => return Err(Error::Io(error)),
        }
    }
    Ok(())
}
