//! Unpacking archives. They come from anywhere, and may name anything.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::text;
use super::{Answer, MAX_ENTRIES, ReadPermit, about};
use crate::capability::{Failure, PART_OVERHEAD, State};
use crate::gate::{Asked, Chown, Create, Named, Open, Write};
use crate::platform::{AbsolutePath, Kind, Links, Located, Name, Object, Reader, is_in, parent};
use crate::policy::EntityType::{Dir, File};
use crate::sandbox::bindings::rex::host::file_system::ExtractFlags;
use crate::sandbox::bindings::rex::host::types::ErrorKind;

/// Bytes that one archive may hold unpacked.
const MAX_UNPACKED: u64 = 4 << 30;
/// Bytes that an archive may have between the contents of two entries: what it tells of the next, all of which is held in memory.
const MAX_TOLD: u64 = 1 << 20;
/// The same of an archive that tells of all its entries in one place.
const MAX_DIRECTORY: u64 = 4 << 20;
/// Bytes of an entry's name: those of the longest path that can be opened.
const MAX_NAME: usize = 4096;
/// What a gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What a zip file begins with, be it empty.
const ZIP: [[u8; 4]; 2] = [*b"PK\x03\x04", *b"PK\x05\x06"];
/// Permissions of a file whose archive does not tell.
const FILE_MODE: u32 = 0o644;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    File,
    Directory,
    /// A link, a device: nothing that would be made.
    Other,
}

/// An entry of an archive, as the archive tells of it.
#[derive(Debug)]
struct Item {
    name: String,
    what: What,
    size: u64,
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
    /// Seconds since 1970.
    modified: Option<i64>,
}

/// Unpacks an archive into a directory: first everything is looked at and asked for, then it is made.
pub(super) fn extract(
    state: &mut State,
    permit: &ReadPermit,
    into: &Object,
    asked: &AbsolutePath,
    options: ExtractFlags,
) -> Answer<Vec<String>> {
    let mut reader = text::open(state, permit)?;
    let mut left_out = Vec::new();
    let (mut asked_for, mut made, mut told) = (Tally::default(), Tally::default(), 0_usize);
    each(state, permit, &mut reader, &mut |state, item, _| {
        asked_for.add(state, permit, item)?;
        let names = names(&item.name)?;
        if item.what == What::Other {
            told += item.name.len() + PART_OVERHEAD;
            if told > state.limits.call_bytes {
                return Err(state.too_large("the list of what was left out"));
            }
            left_out.push(item.name.clone());
            return Ok(());
        }
        let at = |root: &str| names.iter().fold(root.trim_end_matches('/').to_owned(), |path, name| path + "/" + name.as_str());
        let (path, shown) = (at(into.path()), at(asked.as_str()));
        permit_item(state, item, &path, &shown, options)
    })?;
    each(state, permit, &mut reader, &mut |state, item, content| {
        // It may be another archive by now.
        made.add(state, permit, item)?;
        let names = names(&item.name)?;
        match item.what {
            What::Other => Ok(()),
            What::Directory => make_dirs(state, into, asked, &names).map(|_| ()),
            What::File => {
                let Some((name, above)) = names.split_last() else { return Ok(()) };
                let path = make_dirs(state, into, asked, above)?.join(name)?;
                make_file(state, into, &path, item, content, options)
            }
        }
    })?;
    Ok(left_out)
}

/// What there was of an archive so far.
#[derive(Default)]
struct Tally {
    entries: usize,
    unpacked: u64,
}

impl Tally {
    fn add(&mut self, state: &State, permit: &ReadPermit, item: &Item) -> Answer<()> {
        self.entries += 1;
        self.unpacked = self.unpacked.saturating_add(item.size);
        if self.entries <= MAX_ENTRIES && self.unpacked <= MAX_UNPACKED {
            return Ok(());
        }
        let message = format!(
            "{:?}: an archive may have {MAX_ENTRIES} entries of {MAX_UNPACKED} bytes together, and this one has more",
            permit.asked.as_str()
        );
        Err(state.excess(ErrorKind::InvalidArguments, message))
    }
}

/// Asks for everything that making an entry takes, but without what is there yet: no name of the archive is looked up for it.
fn permit_item(state: &mut State, item: &Item, path: &str, shown: &str, options: ExtractFlags) -> Answer<()> {
    let kind = if item.what == What::Directory { Dir } else { File };
    let (asked, named) = (Asked { kind, path: shown }, Named(kind, path));
    let _ = state.gate.permit::<Open, _>(asked, named.clone())?;
    if kind == File {
        let _ = state.gate.permit::<Write, _>(asked, named.clone())?;
    }
    let _ = state.gate.permit::<Create, _>(asked, named.clone())?;
    if options.contains(ExtractFlags::OWNERSHIP) {
        let _ = state.gate.permit::<Chown, _>(asked, named)?;
    }
    Ok(())
}

/// Makes the directories of a path below another one. Returns the path of the last.
fn make_dirs(state: &mut State, into: &Object, asked: &AbsolutePath, names: &[Name]) -> Answer<AbsolutePath> {
    let mut path = asked.clone();
    for name in names {
        path = path.join(name)?;
        let located = state.locate(&path, Links::Keep)?;
        beneath(into, &located, &path)?;
        let asked = Asked { kind: Dir, path: path.as_str() };
        match located {
            Located::Found(object) if object.kind() == Kind::Directory => {
                let _ = state.gate.permit::<Open, _>(asked, object)?;
            }
            Located::Found(object) => return Err(super::wrong_type(&path, "a directory", object.kind())),
            Located::Missing(vacancy) => {
                let vacancy = state.gate.permit::<Open, _>(asked, vacancy.as_kind(Dir))?.into_resource();
                state.make_dirs(asked, vacancy, false)?;
            }
        }
    }
    Ok(path)
}

fn make_file(
    state: &mut State,
    into: &Object,
    path: &AbsolutePath,
    item: &Item,
    content: &mut dyn Read,
    options: ExtractFlags,
) -> Answer<()> {
    let asked = Asked { kind: File, path: path.as_str() };
    let located = state.locate(path, Links::Keep)?;
    beneath(into, &located, path)?;
    let mode = if options.contains(ExtractFlags::PERMISSIONS) { item.mode.unwrap_or(FILE_MODE) } else { FILE_MODE };
    let modified = item.modified.filter(|_| options.contains(ExtractFlags::TIMESTAMPS));
    // The archive has told its size, and gets no more room than that.
    let left = Cell::new(item.size);
    let mut content = Allowed { inner: content, left: &left, what: "the content of an entry" };
    let failed = |error| about(asked.path, error);
    let object = match located {
        Located::Found(object) if object.kind() == Kind::File => {
            let object = state.gate.permit::<Open, _>(asked, object)?.into_resource();
            let permit = state.gate.permit::<Write, _>(asked, object)?;
            Object::replace_with(&permit, &mut content, &state.clock).map_err(failed)?
        }
        Located::Found(object) => return Err(super::wrong_type(path, "a file", object.kind())),
        Located::Missing(vacancy) => {
            let vacancy = state.gate.permit::<Open, _>(asked, vacancy)?.into_resource();
            let vacancy = state.gate.permit::<Write, _>(asked, vacancy)?.into_resource();
            let permit = state.gate.permit::<Create, _>(asked, vacancy)?;
            state.files.create_with(permit, mode & 0o777, modified, &mut content, &state.clock).map_err(failed)?
        }
    };
    match item.owner.filter(|_| options.contains(ExtractFlags::OWNERSHIP)) {
        Some((user, group)) => {
            let permit = state.gate.permit::<Chown, _>(asked, object)?;
            Object::set_owner(&permit, Some(user), Some(group)).map_err(failed)
        }
        None => Ok(()),
    }
}

/// A link in the directory that is unpacked into would lead out of it.
fn beneath(into: &Object, located: &Located, path: &AbsolutePath) -> Answer<()> {
    if is_in(parent(located.path()), into.path()) {
        return Ok(());
    }
    let message = format!("{:?}: a link leads out of the directory that is unpacked into", path.as_str());
    Err(Failure::of(ErrorKind::InvalidPath, message))
}

/// The names of an entry's path, none of which leads anywhere but down.
fn names(path: &str) -> Answer<Vec<Name>> {
    let refused =
        || Failure::of(ErrorKind::InvalidPath, format!("the archive has an entry {path:?}, whose name leads out of it"));
    if path.len() > MAX_NAME {
        let message = format!("the archive has an entry whose name is longer than {MAX_NAME} bytes");
        return Err(Failure::of(ErrorKind::InvalidPath, message));
    }
    if path.starts_with('/') || path.contains('\\') {
        return Err(refused());
    }
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.map(|part| Name::parse(part).map_err(|_| refused())).collect()
}

type Visit<'v> = dyn FnMut(&mut State, &Item, &mut dyn Read) -> Answer<()> + 'v;

/// Shows each entry of an archive, whatever kind of archive it is, from its beginning.
fn each(state: &mut State, permit: &ReadPermit, reader: &mut Reader, visit: &mut Visit<'_>) -> Answer<()> {
    let broken = |error: io::Error| text::failed(&permit.asked, error);
    let mut magic = [0; 4];
    reader.seek(SeekFrom::Start(0)).map_err(broken)?;
    let read = reader.read(&mut magic).map_err(broken)?;
    reader.seek(SeekFrom::Start(0)).map_err(broken)?;
    if magic.starts_with(&GZIP) {
        each_of_tar(state, permit, MultiGzDecoder::new(reader), visit)
    } else if read == magic.len() && ZIP.contains(&magic) {
        each_of_zip(state, permit, reader, visit)
    } else {
        each_of_tar(state, permit, reader, visit)
    }
}

fn each_of_tar(state: &mut State, permit: &ReadPermit, reader: impl Read, visit: &mut Visit<'_>) -> Answer<()> {
    let broken = |error: io::Error| text::failed(&permit.asked, error);
    let left = Cell::new(MAX_TOLD);
    let mut archive = tar::Archive::new(Allowed { inner: reader, left: &left, what: TOLD });
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        // A sparse file takes less room in the archive than it has.
        let stored = if entry.header().entry_type().is_gnu_sparse() { entry.header().entry_size() } else { Ok(entry.size()) };
        left.set(stored.map_err(broken)?.saturating_add(MAX_TOLD));
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| unnameable(permit))?;
        let header = entry.header();
        let what = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => What::File,
            EntryType::Directory => What::Directory,
            // They tell of other entries.
            EntryType::XGlobalHeader | EntryType::XHeader => continue,
            _ => What::Other,
        };
        let number = |number: io::Result<u64>| number.ok().and_then(|number| u32::try_from(number).ok());
        let item = Item {
            name,
            what,
            size: entry.size(),
            mode: header.mode().ok(),
            owner: number(header.uid()).zip(number(header.gid())),
            modified: header.mtime().ok().and_then(|seconds| i64::try_from(seconds).ok()),
        };
        visit(state, &item, &mut entry)?;
    }
    Ok(())
}

fn each_of_zip(state: &mut State, permit: &ReadPermit, reader: &mut Reader, visit: &mut Visit<'_>) -> Answer<()> {
    let broken = |error: zip::result::ZipError| {
        text::failed(&permit.asked, io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))
    };
    let left = Cell::new(MAX_DIRECTORY);
    let mut archive =
        zip::ZipArchive::new(io::BufReader::new(Allowed { inner: reader, left: &left, what: TOLD })).map_err(broken)?;
    left.set(u64::MAX);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken)?;
        let name = entry.name().map_err(broken)?.into_owned();
        let modified = entry.last_modified().and_then(|time| {
            let part = |number: u8| i8::try_from(number).ok();
            let (year, month, day) = (i16::try_from(time.year()).ok()?, part(time.month())?, part(time.day())?);
            let civil =
                jiff::civil::DateTime::new(year, month, day, part(time.hour())?, part(time.minute())?, part(time.second())?, 0);
            Some(civil.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
        });
        let item = Item {
            what: match (entry.is_dir(), entry.is_symlink()) {
                (true, _) => What::Directory,
                (_, true) => What::Other,
                _ => What::File,
            },
            name,
            size: entry.size(),
            mode: entry.unix_mode(),
            owner: None,
            modified,
        };
        visit(state, &item, &mut entry)?;
    }
    Ok(())
}

/// What an archive has besides the contents.
const TOLD: &str = "what it tells of its entries";

/// Reads no more than is left, and fails where there is more.
struct Allowed<'l, R> {
    inner: R,
    left: &'l Cell<u64>,
    what: &'static str,
}

impl<R: Read> Read for Allowed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        // One byte more tells whether there is more.
        let most = usize::try_from(left).map_or(buffer.len(), |left| buffer.len().min(left.saturating_add(1)));
        let read = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        match left.checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => {
                let message = format!("{} takes more room than it may, or than the archive says", self.what);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Allowed<'_, R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

fn unnameable(permit: &ReadPermit) -> Failure {
    let message = format!("{:?}: it has an entry whose name is not UTF-8", permit.asked.as_str());
    Failure::of(ErrorKind::UnsupportedOperationError, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["/etc/passwd", "../x", "a/../../x", "a/..", "..", "a\\..\\b", "C:\\x", "a\0b"] {
            assert!(names(name).is_err(), "{name:?}");
        }
        let plain = |name| names(name).map(|names| names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>());
        assert_eq!(plain("./a//b/").unwrap(), ["a", "b"]);
        assert_eq!(plain("./").unwrap(), [""; 0]);
    }

    proptest! {
        #[test]
        fn a_name_is_plain_or_refused(name in "[a./\\\\]{0,12}") {
            if let Ok(names) = names(&name) {
                prop_assert!(names.iter().all(|name| !matches!(name.as_str(), "" | "." | "..") && !name.as_str().contains('/')));
            }
        }
    }
}
