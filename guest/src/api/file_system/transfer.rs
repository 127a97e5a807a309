//! `cp`, `mv`, `ln` and `readlink`, and the same for objects.

use rhai::Array;

use super::answer;
use super::handle::{DirHandle, FileHandle, SymlinkHandle};
use crate::api::flag::{Flags, Shape, register_flags};
use crate::api::options::options;
use crate::bindings::rex::host::file_system::{self, CopyFlags, MoveFlags, OpenDirFlags, OpenFileFlags, RemoveFlags};
use crate::bindings::rex::host::log::{self, Level};
use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments};

options! {
    CopyFileOptions { force: bool, preserve: bool }
}

options! {
    MoveOptions { backup: bool, verbose: bool }
}

options! {
    CreateSymlinkOptions { force: bool }
}

options! {
    DeleteFileOptions { force: bool }
}

options! {
    DeleteDirOptions { force: bool, recursive: bool }
}

impl CopyFileOptions {
    fn flags(&self) -> CopyFlags {
        copy_flags(self.force == Some(true), self.preserve == Some(true))
    }
}

fn copy_flags(force: bool, preserve: bool) -> CopyFlags {
    let force = if force { CopyFlags::FORCE } else { CopyFlags::empty() };
    force | if preserve { CopyFlags::PRESERVE } else { CopyFlags::empty() }
}

pub(super) fn register(registrar: &mut Registrar) {
    for register in [
        CopyFileOptions::register,
        MoveOptions::register,
        CreateSymlinkOptions::register,
        DeleteFileOptions::register,
        DeleteDirOptions::register,
    ] {
        register(registrar);
    }
    register_commands(registrar);

    registrar.function("copy", |file: &mut FileHandle, target: FileHandle, options: CopyFileOptions| {
        answer(file.host().copy(target.host(), options.flags())).map(|()| target)
    });
    registrar.function("move", |file: &mut FileHandle, dir: DirHandle, name: &str, options: MoveOptions| {
        let flags = OpenFileFlags::READ | OpenFileFlags::WRITE;
        move_to(&file.path(), &dir.join(name)?, &options)?;
        dir.open_entry(name, flags)
    });
    registrar.function("move", |_parent: &mut DirHandle, dir: DirHandle, target: DirHandle, name: &str, options: MoveOptions| {
        move_to(&dir.path(), &target.join(name)?, &options)?;
        DirHandle::open(&target.join(name)?, OpenDirFlags::empty())
    });
    registrar.function("delete", |file: &mut FileHandle, options: DeleteFileOptions| {
        match (answer(file.host().remove()), options.force) {
            // Somebody else was faster.
            (Err(error), Some(true)) if crate::error::is_kind(&error, "Conflict") => Ok(()),
            (removed, _) => removed,
        }
    });
    registrar.function("delete", |dir: &mut DirHandle, options: DeleteDirOptions| {
        let force = if options.force == Some(true) { RemoveFlags::FORCE } else { RemoveFlags::empty() };
        let recursive = if options.recursive == Some(true) { RemoveFlags::RECURSIVE } else { RemoveFlags::empty() };
        answer(file_system::remove(&dir.path(), force | recursive))
    });
    registrar.function("create_symlink", |dir: &mut DirHandle, target: &str, name: &str, options: CreateSymlinkOptions| {
        answer(file_system::make_symlink(target, &dir.join(name)?, options.force == Some(true)))
    });
    registrar.function("read_link_target", |dir: &mut DirHandle, name: &str| answer(file_system::read_link(&dir.join(name)?)));
    registrar.function("open_symlink", |dir: &mut DirHandle, name: &str| SymlinkHandle::of(dir, name));
}

fn register_commands(registrar: &mut Registrar) {
    use Shape::Plain;

    register_flags(registrar, "cp", &[(&["force", "f"], Plain), (&["preserve", "p"], Plain)]);
    registrar.function("cp", |source: &str, target: &str| answer(file_system::copy(source, target, CopyFlags::empty())));
    registrar.function("cp", |flags: Array, source: &str, target: &str| {
        let flags = Flags::of("cp", flags)?;
        answer(file_system::copy(source, target, copy_flags(flags.has("force"), flags.has("preserve"))))
    });

    register_flags(registrar, "mv", &[(&["backup", "b"], Plain), (&["verbose", "v"], Plain)]);
    registrar.function("mv", |source: &str, target: &str| move_to(source, target, &MoveOptions::default()));
    registrar.function("mv", |flags: Array, source: &str, target: &str| {
        let flags = Flags::of("mv", flags)?;
        move_to(source, target, &MoveOptions { backup: Some(flags.has("backup")), verbose: Some(flags.has("verbose")) })
    });

    register_flags(registrar, "ln", &[(&["symbolic", "s"], Plain), (&["force", "f"], Plain)]);
    registrar.addition("ln", |target: &str, path: &str| answer(file_system::make_link(target, path)));
    registrar.addition("ln", |flags: Array, target: &str, path: &str| {
        let flags = Flags::of("ln", flags)?;
        match (flags.has("symbolic"), flags.has("force")) {
            (true, force) => answer(file_system::make_symlink(target, path, force)),
            (false, false) => answer(file_system::make_link(target, path)),
            (false, true) => {
                Err(invalid_arguments(FILE_SYSTEM_KINDS, "`ln::force` replaces symbolic links alone: give `ln::symbolic` too"))
            }
        }
    });
    registrar.addition("readlink", |path: &str| answer(file_system::read_link(path)));
}

fn move_to(source: &str, target: &str, options: &MoveOptions) -> ApiResult<()> {
    let flags = if options.backup == Some(true) { MoveFlags::BACKUP } else { MoveFlags::empty() };
    answer(file_system::move_(source, target, flags))?;
    if options.verbose == Some(true) {
        log::write(Level::Info, 0, &format!("renamed '{source}' -> '{target}'"));
    }
    Ok(())
}
