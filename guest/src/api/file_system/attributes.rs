//! What is known about objects besides their content: `Metadata`, ownership and permissions.

use rhai::{Array, Dynamic, Map};

use super::handle::{DirEntry, DirHandle, FileHandle, SymlinkHandle};
use super::{answer, integer, natural, tree};
use crate::api::constant::{self, Constant};
use crate::api::date_time::DateTime;
use crate::api::flag::{Flags, Shape, register_flags};
use crate::api::options::options;
use crate::bindings::rex::host::file_system::{self, EntryType, OpenDirFlags, OpenFileFlags, SelinuxLabel};
use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments, of_kind};

const SIZE_UNITS: &str = "SizeUnit";
/// Bytes of a unit.
const UNITS: [(&str, u64); 7] = [
    ("BYTES", 1),
    ("KILOBYTES", 1000),
    ("KIBIBYTES", 1 << 10),
    ("MEGABYTES", 1_000_000),
    ("MEBIBYTES", 1 << 20),
    ("GIGABYTES", 1_000_000_000),
    ("GIBIBYTES", 1 << 30),
];
/// What a block is, in bytes, where blocks are counted.
const BLOCK: u64 = 512;

options! {
    ChmodDirOptions { permissions: i64, recursive: bool }
}

options! {
    /// Of a file or a directory.
    SetOwnershipOptions { user: String, group: String, recursive: bool }
}

options! {
    TruncateOptions { size: i64, format: Constant }
}

options! {
    FallocateOptions { length: i64, format: Constant }
}

options! {
    SetXAttrOptions { name: String, selinux_user: String, selinux_role: String, selinux_type: String, selinux_level: String }
}

/// The only extended attribute that can be changed.
const SELINUX: &str = "security.selinux";

/// What is known of an object besides its content.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    known: file_system::Metadata,
    /// Of a symbolic link that was asked for its target.
    target: Option<String>,
}

impl Metadata {
    pub(super) fn of_path(path: &str, follow: bool) -> ApiResult<Self> {
        answer(file_system::stat(path, follow)).map(Self::from)
    }

    fn with_target(self, target: String) -> Self {
        Self { target: Some(target), ..self }
    }

    fn owner(&self) -> Map {
        Map::from([("user".into(), self.known.user.clone().into()), ("group".into(), self.known.group.clone().into())])
    }

    fn kind(&self) -> Constant {
        super::handle::entry_type(self.known.kind)
    }

    /// As the system has it (`st_mode`): what it is, and who may read, write and execute it.
    fn mode(&self) -> i64 {
        i64::from(type_bits(self.known.kind) | self.known.permissions)
    }

    fn target(&self) -> Dynamic {
        self.target.clone().map_or(Dynamic::UNIT, Into::into)
    }

    pub(super) fn is_dir(&self) -> bool {
        self.known.kind == EntryType::Dir
    }

    /// Bytes of the content, or those that it takes on the disk.
    pub(super) fn bytes(&self, apparent: bool) -> u64 {
        if apparent { self.known.size } else { self.known.allocated }
    }

    /// What makes it this object and no other, where it has more than one name.
    pub(super) fn shared_identity(&self) -> Option<(u64, u64)> {
        (self.known.hard_links > 1 && !self.is_dir()).then_some((self.known.device, self.known.inode))
    }

    /// When the content was last changed.
    pub(super) fn modified(&self) -> DateTime {
        self.known.modified.into()
    }

    /// When the content or what is known besides was last changed.
    pub(super) fn changed(&self) -> DateTime {
        self.known.changed.into()
    }

    pub(super) fn device(&self) -> u64 {
        self.known.device
    }

    /// As the peer has it.
    fn to_map(&self) -> Map {
        let known = &self.known;
        Map::from([
            ("type".into(), self.kind().name().into()),
            ("file_size".into(), integer(known.size).into()),
            ("allocated_size".into(), integer(known.allocated).into()),
            ("num_hardlinks".into(), integer(known.hard_links).into()),
            ("permissions".into(), self.mode().into()),
            ("last_modified_time".into(), known.modified.seconds.into()),
            ("owner_user".into(), known.user.clone().into()),
            ("owner_group".into(), known.group.clone().into()),
            ("symlink_target".into(), self.target()),
        ])
    }

    /// All that is known, as `stat` gives it.
    pub(super) fn details(&self) -> Map {
        let known = &self.known;
        Map::from([
            ("type".into(), self.kind().name().into()),
            ("size".into(), integer(known.size).into()),
            ("allocated_size".into(), integer(known.allocated).into()),
            ("inode".into(), integer(known.inode).into()),
            ("hard_links".into(), integer(known.hard_links).into()),
            ("permissions".into(), i64::from(known.permissions).into()),
            ("mode".into(), format!("{:04o}", known.permissions).into()),
            ("user".into(), known.user.clone().into()),
            ("group".into(), known.group.clone().into()),
            ("accessed".into(), known.accessed.seconds.into()),
            ("modified".into(), known.modified.seconds.into()),
            ("changed".into(), known.changed.seconds.into()),
        ])
    }
}

impl From<file_system::Metadata> for Metadata {
    fn from(known: file_system::Metadata) -> Self {
        Self { known, target: None }
    }
}

/// What `st_mode` says of an object's type.
const fn type_bits(kind: EntryType) -> u32 {
    match kind {
        EntryType::File => 0o100_000,
        EntryType::Dir => 0o040_000,
        EntryType::Symlink => 0o120_000,
        EntryType::Fifo => 0o010_000,
        EntryType::Socket => 0o140_000,
        EntryType::CharDevice => 0o020_000,
        EntryType::BlockDevice => 0o060_000,
        EntryType::Unknown => 0,
    }
}

pub(super) fn register(registrar: &mut Registrar) {
    constant::register_family(registrar, SIZE_UNITS, &UNITS.map(|(name, _)| name));
    for register in
        [ChmodDirOptions::register, SetOwnershipOptions::register, TruncateOptions::register, FallocateOptions::register]
    {
        register(registrar);
    }
    register_metadata(registrar);
    register_commands(registrar);

    registrar
        .function("chmod", |file: &mut FileHandle, permissions: i64| answer(file.host().set_permissions(mode(permissions)?)));
    registrar.function("chmod", |dir: &mut DirHandle, options: ChmodDirOptions| {
        let permissions =
            mode(options.permissions.ok_or_else(|| {
                invalid_arguments(FILE_SYSTEM_KINDS, "ChmodDirOptions needs permissions: .permissions(0o755)")
            })?)?;
        change(&dir.path(), options.recursive == Some(true), |path| file_system::set_permissions(path, permissions))
    });
    registrar.function("get_ownership", |file: &mut FileHandle| -> ApiResult<Map> {
        Ok(Metadata::from(answer(file.host().metadata())?).owner())
    });
    registrar.function("get_ownership", |dir: &mut DirHandle| -> ApiResult<Map> {
        Ok(Metadata::of_path(&dir.path(), false)?.owner())
    });
    registrar.function("set_ownership", |file: &mut FileHandle, options: SetOwnershipOptions| {
        answer(file.host().set_owner(options.user.as_deref(), options.group.as_deref()))
    });
    registrar.function("set_ownership", |dir: &mut DirHandle, options: SetOwnershipOptions| {
        chown(&dir.path(), options.user.as_deref(), options.group.as_deref(), options.recursive == Some(true))
    });
    registrar.function("set_ownership", |link: &mut SymlinkHandle, options: SetOwnershipOptions| {
        answer(file_system::set_owner(link.path(), options.user.as_deref(), options.group.as_deref(), false))
    });
    SetXAttrOptions::register(registrar);
    registrar.function("set_extended_attr", |file: &mut FileHandle, options: SetXAttrOptions| -> ApiResult<()> {
        if options.name.as_deref() != Some(SELINUX) {
            let message = format!("only the extended attribute {SELINUX:?} can be set: .name({SELINUX:?})");
            return Err(of_kind(FILE_SYSTEM_KINDS, "UnsupportedOperationError", message));
        }
        let label = SelinuxLabel {
            user: options.selinux_user,
            role: options.selinux_role,
            type_: options.selinux_type,
            level: options.selinux_level,
        };
        answer(file.host().set_selinux_label(&label))
    });
    registrar.function("get_last_modified_time", |file: &mut FileHandle| -> ApiResult<i64> {
        let modified = answer(file.host().metadata())?.modified;
        Ok(modified.seconds.saturating_mul(1_000_000_000).saturating_add(modified.nanoseconds.into()))
    });
    registrar.function("truncate", |file: &mut FileHandle, options: TruncateOptions| {
        answer(file.host().truncate(bytes("size", options.size.unwrap_or(0), options.format)?))
    });
    registrar.function("fallocate", |file: &mut FileHandle, options: FallocateOptions| {
        match bytes("length", options.length.unwrap_or(0), options.format)? {
            0 => Err(invalid_arguments(FILE_SYSTEM_KINDS, "FallocateOptions needs a length of at least 1")),
            size => answer(file.host().allocate(size)),
        }
    });
}

fn register_metadata(registrar: &mut Registrar) {
    registrar.engine.register_type_with_name::<Metadata>("Metadata");
    registrar.function("metadata", |file: &mut FileHandle| answer(file.host().metadata()).map(Metadata::from));
    registrar.function("metadata", |dir: &mut DirHandle| Metadata::of_path(&dir.path(), false));
    registrar.function("metadata", |entry: &mut DirEntry| Metadata::of_path(&entry.path(), false));
    registrar.function("metadata", |link: &mut SymlinkHandle| -> ApiResult<Metadata> {
        let metadata = Metadata::of_path(link.path(), false)?;
        Ok(metadata.with_target(answer(file_system::read_link(link.path()))?))
    });
    registrar.function("type", |metadata: &mut Metadata| metadata.kind());
    registrar.function("file_size", |metadata: &mut Metadata| integer(metadata.known.size));
    registrar.function("allocated_size", |metadata: &mut Metadata| integer(metadata.known.allocated));
    registrar.function("blocks", |metadata: &mut Metadata| integer(metadata.known.allocated / BLOCK));
    registrar.function("num_hardlinks", |metadata: &mut Metadata| integer(metadata.known.hard_links));
    registrar.function("permissions", |metadata: &mut Metadata| metadata.mode());
    registrar.function("last_modified_time", |metadata: &mut Metadata| metadata.known.modified.seconds);
    registrar
        .function("last_modified_time_nanos_component", |metadata: &mut Metadata| i64::from(metadata.known.modified.nanoseconds));
    registrar.function("symlink_target", |metadata: &mut Metadata| metadata.target());
    registrar.function("to_map", |metadata: &mut Metadata| metadata.to_map());
    registrar.engine.register_get("owner", |metadata: &mut Metadata| metadata.owner());
}

fn register_commands(registrar: &mut Registrar) {
    use Shape::Plain;

    registrar.addition("stat", |path: &str| -> ApiResult<Map> { Ok(Metadata::of_path(path, true)?.details()) });
    register_flags(registrar, "chmod", &[(&["recursive", "R"], Plain)]);
    registrar.addition("chmod", |permissions: i64, path: &str| {
        let permissions = mode(permissions)?;
        change(path, false, |path| file_system::set_permissions(path, permissions))
    });
    registrar.addition("chmod", |flags: Array, permissions: i64, path: &str| {
        let permissions = mode(permissions)?;
        let recursive = Flags::of("chmod", flags)?.has("recursive");
        change(path, recursive, |path| file_system::set_permissions(path, permissions))
    });
    register_flags(registrar, "chown", &[(&["recursive", "R"], Plain)]);
    registrar.addition("chown", |owner: &str, path: &str| {
        let (user, group) = user_and_group(owner);
        chown(path, user, group, false)
    });
    registrar.addition("chown", |flags: Array, owner: &str, path: &str| {
        let (user, group) = user_and_group(owner);
        chown(path, user, group, Flags::of("chown", flags)?.has("recursive"))
    });
    registrar.addition("sha256", |path: &str| {
        let file = FileHandle::open(path, OpenFileFlags::READ | OpenFileFlags::FOLLOW)?;
        answer(file.host().sha256())
    });
    registrar.addition("sha256", |file: &mut FileHandle| answer(file.host().sha256()));
}

fn chown(path: &str, user: Option<&str>, group: Option<&str>, recursive: bool) -> ApiResult<()> {
    if user.is_none() && group.is_none() {
        return Err(invalid_arguments(FILE_SYSTEM_KINDS, "neither a user nor a group is given"));
    }
    change(path, recursive, |path| file_system::set_owner(path, user, group, !recursive))
}

/// As `chown` of the shell: `user`, `user:group` or `:group`.
fn user_and_group(owner: &str) -> (Option<&str>, Option<&str>) {
    let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
    ((!user.is_empty()).then_some(user), (!group.is_empty()).then_some(group))
}

/// Changes an object, and before it what is below; links are left alone there. What cannot be changed below is told in the log.
fn change(path: &str, recursive: bool, change: impl Fn(&str) -> Result<(), file_system::Error>) -> ApiResult<()> {
    if recursive {
        tree::walk(&DirHandle::open(path, OpenDirFlags::empty())?, &mut |entry| {
            if !entry.is_symlink() {
                tree::or_skip(answer(change(&entry.path())))?;
            }
            Ok(())
        })?;
    }
    answer(change(path))
}

fn mode(permissions: i64) -> ApiResult<u32> {
    u32::try_from(permissions)
        .map_err(|_| invalid_arguments(FILE_SYSTEM_KINDS, format!("permissions are 0o000 to 0o777, not {permissions}")))
}

/// A size in bytes.
pub(super) fn bytes(name: &str, count: i64, unit: Option<Constant>) -> ApiResult<u64> {
    let unit = match unit {
        None => 1,
        Some(unit) => UNITS
            .iter()
            .find(|(name, _)| Constant::new(SIZE_UNITS, name) == unit)
            .map(|(_, bytes)| *bytes)
            .ok_or_else(|| invalid_arguments(FILE_SYSTEM_KINDS, format!("`{}` is no SizeUnit", unit.name())))?,
    };
    natural(name, count)?
        .checked_mul(unit)
        .ok_or_else(|| invalid_arguments(FILE_SYSTEM_KINDS, format!("{name} is larger than any file can be")))
}
