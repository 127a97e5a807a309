//! `DirConfig`, `DirHandle`, `DirEntry` and `FileHandle`, with their options.

use std::rc::Rc;

use rhai::{Array, ImmutableString, Map};

use super::{answer, array, integer, natural};
use crate::api::constant::{self, Constant};
use crate::api::options::options;
use crate::bindings::rex::host::file_system::{
    Dir, EntryType, File, LineRange, LineSelection, MatchLine, OpenDirFlags, OpenFileFlags, SearchOptions, TextCounts, WriteMode,
};
use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments};

const ENTRY_TYPES: &str = "EntryType";

options! {
    /// Which directory.
    DirConfig { path: String }
}

options! {
    OpenDirOptions { create: bool, recursive: bool, follow_symlinks: bool }
}

options! {
    OpenFileOptions { read: bool, write: bool, create: bool, follow_symlinks: bool, permissions: i64 }
}

options! {
    ReadLinesOptions { count: i64, start: i64 }
}

options! {
    ReadPageOptions { num_lines: i64 }
}

options! {
    WriteOptions { preserve_ownership: bool }
}

/// As `strings` has it.
const PRINTABLE_RUN: u32 = 4;

impl OpenDirOptions {
    fn flags(&self) -> OpenDirFlags {
        let given = [
            (self.create, OpenDirFlags::CREATE),
            (self.recursive, OpenDirFlags::PARENTS),
            (self.follow_symlinks, OpenDirFlags::FOLLOW),
        ];
        given.into_iter().filter(|(given, _)| *given == Some(true)).fold(OpenDirFlags::empty(), |all, (_, flag)| all | flag)
    }
}

impl OpenFileOptions {
    fn flags(&self) -> OpenFileFlags {
        let given = [
            (self.read, OpenFileFlags::READ),
            (self.write, OpenFileFlags::WRITE),
            (self.create, OpenFileFlags::CREATE | OpenFileFlags::WRITE),
            (self.follow_symlinks, OpenFileFlags::FOLLOW),
        ];
        given.into_iter().filter(|(given, _)| *given == Some(true)).fold(OpenFileFlags::empty(), |all, (_, flag)| all | flag)
    }

    fn permissions(&self) -> ApiResult<Option<u32>> {
        self.permissions
            .map(|mode| {
                u32::try_from(mode)
                    .map_err(|_| invalid_arguments(FILE_SYSTEM_KINDS, format!("permissions are 0o000 to 0o777, not {mode}")))
            })
            .transpose()
    }
}

impl ReadLinesOptions {
    /// As the peer has it: a negative count is from the end; without a count, all from the start on.
    pub(super) fn selection(&self) -> ApiResult<LineSelection> {
        let start = natural("start", self.start.unwrap_or(1))?;
        if start == 0 {
            return Err(invalid_arguments(FILE_SYSTEM_KINDS, "lines count from 1, and none is line 0"));
        }
        Ok(match self.count {
            Some(count) if count < 0 && self.start.is_none() => LineSelection::Last(count.unsigned_abs()),
            Some(count) if count < 0 => {
                return Err(invalid_arguments(FILE_SYSTEM_KINDS, "a count from the end cannot have a start as well"));
            }
            Some(count) => LineSelection::Range(LineRange { start, count: Some(count.unsigned_abs()) }),
            None => LineSelection::Range(LineRange { start, count: None }),
        })
    }
}

/// An open directory.
#[derive(Debug, Clone)]
pub(super) struct DirHandle(Rc<Dir>);

/// An open file.
#[derive(Debug, Clone)]
pub(super) struct FileHandle(Rc<File>);

/// An entry of a directory that was listed. Opening it goes by its name, in the directory that was listed.
#[derive(Debug, Clone)]
pub(crate) struct DirEntry {
    dir: Rc<Dir>,
    name: ImmutableString,
    kind: EntryType,
    inode: u64,
    /// What a long listing tells besides.
    details: Option<Map>,
}

impl DirHandle {
    pub(super) fn open(path: &str, flags: OpenDirFlags) -> ApiResult<Self> {
        answer(Dir::open(path, flags)).map(|dir| Self(Rc::new(dir)))
    }

    /// The entries, ordered by name.
    pub(super) fn entries(&self) -> ApiResult<impl Iterator<Item = DirEntry> + use<>> {
        let dir = Rc::clone(&self.0);
        let listing = answer(dir.entries())?;
        let names: Vec<ImmutableString> = listing.names.split_terminator('/').map(Into::into).collect();
        let entries = names.into_iter().zip(listing.kinds).zip(listing.inodes);
        Ok(entries.map(move |((name, kind), inode)| DirEntry { dir: Rc::clone(&dir), name, kind, inode, details: None }))
    }

    /// The canonical path.
    pub(super) fn path(&self) -> String {
        self.0.path()
    }

    /// What the host knows it by.
    pub(super) fn host(&self) -> &Dir {
        &self.0
    }

    /// The path of an entry, by its plain name.
    pub(super) fn join(&self, name: &str) -> ApiResult<String> {
        if name.is_empty() || name.contains('/') || matches!(name, "." | "..") {
            return Err(invalid_arguments(FILE_SYSTEM_KINDS, format!("{name:?} is no plain name")));
        }
        Ok(join(&self.path(), name))
    }

    /// Opens an entry that is a file.
    pub(super) fn open_entry(&self, name: &str, flags: OpenFileFlags) -> ApiResult<FileHandle> {
        answer(self.0.open_file(name, flags, None)).map(|file| FileHandle(Rc::new(file)))
    }

    fn open_file(&self, name: &str, options: &OpenFileOptions) -> ApiResult<FileHandle> {
        answer(self.0.open_file(name, options.flags(), options.permissions()?)).map(|file| FileHandle(Rc::new(file)))
    }
}

impl FileHandle {
    pub(super) fn open(path: &str, flags: OpenFileFlags) -> ApiResult<Self> {
        answer(File::open(path, flags)).map(|file| Self(Rc::new(file)))
    }

    /// What the host knows it by.
    pub(super) fn host(&self) -> &File {
        &self.0
    }

    /// The canonical path.
    pub(super) fn path(&self) -> String {
        self.0.path()
    }

    /// The whole text.
    pub(super) fn read(&self) -> ApiResult<String> {
        answer(self.0.read(false))
    }

    /// The whole text, redacted where nothing else is permitted.
    pub(super) fn show(&self) -> ApiResult<String> {
        answer(self.0.read(true))
    }

    pub(super) fn read_lines(&self, selection: LineSelection) -> ApiResult<Array> {
        answer(self.0.read_lines(selection)).map(array)
    }

    pub(super) fn search(&self, options: &SearchOptions) -> ApiResult<Vec<MatchLine>> {
        answer(self.0.search(options))
    }

    pub(super) fn counts(&self) -> ApiResult<TextCounts> {
        answer(self.0.counts())
    }

    pub(super) fn write(&self, text: &str, mode: WriteMode) -> ApiResult<()> {
        answer(self.0.write(text, mode))
    }
}

impl DirEntry {
    pub(super) fn is_dir(&self) -> bool {
        self.kind == EntryType::Dir
    }

    pub(super) fn open_as_dir(&self, flags: OpenDirFlags) -> ApiResult<DirHandle> {
        answer(self.dir.open_dir(&self.name, flags)).map(|dir| DirHandle(Rc::new(dir)))
    }

    fn open_as_file(&self, options: &OpenFileOptions) -> ApiResult<FileHandle> {
        answer(self.dir.open_file(&self.name, options.flags(), options.permissions()?)).map(|file| FileHandle(Rc::new(file)))
    }

    /// The plain name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn kind_of(&self) -> EntryType {
        self.kind
    }

    pub(super) fn is_symlink(&self) -> bool {
        self.kind == EntryType::Symlink
    }

    /// The path, in the directory that was listed.
    pub(super) fn path(&self) -> String {
        join(&self.dir.path(), &self.name)
    }

    fn kind(&self) -> Constant {
        entry_type(self.kind)
    }

    pub(super) fn with_details(self, details: Option<Map>) -> Self {
        Self { details, ..self }
    }

    pub(crate) fn to_map(&self) -> Map {
        let mut map = self.details.clone().unwrap_or_default();
        map.extend([
            ("name".into(), self.name.clone().into()),
            ("type".into(), entry_type_text(self.kind).into()),
            ("inode".into(), integer(self.inode).into()),
        ]);
        map
    }
}

/// The path of an entry of a directory.
fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

/// A symbolic link, by its path. Whether it is one, and may be opened, shows when it is used.
#[derive(Debug, Clone)]
pub(super) struct SymlinkHandle(String);

impl SymlinkHandle {
    pub(super) fn of(dir: &DirHandle, name: &str) -> ApiResult<Self> {
        dir.join(name).map(Self)
    }

    pub(super) fn path(&self) -> &str {
        &self.0
    }
}

/// As scripts compare it: `EntryType::FILE`.
pub(super) const fn entry_type(kind: EntryType) -> Constant {
    Constant::new(ENTRY_TYPES, entry_type_text(kind))
}

/// As the peer writes it.
const fn entry_type_text(kind: EntryType) -> &'static str {
    match kind {
        EntryType::File => "File",
        EntryType::Dir => "Dir",
        EntryType::Symlink => "Symlink",
        EntryType::Fifo => "Fifo",
        EntryType::Socket => "Socket",
        EntryType::CharDevice => "CharDevice",
        EntryType::BlockDevice => "BlockDevice",
        EntryType::Unknown => "Unknown",
    }
}

pub(super) fn register(registrar: &mut Registrar) {
    let entry_types = [
        ("FILE", EntryType::File),
        ("DIR", EntryType::Dir),
        ("SYMLINK", EntryType::Symlink),
        ("FIFO", EntryType::Fifo),
        ("SOCKET", EntryType::Socket),
        ("CHAR_DEVICE", EntryType::CharDevice),
        ("BLOCK_DEVICE", EntryType::BlockDevice),
        ("UNKNOWN", EntryType::Unknown),
    ];
    constant::register_texts(registrar, ENTRY_TYPES, entry_types.map(|(name, kind)| (name, entry_type_text(kind))));
    for register in [
        DirConfig::register,
        OpenDirOptions::register,
        OpenFileOptions::register,
        ReadLinesOptions::register,
        ReadPageOptions::register,
        WriteOptions::register,
    ] {
        register(registrar);
    }
    registrar.engine.register_type_with_name::<DirHandle>("DirHandle");
    registrar.engine.register_type_with_name::<FileHandle>("FileHandle");
    registrar.engine.register_type_with_name::<DirEntry>("DirEntry");
    registrar.engine.register_type_with_name::<SymlinkHandle>("SymlinkHandle");

    registrar.function("open", |config: &mut DirConfig, options: OpenDirOptions| {
        let path = config
            .path
            .as_deref()
            .ok_or_else(|| invalid_arguments(FILE_SYSTEM_KINDS, "a DirConfig needs a path: DirConfig().path(\"/…\").build()"))?;
        DirHandle::open(path, options.flags())
    });
    registrar.engine.register_get("path", |dir: &mut DirHandle| dir.0.path());
    registrar.function("list_entries", |dir: &mut DirHandle| -> ApiResult<Map> {
        Ok(dir.entries()?.map(|entry| (entry.name().into(), rhai::Dynamic::from(entry))).collect())
    });
    registrar.function("open_file", |dir: &mut DirHandle, name: &str, options: OpenFileOptions| dir.open_file(name, &options));

    registrar.engine.register_get("name", |entry: &mut DirEntry| entry.name.clone());
    registrar.engine.register_get("inode", |entry: &mut DirEntry| integer(entry.inode));
    registrar.function("type", |entry: &mut DirEntry| entry.kind());
    registrar.function("to_map", |entry: &mut DirEntry| entry.to_map());
    registrar.function("open_as_dir", |entry: &mut DirEntry, options: OpenDirOptions| entry.open_as_dir(options.flags()));
    registrar.function("open_as_file", |entry: &mut DirEntry, options: OpenFileOptions| entry.open_as_file(&options));

    registrar.engine.register_get("path", |file: &mut FileHandle| file.0.path());
    registrar.function("read", |file: &mut FileHandle| file.show());
    registrar.function("read_lines", |file: &mut FileHandle, options: ReadLinesOptions| file.read_lines(options.selection()?));
    registrar.function("read_page", |file: &mut FileHandle, options: ReadPageOptions| {
        match natural("num_lines", options.num_lines.unwrap_or(0))? {
            0 => Err(invalid_arguments(FILE_SYSTEM_KINDS, "a page needs num_lines of at least 1")),
            count => answer(file.0.read_page(count)).map(array),
        }
    });
    registrar.function("search", |file: &mut FileHandle, pattern: &str| -> ApiResult<Array> {
        let options = SearchOptions { pattern: pattern.to_owned(), invert: false, max_count: 0 };
        Ok(file.search(&options)?.into_iter().map(|found| match_map(found).into()).collect())
    });
    registrar.function("counts", |file: &mut FileHandle| -> ApiResult<Map> {
        let counts = file.counts()?;
        Ok([("line_count", counts.lines), ("word_count", counts.words), ("byte_count", counts.bytes)]
            .map(|(name, count)| (name.into(), integer(count).into()))
            .into())
    });
    registrar.function("write", |file: &mut FileHandle, text: &str| -> ApiResult<FileHandle> {
        file.write(text, WriteMode::Replace).map(|()| file.clone())
    });
    registrar.function("write", |file: &mut FileHandle, text: &str, options: WriteOptions| match options.preserve_ownership {
        Some(false) => Err(invalid_arguments(
            FILE_SYSTEM_KINDS,
            "a file that is replaced keeps its owner: preserve_ownership cannot be false",
        )),
        _ => file.write(text, WriteMode::Replace).map(|()| file.clone()),
    });
    registrar.function("extract_strings", |file: &mut FileHandle| answer(file.0.printable_strings(PRINTABLE_RUN)).map(array));
    registrar.function("write_in_place", |file: &mut FileHandle, text: &str| file.write(text, WriteMode::InPlace));
}

pub(super) fn match_map(found: MatchLine) -> Map {
    Map::from([("line_number".into(), integer(found.number).into()), ("line_content".into(), found.content.into())])
}
