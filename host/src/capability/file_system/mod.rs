//! `rex:host/file-system`.

mod archive;
mod attributes;
mod compressed;
mod redaction;
mod text;
mod transfer;

use std::sync::Arc;

use wasmtime::Result as CallResult;
use wasmtime::component::Resource;

use super::{Failure, State, about};
use crate::gate::{Asked, Create, Delete, Named, Open, Permit, Read, Write};
use crate::journal::Level;
use crate::platform::{AbsolutePath, Kind, Links, Listing, Located, Name, Object, Vacancy, parent};
use crate::policy::EntityType;
use crate::policy::EntityType::{Dir, File};
use crate::sandbox::bindings::rex::host::file_system::{
    self as wit, CopyFlags, EntryType, ExtractFlags, GzipInfo, GzipSearchOptions, Host, HostDir, HostFile, LineSelection,
    MatchLine, Metadata, MoveFlags, OpenDirFlags, OpenFileFlags, RemoveFlags, SearchOptions, SelinuxLabel, TextCounts, WriteMode,
};
use crate::sandbox::bindings::rex::host::types::ErrorKind;

pub(super) use redaction::Redaction;

type Answer<T> = Result<T, Failure>;

/// Permissions of a new file where none are given, before the process's umask.
const NEW_FILE: u32 = 0o666;

/// A directory that the guest has open.
#[derive(Debug)]
pub struct DirHandle {
    permit: Permit<Open, Arc<Object>>,
    /// As the script named it.
    asked: AbsolutePath,
}

/// A file that the guest has open.
#[derive(Debug)]
pub struct FileHandle {
    permit: Permit<Open, Arc<Object>>,
    /// As the script named it.
    asked: AbsolutePath,
    readable: bool,
    writable: bool,
    /// Where the next page begins, in bytes.
    page: u64,
}

/// Leave to read an open file.
struct ReadPermit<A = Read> {
    permit: Permit<A, Arc<Object>>,
    asked: AbsolutePath,
    /// Where the next page begins, in bytes.
    page: u64,
}

impl State {
    fn locate(&self, path: &AbsolutePath, links: Links) -> Answer<Located> {
        self.files.locate(path, links).map_err(|error| about(path.as_str(), error))
    }

    /// Opens a directory that was found, or creates it where that was asked for.
    fn open_dir(&mut self, path: &AbsolutePath, located: Located, options: OpenDirFlags) -> Answer<Resource<DirHandle>> {
        let asked = Asked { kind: Dir, path: path.as_str() };
        let permit = match located {
            Located::Found(object) => self.gate.permit::<Open, _>(asked, object)?,
            Located::Missing(vacancy) => {
                let vacancy = vacancy.as_kind(Dir);
                if !options.contains(OpenDirFlags::CREATE) {
                    return Err(self.absent(asked, vacancy));
                }
                let vacancy = self.gate.permit::<Open, _>(asked, vacancy)?.into_resource();
                let created = self.make_dirs(asked, vacancy, options.contains(OpenDirFlags::PARENTS))?;
                self.gate.permit::<Open, _>(asked, created)?
            }
        };
        if permit.resource().kind() != Kind::Directory {
            return Err(wrong_type(path, "a directory", permit.resource().kind()));
        }
        self.hand_out(DirHandle { permit, asked: path.clone() })
    }

    /// Opens a file that was found, or creates it where that was asked for.
    fn open_file(
        &mut self,
        path: &AbsolutePath,
        located: Located,
        options: OpenFileFlags,
        permissions: Option<u32>,
    ) -> Answer<Resource<FileHandle>> {
        let asked = Asked { kind: File, path: path.as_str() };
        let permissions = permissions.unwrap_or(NEW_FILE);
        if permissions > 0o777 {
            let message = format!("{:?}: permissions are 0o000 to 0o777, not {permissions:#o}", path.as_str());
            return Err(Failure::of(ErrorKind::InvalidFileMode, message));
        }
        let writable = options.contains(OpenFileFlags::WRITE);
        let permit = match located {
            Located::Found(object) => self.gate.permit::<Open, _>(asked, object)?,
            Located::Missing(vacancy) if options.contains(OpenFileFlags::CREATE) && writable && vacancy.admits_file() => {
                let vacancy = self.gate.permit::<Open, _>(asked, vacancy)?.into_resource();
                let permit = self.gate.permit::<Create, _>(asked, vacancy)?;
                let created = self.files.create_file(permit, permissions).map_err(|error| about(path.as_str(), error))?;
                self.gate.permit::<Open, _>(asked, created)?
            }
            Located::Missing(vacancy) => return Err(self.absent(asked, vacancy)),
        };
        match permit.resource().kind() {
            Kind::File | Kind::Fifo | Kind::CharacterDevice | Kind::BlockDevice => {}
            other => return Err(wrong_type(path, "a file", other)),
        }
        let readable = options.contains(OpenFileFlags::READ) || !writable;
        self.hand_out(FileHandle { permit, asked: path.clone(), readable, writable, page: 0 })
    }

    /// What is told of a thing that is not there: that it is not, to those who may open it, and to others what they would be told if it were.
    fn absent(&mut self, asked: Asked<'_>, vacancy: Vacancy) -> Failure {
        match self.gate.permit::<Open, _>(asked, vacancy) {
            Ok(permit) => unreachable(asked.path, permit.resource()),
            Err(refusal) => refusal.into(),
        }
    }

    /// Creates a directory, and those above it that are missing. Every one is permitted before the first is made.
    fn make_dirs(&mut self, asked: Asked<'_>, vacancy: Vacancy, parents: bool) -> Answer<Arc<Object>> {
        if !vacancy.is_plainly_missing() || (!parents && !vacancy.is_last_only()) {
            let permit = self.gate.permit::<Create, _>(asked, vacancy)?;
            return Err(unreachable(asked.path, permit.resource()));
        }
        let permits =
            vacancy.steps().into_iter().map(|step| self.gate.permit::<Create, _>(asked, step)).collect::<Result<Vec<_>, _>>()?;
        let mut created = None;
        for permit in permits {
            created = Some(self.files.create_directory(permit).map_err(|error| about(asked.path, error))?);
        }
        created.ok_or_else(|| Failure::of(ErrorKind::AlreadyExists, format!("{:?} exists already", asked.path)))
    }

    /// Opens what a path leads to, for something that is done by its path. Whatever is there, the first question is the same, or a denial
    /// would tell.
    fn open_object(&mut self, path: &AbsolutePath, links: Links) -> Answer<(EntityType, Arc<Object>)> {
        let asked = Asked { kind: File, path: path.as_str() };
        let object = match self.locate(path, links)? {
            Located::Found(object) => self.gate.permit::<Open, _>(asked, object)?.into_resource(),
            Located::Missing(vacancy) => return Err(self.absent(asked, vacancy)),
        };
        if object.kind() == Kind::Directory {
            return Ok((Dir, object));
        }
        self.permit_parent_path(parent(object.path()), Asked { kind: Dir, path: parent(path.as_str()) })?;
        Ok((File, object))
    }

    /// An open file, for what is done through its handle. It may have been moved: the policy is asked about where it is.
    fn open_handle(&mut self, handle: &Resource<FileHandle>) -> Answer<(AbsolutePath, Arc<Object>)> {
        self.called()?;
        let file = self.table.get(handle)?;
        self.where_it_is(&file.permit, &file.asked)
    }

    /// The same of a directory.
    fn open_dir_handle(&mut self, handle: &Resource<DirHandle>) -> Answer<(AbsolutePath, Arc<Object>)> {
        self.called()?;
        let directory = self.table.get(handle)?;
        self.where_it_is(&directory.permit, &directory.asked)
    }

    fn where_it_is(&self, opened: &Permit<Open, Arc<Object>>, asked: &AbsolutePath) -> Answer<(AbsolutePath, Arc<Object>)> {
        let object = self.files.find_again(opened.resource()).map_err(|error| about(asked.as_str(), error))?;
        Ok((asked.clone(), object))
    }

    /// An open file that was opened for writing.
    fn writable(&mut self, handle: &Resource<FileHandle>) -> Answer<(AbsolutePath, Arc<Object>)> {
        let open = self.open_handle(handle)?;
        if !self.table.get(handle)?.writable {
            return Err(Failure::of(ErrorKind::ValidationError, "the file was not opened for writing: set write(true)"));
        }
        Ok(open)
    }

    /// The name stands for another file now, and the handle stands for the name.
    fn stand_for(&mut self, handle: &Resource<FileHandle>, asked: &AbsolutePath, object: Arc<Object>) -> Answer<()> {
        let permit = self.gate.permit::<Open, _>(Asked { kind: File, path: asked.as_str() }, object)?;
        self.table.get_mut(handle)?.permit = permit;
        Ok(())
    }

    /// Asks for `open` on the directory that really holds a thing.
    fn permit_parent(&mut self, path: &AbsolutePath, located: &Located) -> Answer<()> {
        self.permit_parent_path(parent(located.path()), Asked { kind: Dir, path: parent(path.as_str()) })
    }

    fn permit_parent_path(&mut self, canonical: &str, asked: Asked<'_>) -> Answer<()> {
        let _ = self.gate.permit::<Open, _>(asked, Named(Dir, canonical))?;
        Ok(())
    }

    /// An open file that was opened for reading.
    fn open_to_read(&mut self, handle: &Resource<FileHandle>) -> Answer<(AbsolutePath, Arc<Object>)> {
        let open = self.open_handle(handle)?;
        if !self.table.get(handle)?.readable {
            return Err(Failure::of(ErrorKind::ValidationError, "the file was not opened for reading: set read(true)"));
        }
        Ok(open)
    }

    /// A permit to read an open file.
    fn readable(&mut self, handle: &Resource<FileHandle>) -> Answer<ReadPermit> {
        let (asked, object) = self.open_to_read(handle)?;
        let page = self.table.get(handle)?.page;
        let permit = self.gate.permit::<Read, _>(Asked { kind: File, path: asked.as_str() }, object)?;
        Ok(ReadPermit { permit, asked, page })
    }

    /// Lists an open directory.
    fn list(&mut self, object: Arc<Object>, path: &str) -> Answer<Listing> {
        let permit = self.gate.permit::<Read, _>(Asked { kind: Dir, path }, object)?;
        let listing = Object::list(&permit, self.limits.call_bytes, &self.clock).map_err(|error| match error {
            crate::platform::Error::TooLarge { .. } => self.too_large("the list of the directory's entries"),
            other => about(path, other),
        })?;
        if listing.unreadable > 0 {
            let message = format!("{path:?}: {} entries have names that are not UTF-8 and were left out", listing.unreadable);
            self.journal.lock().log(Level::Warn, 0, message);
        }
        Ok(listing)
    }

    /// Lists a directory that goes as a whole.
    fn list_whole(&mut self, object: Arc<Object>, path: &str) -> Answer<Listing> {
        let listing = self.list(object, path)?;
        if listing.unreadable > 0 {
            let message = format!("{path:?}: it holds entries that no policy can name");
            return Err(Failure::of(ErrorKind::UnsupportedOperationError, message));
        }
        Ok(listing)
    }

    /// An entry of a directory that goes as a whole. Nothing is only where nothing is: what cannot be looked at would go unasked.
    fn child(&self, directory: &Object, name: &Name, path: &str) -> Answer<Option<Arc<Object>>> {
        match self.files.locate_in(directory, name, Links::Keep).map_err(|error| about(path, error))? {
            Located::Found(child) => Ok(Some(child)),
            Located::Missing(vacancy) if vacancy.is_plainly_missing() => Ok(None),
            Located::Missing(vacancy) => Err(unreachable(path, &vacancy)),
        }
    }

    /// Asks for everything below a directory, deepest first, and collects the permits.
    fn permit_tree(
        &mut self,
        object: Arc<Object>,
        path: &AbsolutePath,
        permits: &mut Vec<Permit<Delete, Arc<Object>>>,
    ) -> Answer<()> {
        for entry in self.list_whole(Arc::clone(&object), path.as_str())?.entries {
            if permits.len() >= MAX_ENTRIES {
                return Err(self.excess(
                    ErrorKind::InvalidArguments,
                    format!(
                        "{:?}: more than {MAX_ENTRIES} entries would be removed by one call; remove parts of it first",
                        path.as_str()
                    ),
                ));
            }
            let name = Name::parse(&entry.name)?;
            let path = path.join(&name)?;
            let Some(child) = self.child(&object, &name, path.as_str())? else { continue };
            let asked = Asked { kind: if child.kind() == Kind::Directory { Dir } else { File }, path: path.as_str() };
            if child.kind() == Kind::Directory {
                let child = self.gate.permit::<Open, _>(asked, Arc::clone(&child))?.into_resource();
                self.permit_tree(child, &path, permits)?;
            }
            permits.push(self.gate.permit::<Delete, _>(asked, child)?);
        }
        Ok(())
    }
}

/// Entries that one recursive operation may have: a removal keeps a handle to each open until it is removed.
const MAX_ENTRIES: usize = 10_000;

impl Host for State {
    fn touch(&mut self, path: String) -> Answer<()> {
        self.called()?;
        let path = AbsolutePath::parse(&path)?;
        let located = self.locate(&path, Links::Follow)?;
        self.permit_parent(&path, &located)?;
        let asked = Asked { kind: File, path: path.as_str() };
        match located {
            Located::Found(object) => {
                let object = self.gate.permit::<Open, _>(asked, object)?.into_resource();
                let permit = self.gate.permit::<Create, _>(asked, object)?;
                Object::touch(&permit).map_err(|error| about(path.as_str(), error))
            }
            Located::Missing(vacancy) if vacancy.admits_file() => {
                let vacancy = self.gate.permit::<Open, _>(asked, vacancy)?.into_resource();
                let permit = self.gate.permit::<Create, _>(asked, vacancy)?;
                self.files.create_file(permit, NEW_FILE).map(|_| ()).map_err(|error| about(path.as_str(), error))
            }
            Located::Missing(vacancy) => Err(self.absent(asked, vacancy)),
        }
    }

    fn make_dir(&mut self, path: String, parents: bool) -> Answer<()> {
        self.called()?;
        let path = AbsolutePath::parse(&path)?;
        let asked = Asked { kind: Dir, path: path.as_str() };
        let located = self.locate(&path, if parents { Links::Follow } else { Links::Keep })?;
        // The questions are the same whatever is there, or a denial would tell.
        self.permit_parent(&path, &located)?;
        match located {
            Located::Missing(vacancy) => self.make_dirs(asked, vacancy.as_kind(Dir), parents).map(|_| ()),
            Located::Found(object) => {
                let permit = self.gate.permit::<Create, _>(asked, object)?;
                match permit.resource().kind() {
                    Kind::Directory => Ok(()),
                    _ => Err(Failure::of(ErrorKind::AlreadyExists, format!("{:?} exists already", path.as_str()))),
                }
            }
        }
    }

    fn stat(&mut self, path: String, follow: bool) -> Answer<Metadata> {
        self.called()?;
        self.stat_path(&path, follow)
    }

    fn set_permissions(&mut self, path: String, permissions: u32) -> Answer<()> {
        self.called()?;
        self.chmod_path(&path, permissions)
    }

    fn set_owner(&mut self, path: String, user: Option<String>, group: Option<String>, follow: bool) -> Answer<()> {
        self.called()?;
        self.chown_path(&path, user.as_deref(), group.as_deref(), follow)
    }

    fn copy(&mut self, source: String, destination: String, options: CopyFlags) -> Answer<()> {
        self.called()?;
        self.copy_path(&source, &destination, options)
    }

    fn move_(&mut self, source: String, destination: String, options: MoveFlags) -> Answer<()> {
        self.called()?;
        self.move_path(&source, &destination, options)
    }

    fn make_symlink(&mut self, target: String, path: String, force: bool) -> Answer<()> {
        self.called()?;
        self.symlink_path(&target, &path, force)
    }

    fn make_link(&mut self, existing: String, path: String) -> Answer<()> {
        self.called()?;
        self.link_path(&existing, &path)
    }

    fn read_link(&mut self, path: String) -> Answer<String> {
        self.called()?;
        self.link_target(&path)
    }

    fn remove(&mut self, path: String, options: RemoveFlags) -> Answer<()> {
        self.called()?;
        let path = AbsolutePath::parse(&path)?;
        let asked = Asked { kind: File, path: path.as_str() };
        let located = self.locate(&path, Links::Keep)?;
        let object = match located {
            // Whatever is there, the first question is the same, or a denial would tell.
            Located::Found(object) => self.gate.permit::<Open, _>(asked, object)?.into_resource(),
            Located::Missing(vacancy) => {
                let quiet = options.contains(RemoveFlags::FORCE) && vacancy.is_plainly_missing();
                return match self.absent(asked, vacancy) {
                    Failure::Guest(crate::sandbox::bindings::rex::host::types::Error::Failed(_)) if quiet => Ok(()),
                    failure => Err(failure),
                };
            }
        };
        let mut permits = Vec::new();
        if object.kind() == Kind::Directory {
            let asked = Asked { kind: Dir, ..asked };
            if options.contains(RemoveFlags::RECURSIVE) {
                self.permit_tree(Arc::clone(&object), &path, &mut permits)?;
            }
            permits.push(self.gate.permit::<Delete, _>(asked, object)?);
        } else {
            self.permit_parent_path(parent(object.path()), Asked { kind: Dir, path: parent(path.as_str()) })?;
            permits.push(self.gate.permit::<Delete, _>(asked, object)?);
        }
        for permit in permits {
            self.clock.check()?;
            Object::remove(permit).map_err(|error| about(path.as_str(), error))?;
        }
        Ok(())
    }
}

impl HostDir for State {
    fn open(&mut self, path: String, options: OpenDirFlags) -> Answer<Resource<DirHandle>> {
        self.called()?;
        let path = AbsolutePath::parse(&path)?;
        let located = self.locate(&path, links(options.contains(OpenDirFlags::FOLLOW)))?;
        self.open_dir(&path, located, options)
    }

    fn path(&mut self, handle: Resource<DirHandle>) -> CallResult<String> {
        self.called()?;
        Ok(self.table.get(&handle)?.permit.resource().path().to_owned())
    }

    fn open_dir(&mut self, handle: Resource<DirHandle>, name: String, options: OpenDirFlags) -> Answer<Resource<DirHandle>> {
        let (path, located) = self.entry(&handle, &name, options.contains(OpenDirFlags::FOLLOW))?;
        self.open_dir(&path, located, options)
    }

    fn open_file(
        &mut self,
        handle: Resource<DirHandle>,
        name: String,
        options: OpenFileFlags,
        permissions: Option<u32>,
    ) -> Answer<Resource<FileHandle>> {
        let (path, located) = self.entry(&handle, &name, options.contains(OpenFileFlags::FOLLOW))?;
        self.open_file(&path, located, options, permissions)
    }

    fn entries(&mut self, handle: Resource<DirHandle>) -> Answer<wit::Listing> {
        let (asked, object) = self.open_dir_handle(&handle)?;
        let listing = self.list(object, asked.as_str())?;
        let mut names = String::new();
        for entry in &listing.entries {
            names.push_str(&entry.name);
            names.push('/');
        }
        let kinds = listing.entries.iter().map(|entry| entry_type(entry.kind)).collect();
        let inodes = listing.entries.iter().map(|entry| entry.inode).collect();
        Ok(wit::Listing { names, kinds, inodes })
    }

    fn drop(&mut self, handle: Resource<DirHandle>) -> CallResult<()> {
        self.take_back(handle)
    }
}

impl State {
    /// Finds an entry of an open directory.
    fn entry(&mut self, handle: &Resource<DirHandle>, name: &str, follow: bool) -> Answer<(AbsolutePath, Located)> {
        let (asked, object) = self.open_dir_handle(handle)?;
        let name = Name::parse(name)?;
        let path = asked.join(&name)?;
        let located = self.files.locate_in(&object, &name, links(follow)).map_err(|error| about(path.as_str(), error))?;
        Ok((path, located))
    }
}

impl HostFile for State {
    fn open(&mut self, path: String, options: OpenFileFlags) -> Answer<Resource<FileHandle>> {
        self.called()?;
        let path = AbsolutePath::parse(&path)?;
        let located = self.locate(&path, links(options.contains(OpenFileFlags::FOLLOW)))?;
        self.permit_parent(&path, &located)?;
        let located = match located {
            // Nobody shall be left with an empty file because it may be created and not written.
            Located::Missing(vacancy) if options.contains(OpenFileFlags::CREATE) && vacancy.admits_file() => {
                let asked = Asked { kind: File, path: path.as_str() };
                let vacancy = self.gate.permit::<Open, _>(asked, vacancy)?.into_resource();
                Located::Missing(self.gate.permit::<Write, _>(asked, vacancy)?.into_resource())
            }
            located => located,
        };
        self.open_file(&path, located, options, None)
    }

    fn path(&mut self, handle: Resource<FileHandle>) -> CallResult<String> {
        self.called()?;
        Ok(self.table.get(&handle)?.permit.resource().path().to_owned())
    }

    fn read(&mut self, handle: Resource<FileHandle>, redacted: bool) -> Answer<String> {
        if redacted {
            let shown = self.shown(&handle)?;
            return text::whole_of(self, &shown.asked, shown.reader, shown.size);
        }
        let permit = self.readable(&handle)?;
        text::whole(self, &permit)
    }

    fn read_bytes(&mut self, handle: Resource<FileHandle>, offset: u64, length: u64) -> Answer<Vec<u8>> {
        let permit = self.readable(&handle)?;
        text::bytes(self, &permit, offset, length)
    }

    fn read_lines(&mut self, handle: Resource<FileHandle>, selection: LineSelection) -> Answer<Vec<String>> {
        let permit = self.readable(&handle)?;
        text::lines(self, &permit, selection)
    }

    fn read_page(&mut self, handle: Resource<FileHandle>, count: u64) -> Answer<Vec<String>> {
        let permit = self.readable(&handle)?;
        let (lines, end) = text::page(self, &permit, count)?;
        self.table.get_mut(&handle)?.page = end;
        Ok(lines)
    }

    fn search(&mut self, handle: Resource<FileHandle>, options: SearchOptions) -> Answer<Vec<MatchLine>> {
        let shown = self.shown(&handle)?;
        text::search(self, &shown.asked, shown.reader, &options)
    }

    fn counts(&mut self, handle: Resource<FileHandle>) -> Answer<TextCounts> {
        let permit = self.readable(&handle)?;
        text::counts(self, &permit)
    }

    fn write(&mut self, handle: Resource<FileHandle>, content: String, mode: WriteMode) -> Answer<()> {
        let (asked, object) = self.writable(&handle)?;
        if content.len() > self.limits.call_bytes {
            return Err(self.too_large("the text"));
        }
        let permit = self.gate.permit::<Write, _>(Asked { kind: File, path: asked.as_str() }, object)?;
        let failed = |error| about(asked.as_str(), error);
        match mode {
            WriteMode::Append => Object::append(&permit, content.as_bytes(), &self.clock).map_err(failed),
            WriteMode::InPlace => Object::overwrite(&permit, content.as_bytes(), &self.clock).map_err(failed),
            WriteMode::Replace => {
                let replaced = Object::replace(&permit, content.as_bytes(), &self.clock).map_err(failed)?;
                self.stand_for(&handle, &asked, replaced)
            }
        }
    }

    fn metadata(&mut self, handle: Resource<FileHandle>) -> Answer<Metadata> {
        let (asked, object) = self.open_handle(&handle)?;
        self.stat_object(Asked { kind: File, path: asked.as_str() }, object)
    }

    fn set_permissions(&mut self, handle: Resource<FileHandle>, permissions: u32) -> Answer<()> {
        let (asked, object) = self.open_handle(&handle)?;
        self.chmod_object(Asked { kind: File, path: asked.as_str() }, object, permissions)
    }

    fn set_owner(&mut self, handle: Resource<FileHandle>, user: Option<String>, group: Option<String>) -> Answer<()> {
        let (asked, object) = self.open_handle(&handle)?;
        self.chown_object(Asked { kind: File, path: asked.as_str() }, object, user.as_deref(), group.as_deref())
    }

    fn set_selinux_label(&mut self, handle: Resource<FileHandle>, changes: SelinuxLabel) -> Answer<()> {
        let (asked, object) = self.open_handle(&handle)?;
        self.relabel_object(Asked { kind: File, path: asked.as_str() }, object, &changes)
    }

    fn truncate(&mut self, handle: Resource<FileHandle>, size: u64) -> Answer<()> {
        let (asked, object) = self.writable(&handle)?;
        let permit = self.gate.permit::<Write, _>(Asked { kind: File, path: asked.as_str() }, object)?;
        Object::truncate(&permit, size).map_err(|error| about(asked.as_str(), error))
    }

    fn allocate(&mut self, handle: Resource<FileHandle>, size: u64) -> Answer<()> {
        let (asked, object) = self.writable(&handle)?;
        let permit = self.gate.permit::<Write, _>(Asked { kind: File, path: asked.as_str() }, object)?;
        Object::allocate(&permit, size).map_err(|error| about(asked.as_str(), error))
    }

    fn remove(&mut self, handle: Resource<FileHandle>) -> Answer<()> {
        let (asked, object) = self.open_handle(&handle)?;
        let permit = self.gate.permit::<Delete, _>(Asked { kind: File, path: asked.as_str() }, object)?;
        Object::remove(permit).map_err(|error| about(asked.as_str(), error))
    }

    fn sha256(&mut self, handle: Resource<FileHandle>) -> Answer<String> {
        let permit = self.readable(&handle)?;
        text::sha256(self, &permit)
    }

    fn printable_strings(&mut self, handle: Resource<FileHandle>, minimum: u32) -> Answer<Vec<String>> {
        let permit = self.readable(&handle)?;
        text::printable(self, &permit, minimum)
    }

    fn read_gzip_lines(&mut self, handle: Resource<FileHandle>, selection: LineSelection) -> Answer<Vec<String>> {
        let permit = self.readable(&handle)?;
        compressed::lines(self, &permit, selection)
    }

    fn search_gzip(&mut self, handle: Resource<FileHandle>, options: GzipSearchOptions) -> Answer<Vec<MatchLine>> {
        let permit = self.readable(&handle)?;
        compressed::search(self, &permit, &options)
    }

    fn gzip_info(&mut self, handle: Resource<FileHandle>) -> Answer<GzipInfo> {
        let permit = self.readable(&handle)?;
        compressed::info(self, &permit)
    }

    fn extract(&mut self, handle: Resource<FileHandle>, into: Resource<DirHandle>, options: ExtractFlags) -> Answer<Vec<String>> {
        let permit = self.readable(&handle)?;
        let (asked, object) = self.open_dir_handle(&into)?;
        archive::extract(self, &permit, &object, &asked, options)
    }

    fn compress_gzip(&mut self, handle: Resource<FileHandle>, target: Resource<FileHandle>, level: u32) -> Answer<()> {
        let permit = self.readable(&handle)?;
        let (asked, object) = self.writable(&target)?;
        let write = self.gate.permit::<Write, _>(Asked { kind: File, path: asked.as_str() }, object)?;
        let replaced = compressed::compress(self, &permit, &write, level)?;
        self.stand_for(&target, &asked, replaced)
    }

    fn copy(&mut self, handle: Resource<FileHandle>, target: Resource<FileHandle>, options: CopyFlags) -> Answer<()> {
        let permit = self.readable(&handle)?;
        let (asked, object) = self.writable(&target)?;
        let replaced = self.copy_over((&permit.permit, &permit.asked), object, &asked, options)?;
        self.stand_for(&target, &asked, replaced)
    }

    fn drop(&mut self, handle: Resource<FileHandle>) -> CallResult<()> {
        self.take_back(handle)
    }
}

const fn links(follow: bool) -> Links {
    if follow { Links::Follow } else { Links::Keep }
}

/// Why something cannot be reached, for those who may know.
fn unreachable(asked: &str, vacancy: &Vacancy) -> Failure {
    let cause = vacancy.cause();
    Failure::of(super::kind_of(cause), format!("{}: {cause}", asked.escape_debug()))
}

fn wrong_type(path: &AbsolutePath, wanted: &str, found: Kind) -> Failure {
    let found = match found {
        Kind::File => "a file",
        Kind::Directory => "a directory",
        Kind::Symlink => "a symbolic link, and links are not followed here: set follow_symlinks(true)",
        Kind::Fifo => "a FIFO",
        Kind::Socket => "a socket",
        Kind::CharacterDevice | Kind::BlockDevice => "a device",
        Kind::Unknown => "of an unknown type",
    };
    Failure::of(ErrorKind::EntryTypeMismatchError, format!("{:?} is not {wanted}, it is {found}", path.as_str()))
}

const fn entry_type(kind: Kind) -> EntryType {
    match kind {
        Kind::File => EntryType::File,
        Kind::Directory => EntryType::Dir,
        Kind::Symlink => EntryType::Symlink,
        Kind::Fifo => EntryType::Fifo,
        Kind::Socket => EntryType::Socket,
        Kind::CharacterDevice => EntryType::CharDevice,
        Kind::BlockDevice => EntryType::BlockDevice,
        Kind::Unknown => EntryType::Unknown,
    }
}
