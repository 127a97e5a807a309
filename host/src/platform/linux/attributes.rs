//! What is known about an object besides its content, and changing that.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use nix::unistd::{Gid as NixGroup, Group, Uid as NixUser, User};
use rustix::fs::{self as sys, AtFlags, FallocateFlags, Gid, Mode, OFlags, Uid, XattrFlags};
use rustix::io::Errno;

use super::locate::Object;
use crate::gate::{Chmod, Chown, Permit, Read, SetXAttr, Stat, With, Write};
use crate::platform::{Error, Kind, Metadata, Moment, SELINUX};

/// Bits of a mode that say who may do what. The others give a file powers, and no script may hand those out.
const PERMISSIONS: u32 = 0o777;
/// Bytes that a SELinux label may have here.
const MAX_LABEL: usize = 4096;
const UNLABELLED: &str = "it has no SELinux label of the form user:role:type:level";

impl Object {
    /// Looks at everything but the content.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    #[expect(clippy::useless_conversion, reason = "the types of these fields are others on other processors")]
    pub fn metadata(permit: &Permit<Stat, Arc<Self>>) -> Result<Metadata, Error> {
        let object = permit.resource();
        let status = sys::fstat(&object.handle).map_err(io::Error::from)?;
        let moment = |seconds: i64, nanoseconds: u64| Moment { seconds, nanoseconds: u32::try_from(nanoseconds).unwrap_or(0) };
        Ok(Metadata {
            kind: object.kind(),
            size: u64::try_from(status.st_size).unwrap_or(0),
            allocated: u64::try_from(status.st_blocks).unwrap_or(0).saturating_mul(512),
            inode: status.st_ino,
            device: status.st_dev,
            hard_links: status.st_nlink.into(),
            permissions: status.st_mode & 0o7777,
            user_id: status.st_uid,
            group_id: status.st_gid,
            accessed: moment(status.st_atime, status.st_atime_nsec.into()),
            modified: moment(status.st_mtime, status.st_mtime_nsec.into()),
            changed: moment(status.st_ctime, status.st_ctime_nsec.into()),
        })
    }

    /// Sets who may read, write and execute it, and takes its powers (setuid, setgid, sticky) away.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn set_permissions(permit: &Permit<Chmod, Arc<Self>>, permissions: u32) -> Result<(), Error> {
        let object = permit.resource();
        if object.kind() == Kind::Symlink {
            return Err(Error::Unsupported("a symbolic link has no permissions of its own"));
        }
        let mode = Mode::from_raw_mode(permissions & PERMISSIONS);
        sys::chmodat(&object.descriptors, object.handle.as_raw_fd().to_string(), mode, AtFlags::empty())
            .map_err(|errno| Error::Io(errno.into()))
    }

    /// Sets its owner, its group or both.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn set_owner(permit: &Permit<Chown, Arc<Self>>, user: Option<u32>, group: Option<u32>) -> Result<(), Error> {
        let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
        sys::chownat(&permit.resource().handle, "", user, group, AtFlags::EMPTY_PATH).map_err(|errno| Error::Io(errno.into()))
    }

    /// Whether a file has no content.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn is_empty(permit: &Permit<Write, Arc<Self>>) -> Result<bool, Error> {
        Ok(sys::fstat(&permit.resource().handle).map_err(io::Error::from)?.st_size == 0)
    }

    /// Cuts a file to a size, or extends it with zeros.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn truncate(permit: &Permit<Write, Arc<Self>>, size: u64) -> Result<(), Error> {
        let file = File::from(permit.resource().regular()?.reopen(OFlags::WRONLY)?);
        file.set_len(size).map_err(Error::Io)
    }

    /// Reserves room on the disk for the first bytes of a file. What is there stays; a shorter file grows.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn allocate(permit: &Permit<Write, Arc<Self>>, size: u64) -> Result<(), Error> {
        let file = permit.resource().regular()?.reopen(OFlags::WRONLY)?;
        sys::fallocate(&file, FallocateFlags::empty(), 0, size).map_err(|errno| Error::Io(errno.into()))
    }

    /// Changes parts of the SELinux label of a file that has one: the user, the role, the type and the level.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] when it has no label; else as the operating system says.
    pub fn relabel(permit: &Permit<SetXAttr, With<Arc<Self>>>, changes: [Option<&str>; 4]) -> Result<(), Error> {
        let file = permit.resource().0.regular()?.reopen(OFlags::RDONLY)?;
        let mut label = Vec::with_capacity(MAX_LABEL);
        match sys::fgetxattr(&file, SELINUX, rustix::buffer::spare_capacity(&mut label)) {
            Ok(_) => {}
            Err(Errno::NODATA | Errno::NOTSUP) => return Err(Error::Unsupported(UNLABELLED)),
            Err(errno) => return Err(Error::Io(errno.into())),
        }
        let label = std::str::from_utf8(&label).map_err(|_| Error::Unsupported(UNLABELLED))?.trim_end_matches('\0');
        let parts: Vec<_> = label.splitn(changes.len(), ':').collect();
        if parts.len() != changes.len() {
            return Err(Error::Unsupported(UNLABELLED));
        }
        let label: Vec<_> = changes.iter().zip(parts).map(|(change, part)| change.unwrap_or(part)).collect();
        let label = format!("{}\0", label.join(":"));
        sys::fsetxattr(&file, SELINUX, label.as_bytes(), XattrFlags::REPLACE).map_err(|errno| Error::Io(errno.into()))
    }

    /// Where a symbolic link points to.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn link_target(permit: &Permit<Read, Arc<Self>>) -> Result<String, Error> {
        let target = sys::readlinkat(&permit.resource().handle, "", Vec::new()).map_err(io::Error::from)?;
        target.into_string().map_err(|_| Error::Io(io::Error::new(io::ErrorKind::InvalidData, "the link's target is not UTF-8")))
    }

    /// Itself, if it is a regular file.
    pub(super) fn regular(&self) -> Result<&Self, Error> {
        if self.kind() == Kind::File { Ok(self) } else { Err(Error::Io(Errno::INVAL.into())) }
    }
}

/// The name of a user.
#[must_use]
pub fn name_of_user(id: u32) -> Option<String> {
    User::from_uid(NixUser::from_raw(id)).ok().flatten().map(|user| user.name)
}

/// The name of a group.
#[must_use]
pub fn name_of_group(id: u32) -> Option<String> {
    Group::from_gid(NixGroup::from_raw(id)).ok().flatten().map(|group| group.name)
}

/// The number of a user.
#[must_use]
pub fn user_of_name(name: &str) -> Option<u32> {
    User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
}

/// The number of a group.
#[must_use]
pub fn group_of_name(name: &str) -> Option<u32> {
    Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
}
