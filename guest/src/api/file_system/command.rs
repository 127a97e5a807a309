//! The shell-like functions. Each has a form with an array of flags in front.

use rhai::{Array, Dynamic, Map};

use super::attributes::Metadata;
use super::handle::{DirEntry, DirHandle, FileHandle, ReadLinesOptions};
use super::tree::or_skip;
use super::{answer, array, integer};
use crate::api::flag::{Flags, Shape, register_flags};
use crate::bindings::rex::host::file_system::{
    self, LineSelection, MatchLine, OpenDirFlags, OpenFileFlags, RemoveFlags, SearchOptions, WriteMode,
};
use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments};

/// Lines that `tail` gives when it is not told.
const TAIL_LINES: u64 = 10;

pub(super) fn register(registrar: &mut Registrar) {
    use Shape::{One, Plain, Two};

    register_flags(registrar, "cat", &[(&["number", "n"], Plain)]);
    registrar.function("cat", |path: &str| open(path)?.show());
    registrar.function("cat", |flags: Array, path: &str| cat(&Flags::of("cat", flags)?, path));

    register_flags(registrar, "ls", &[(&["all", "a"], Plain), (&["long", "l"], Plain), (&["recursive", "R"], Plain)]);
    registrar.function("ls", |path: &str| ls(&Flags::of("ls", Array::new())?, path));
    registrar.function("ls", |flags: Array, path: &str| ls(&Flags::of("ls", flags)?, path));

    let grep_flags: &[(&[&'static str], Shape)] = &[
        (&["ignore_case", "i"], Plain),
        (&["count", "c"], Plain),
        (&["invert", "v"], Plain),
        (&["line_number", "n"], Plain),
        (&["max_count", "m"], One),
    ];
    register_flags(registrar, "grep", grep_flags);
    registrar.function("grep", |pattern: &str, path: &str| grep(&Flags::of("grep", Array::new())?, pattern, path));
    registrar.function("grep", |flags: Array, pattern: &str, path: &str| grep(&Flags::of("grep", flags)?, pattern, path));

    register_flags(registrar, "tail", &[(&["n"], One), (&["from"], One), (&["range"], Two)]);
    registrar.function("tail", |path: &str| open(path)?.read_lines(LineSelection::Last(TAIL_LINES)));
    registrar.function("tail", |flags: Array, path: &str| open(path)?.read_lines(tail_selection(&Flags::of("tail", flags)?)?));

    register_flags(registrar, "wc", &[(&["lines", "l"], Plain), (&["words", "w"], Plain), (&["bytes", "c"], Plain)]);
    registrar.function("wc", |path: &str| wc(&Flags::of("wc", Array::new())?, path));
    registrar.function("wc", |flags: Array, path: &str| wc(&Flags::of("wc", flags)?, path));

    register_flags(registrar, "write", &[(&["append", "a"], Plain), (&["replace", "r"], Plain)]);
    registrar.function("write", |path: &str, text: &str| write(path, text, WriteMode::Append));
    registrar.function("write", |flags: Array, path: &str, text: &str| {
        let replace = Flags::of("write", flags)?.has("replace");
        write(path, text, if replace { WriteMode::Replace } else { WriteMode::Append })
    });

    registrar.function("touch", |path: &str| answer(file_system::touch(path)));

    register_flags(registrar, "mkdir", &[(&["parents", "p"], Plain)]);
    registrar.function("mkdir", |path: &str| answer(file_system::make_dir(path, false)));
    registrar.function("mkdir", |flags: Array, path: &str| {
        answer(file_system::make_dir(path, Flags::of("mkdir", flags)?.has("parents")))
    });

    register_flags(registrar, "rm", &[(&["force", "f"], Plain), (&["recursive", "r"], Plain)]);
    registrar.function("rm", |path: &str| answer(file_system::remove(path, RemoveFlags::empty())));
    registrar.function("rm", |flags: Array, path: &str| {
        let flags = Flags::of("rm", flags)?;
        let force = if flags.has("force") { RemoveFlags::FORCE } else { RemoveFlags::empty() };
        let recursive = if flags.has("recursive") { RemoveFlags::RECURSIVE } else { RemoveFlags::empty() };
        answer(file_system::remove(path, force | recursive))
    });
}

/// Opens a file for reading, as the shell-like functions do.
pub(super) fn open(path: &str) -> ApiResult<FileHandle> {
    FileHandle::open(path, OpenFileFlags::READ | OpenFileFlags::FOLLOW)
}

fn cat(flags: &Flags, path: &str) -> ApiResult<String> {
    let text = open(path)?.show()?;
    if !flags.has("number") {
        return Ok(text);
    }
    let lines = text.lines().enumerate();
    Ok(lines.map(|(index, line)| format!("{:>6}\t{line}", index + 1)).collect::<Vec<_>>().join("\n"))
}

/// Entries whose name begins with a dot only with `ls::all`, as in the peer; with `ls::long` with all that is known of each; with `ls::recursive` by their path below the directory.
fn ls(flags: &Flags, path: &str) -> ApiResult<Map> {
    let (all, long, recursive) = (flags.has("all"), flags.has("long"), flags.has("recursive"));
    // A map that is made from all its members at once takes half the time.
    let mut found: Vec<<Map as IntoIterator>::Item> = Vec::new();
    let mut open = vec![(String::new(), DirHandle::open(path, OpenDirFlags::FOLLOW)?)];
    while let Some((prefix, dir)) = open.pop() {
        for entry in dir.entries()? {
            if entry.name().starts_with('.') && !all {
                continue;
            }
            // Most have no prefix, and a map's key takes a short text without an allocation.
            let name = if prefix.is_empty() { entry.name().into() } else { format!("{prefix}{}", entry.name()).into() };
            if recursive && entry.is_dir() {
                open.push((format!("{name}/"), entry.open_as_dir(OpenDirFlags::empty())?));
            }
            let entry = if long { with_details(entry)? } else { entry };
            found.push((name, Dynamic::from(entry)));
        }
    }
    Ok(found.into_iter().collect())
}

/// What cannot be looked at is listed without details, and the log says so.
fn with_details(entry: DirEntry) -> ApiResult<DirEntry> {
    let metadata = or_skip(Metadata::of_path(&entry.path(), false))?;
    Ok(entry.with_details(metadata.map(|metadata| metadata.details())))
}

fn grep(flags: &Flags, pattern: &str, path: &str) -> ApiResult<Array> {
    let options = SearchOptions {
        pattern: if flags.has("ignore_case") { format!("(?i){pattern}") } else { pattern.to_owned() },
        invert: flags.has("invert"),
        // Less than none is no bound, as in the peer.
        max_count: flags.value("max_count").and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
    };
    let found = open(path)?.search(&options)?;
    if flags.has("count") {
        return Ok(vec![found.len().to_string().into()]);
    }
    let show = |found: MatchLine| match flags.has("line_number") {
        true => format!("{}:{}", found.number, found.content),
        false => found.content,
    };
    Ok(array(found.into_iter().map(show).collect()))
}

/// As the peer has it: `n(-5)` is the last five, `n(5)` the first five, `from` and `range` count from 1.
fn tail_selection(flags: &Flags) -> ApiResult<LineSelection> {
    if let Some([first, last]) = flags.values("range") {
        let count = last.saturating_add(1).saturating_sub(*first);
        if count < 0 {
            let message = format!("tail::range({first}, {last}) ends before it begins");
            return Err(invalid_arguments(FILE_SYSTEM_KINDS, message));
        }
        return ReadLinesOptions { count: Some(count), start: Some(*first) }.selection();
    }
    match (flags.value("n"), flags.value("from")) {
        (None, None) => Ok(LineSelection::Last(TAIL_LINES)),
        (count, start) => ReadLinesOptions { count, start }.selection(),
    }
}

fn wc(flags: &Flags, path: &str) -> ApiResult<Map> {
    let counts = open(path)?.counts()?;
    let all = ["lines", "words", "bytes"];
    let none_chosen = !all.iter().any(|name| flags.has(name));
    Ok(all
        .into_iter()
        .zip([counts.lines, counts.words, counts.bytes])
        .filter(|(name, _)| none_chosen || flags.has(name))
        .map(|(name, count)| (name.into(), integer(count).into()))
        .collect())
}

fn write(path: &str, text: &str, mode: WriteMode) -> ApiResult<()> {
    let flags = OpenFileFlags::WRITE | OpenFileFlags::CREATE | OpenFileFlags::FOLLOW;
    FileHandle::open(path, flags)?.write(text, mode)
}
