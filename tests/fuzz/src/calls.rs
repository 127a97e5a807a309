//! Calls of the host's functions, in any order, with any arguments, under any policy of a simple kind.

use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rex_runner::audit::{Audit, Digests};
use rex_runner::capability::{DirHandle, Failure, FileHandle, State};
use rex_runner::gate::Gate;
use rex_runner::journal::SharedJournal;
use rex_runner::limits::{Limits, RunClock};
use rex_runner::platform::{AbsolutePath, FileSystem};
use rex_runner::policy::Decider;
use rex_runner::sandbox::bindings::rex::host::file_system::{
    CopyFlags, ExtractFlags, GzipSearchOptions, Host as FileHost, HostDir, HostFile, LineRange, LineSelection, MoveFlags,
    OpenDirFlags, OpenFileFlags, RemoveFlags, SearchOptions, SelinuxLabel, WriteMode,
};
use rex_runner::sandbox::bindings::rex::host::{clock, log};
use wasmtime::component::Resource;

use crate::memory;
use crate::world::{CALL_BYTES, MOST, Plan, World};

/// Calls of one run.
const CALLS: usize = 24;
/// Handles that may be open at one time.
const HANDLES: usize = 8;

/// A path of the world.
#[derive(Debug, Arbitrary)]
struct At<'d> {
    place: u8,
    spelling: u8,
    rest: &'d str,
}

/// One of the handles that were given out, whether it is still open or not, or a number that the guest made up.
#[derive(Debug, Arbitrary)]
enum Handle {
    Given(u8),
    Forged(u32),
}

#[derive(Debug, Arbitrary)]
enum Call<'d> {
    DirOpen(At<'d>, u8),
    DirPath(Handle),
    DirOpenDir(Handle, Entry<'d>, u8),
    DirOpenFile(Handle, Entry<'d>, u8, Option<u16>),
    DirEntries(Handle),
    DirDrop(Handle),
    FileOpen(At<'d>, u8),
    FilePath(Handle),
    Read(Handle, bool),
    ReadBytes(Handle, u64, u64),
    ReadLines(Handle, Selection),
    ReadPage(Handle, u64),
    Search(Handle, Pattern<'d>, bool, u64),
    Counts(Handle),
    Write(Handle, &'d str, u8),
    Metadata(Handle),
    HandlePermissions(Handle, u16),
    HandleOwner(Handle, Option<Owner<'d>>, Option<Owner<'d>>),
    SelinuxLabel(Handle, Option<&'d str>),
    Truncate(Handle, u64),
    Allocate(Handle, u64),
    HandleRemove(Handle),
    Sha256(Handle),
    PrintableStrings(Handle, u32),
    ReadGzipLines(Handle, Selection),
    SearchGzip(Handle, Pattern<'d>, Option<Pattern<'d>>, bool, i64),
    GzipInfo(Handle),
    Extract(Handle, Handle, u8),
    CompressGzip(Handle, Handle, u8),
    HandleCopy(Handle, Handle, u8),
    FileDrop(Handle),
    Touch(At<'d>),
    MakeDir(At<'d>, bool),
    Stat(At<'d>, bool),
    Permissions(At<'d>, u16),
    Owner(At<'d>, Option<Owner<'d>>, Option<Owner<'d>>, bool),
    Copy(At<'d>, At<'d>, u8),
    Move(At<'d>, At<'d>, u8),
    MakeSymlink(At<'d>, At<'d>, bool),
    MakeLink(At<'d>, At<'d>),
    ReadLink(At<'d>),
    Remove(At<'d>, u8),
    Log(u8, u32, &'d str),
    Time,
    Sleep(u8),
}

/// A name in a directory.
#[derive(Debug, Arbitrary)]
enum Entry<'d> {
    Known(u8),
    Any(&'d str),
}

impl Entry<'_> {
    fn name(&self) -> String {
        const NAMES: &[&str] = &["a", "b", "c", "d", "e", "f", "n", "l", "t.tar", "z.gz", "dict", "..", ".", "a/f", ""];
        match self {
            Self::Known(number) => NAMES[usize::from(*number) % NAMES.len()].to_owned(),
            Self::Any(name) => (*name).to_owned(),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Selection {
    First(u64),
    Last(u64),
    Range(u64, Option<u64>),
}

impl Selection {
    fn to_wit(&self) -> LineSelection {
        match self {
            Self::First(count) => LineSelection::First(*count),
            Self::Last(count) => LineSelection::Last(*count),
            Self::Range(start, count) => LineSelection::Range(LineRange { start: *start, count: *count }),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Pattern<'d> {
    Known(u8),
    Any(&'d str),
}

impl Pattern<'_> {
    fn text(&self) -> String {
        const PATTERNS: &[&str] = &[
            "mark",
            "",
            ".",
            "^.*$",
            "(?i)[a-z]+\\d{1,100}",
            "((a{1,100}){1,100}){1,100}",
            "\\w{1000}",
            "(?s).*\\n.*",
            "[",
            "(((((((((((((((((((((x)))))))))))))))))))))",
            "\\p{L}+\\b{start}",
        ];
        match self {
            Self::Known(number) => PATTERNS[usize::from(*number) % PATTERNS.len()].to_owned(),
            Self::Any(pattern) => (*pattern).to_owned(),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Owner<'d> {
    Root,
    Number(u32),
    Any(&'d str),
}

impl Owner<'_> {
    fn name(&self) -> String {
        match self {
            Self::Root => "root".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Any(name) => (*name).to_owned(),
        }
    }
}

#[derive(Debug, Arbitrary)]
struct Scenario<'d> {
    plan: Plan,
    /// Whether there is next to no time.
    hurried: bool,
    calls: Vec<Call<'d>>,
}

/// Takes the data for a tree, a policy and calls, makes the calls, and looks after each whether it did what it may.
pub fn check(data: &[u8]) {
    let Ok(scenario) = Scenario::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut world = World::new(&scenario.plan);
    world.forget(data);
    let mut machine = Machine::new(&world, scenario.hurried);
    world.judge("");
    for call in scenario.calls.iter().take(CALLS) {
        let (told, bytes) = world.bounded(|| memory::taken(|| machine.call(&world, call)));
        assert!(bytes <= MOST, "{call:?} took {bytes} bytes: {told}");
        world.judge(&told);
    }
}

/// The host, as a guest of one run sees it.
struct Machine {
    state: State,
    handles: Vec<u32>,
}

/// Flags from the bits of a number.
macro_rules! flags {
    ($type:ident, $bits:expr, $($flag:ident),*) => {{
        let (mut flags, mut bits) = ($type::empty(), $bits);
        $(
            if bits & 1 == 1 {
                flags |= $type::$flag;
            }
            bits >>= 1;
        )*
        let _ = bits;
        flags
    }};
}

fn told<T: std::fmt::Debug, E: std::fmt::Debug>(answer: Result<T, E>) -> String {
    format!("{answer:?}")
}

impl Machine {
    fn new(world: &World, hurried: bool) -> Self {
        let limits = Limits { call_bytes: CALL_BYTES, handles: HANDLES, ..Limits::default() };
        let clock = RunClock::start(Duration::from_millis(if hurried { 3 } else { 2000 }));
        let journal = SharedJournal::default();
        let audit = Audit::start(&world.recording(), usize::MAX, "fuzz".to_owned(), "root", &Digests::default()).unwrap();
        let gate = Gate::new(Decider::new(world.policy(), "root"), "root".to_owned(), journal.clone(), audit, clock.clone());
        let dictionary = AbsolutePath::parse(&world.dictionary()).unwrap();
        let files = Arc::new(FileSystem::open().unwrap());
        Self { state: State::new(gate, journal, clock, limits, files, dictionary), handles: Vec::new() }
    }

    /// Makes one call, and returns all that the guest is told.
    fn call(&mut self, world: &World, call: &Call<'_>) -> String {
        let Self { state, handles } = self;
        let dir = |handle: &Handle| Resource::<DirHandle>::new_borrow(number(handles, handle));
        let file = |handle: &Handle| Resource::<FileHandle>::new_borrow(number(handles, handle));
        let at = |at: &At<'_>| world.path(at.place, at.spelling, at.rest);
        let open_file = |bits: u8| flags!(OpenFileFlags, bits, READ, WRITE, CREATE, FOLLOW);
        let open_dir = |bits: u8| flags!(OpenDirFlags, bits, CREATE, PARENTS, FOLLOW);
        let copy = |bits: u8| flags!(CopyFlags, bits, FORCE, PRESERVE);
        let owner = |owner: &Option<Owner<'_>>| owner.as_ref().map(Owner::name);
        match call {
            Call::DirOpen(path, bits) => {
                let answer = HostDir::open(state, at(path), open_dir(*bits));
                given(handles, answer)
            }
            Call::DirPath(handle) => told(HostDir::path(state, dir(handle))),
            Call::DirOpenDir(handle, entry, bits) => {
                let handle = dir(handle);
                let answer = HostDir::open_dir(state, handle, entry.name(), open_dir(*bits));
                given(handles, answer)
            }
            Call::DirOpenFile(handle, entry, bits, permissions) => {
                let handle = dir(handle);
                let answer = HostDir::open_file(state, handle, entry.name(), open_file(*bits), permissions.map(u32::from));
                given(handles, answer)
            }
            Call::DirEntries(handle) => told(HostDir::entries(state, dir(handle))),
            Call::DirDrop(handle) => {
                let handle = Resource::new_own(number(handles, handle));
                told(HostDir::drop(state, handle))
            }
            Call::FileOpen(path, bits) => {
                let answer = HostFile::open(state, at(path), open_file(*bits));
                given(handles, answer)
            }
            Call::FilePath(handle) => told(HostFile::path(state, file(handle))),
            Call::Read(handle, redacted) => told(state.read(file(handle), *redacted)),
            Call::ReadBytes(handle, offset, length) => {
                let answer = state.read_bytes(file(handle), *offset, *length);
                told(answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
            }
            Call::ReadLines(handle, selection) => told(state.read_lines(file(handle), selection.to_wit())),
            Call::ReadPage(handle, count) => told(state.read_page(file(handle), *count)),
            Call::Search(handle, pattern, invert, max_count) => {
                let options = SearchOptions { pattern: pattern.text(), invert: *invert, max_count: *max_count };
                told(state.search(file(handle), options))
            }
            Call::Counts(handle) => told(state.counts(file(handle))),
            Call::Write(handle, text, mode) => {
                let mode = [WriteMode::Append, WriteMode::Replace, WriteMode::InPlace][usize::from(*mode) % 3];
                told(state.write(file(handle), (*text).to_owned(), mode))
            }
            Call::Metadata(handle) => told(state.metadata(file(handle))),
            Call::HandlePermissions(handle, permissions) => {
                told(HostFile::set_permissions(state, file(handle), u32::from(*permissions)))
            }
            Call::HandleOwner(handle, user, group) => told(HostFile::set_owner(state, file(handle), owner(user), owner(group))),
            Call::SelinuxLabel(handle, part) => {
                let part = part.map(str::to_owned);
                let changes = SelinuxLabel { user: part.clone(), role: None, type_: part, level: None };
                told(state.set_selinux_label(file(handle), changes))
            }
            Call::Truncate(handle, size) => told(state.truncate(file(handle), *size)),
            Call::Allocate(handle, size) => told(state.allocate(file(handle), *size)),
            Call::HandleRemove(handle) => told(HostFile::remove(state, file(handle))),
            Call::Sha256(handle) => told(state.sha256(file(handle))),
            Call::PrintableStrings(handle, minimum) => told(state.printable_strings(file(handle), *minimum)),
            Call::ReadGzipLines(handle, selection) => told(state.read_gzip_lines(file(handle), selection.to_wit())),
            Call::SearchGzip(handle, pattern, exclude, ignore_case, max_results) => {
                let options = GzipSearchOptions {
                    pattern: pattern.text(),
                    exclude: exclude.as_ref().map(Pattern::text),
                    ignore_case: *ignore_case,
                    max_results: *max_results,
                };
                told(state.search_gzip(file(handle), options))
            }
            Call::GzipInfo(handle) => told(state.gzip_info(file(handle))),
            Call::Extract(handle, into, bits) => {
                let options = flags!(ExtractFlags, *bits, PERMISSIONS, OWNERSHIP, TIMESTAMPS);
                told(state.extract(file(handle), dir(into), options))
            }
            Call::CompressGzip(handle, target, level) => told(state.compress_gzip(file(handle), file(target), u32::from(*level))),
            Call::HandleCopy(handle, target, bits) => told(HostFile::copy(state, file(handle), file(target), copy(*bits))),
            Call::FileDrop(handle) => {
                let handle = Resource::new_own(number(handles, handle));
                told(HostFile::drop(state, handle))
            }
            Call::Touch(path) => told(state.touch(at(path))),
            Call::MakeDir(path, parents) => told(state.make_dir(at(path), *parents)),
            Call::Stat(path, follow) => told(state.stat(at(path), *follow)),
            Call::Permissions(path, permissions) => told(FileHost::set_permissions(state, at(path), u32::from(*permissions))),
            Call::Owner(path, user, group, follow) => {
                told(FileHost::set_owner(state, at(path), owner(user), owner(group), *follow))
            }
            Call::Copy(source, destination, bits) => told(FileHost::copy(state, at(source), at(destination), copy(*bits))),
            Call::Move(source, destination, bits) => {
                told(state.move_(at(source), at(destination), flags!(MoveFlags, *bits, BACKUP)))
            }
            Call::MakeSymlink(target, path, force) => told(state.make_symlink(at(target), at(path), *force)),
            Call::MakeLink(existing, path) => told(state.make_link(at(existing), at(path))),
            Call::ReadLink(path) => told(state.read_link(at(path))),
            Call::Remove(path, bits) => told(FileHost::remove(state, at(path), flags!(RemoveFlags, *bits, FORCE, RECURSIVE))),
            Call::Log(level, line, text) => {
                use log::Level::{Debug, Error, Info, Trace, Warn};
                let level = [Trace, Debug, Info, Warn, Error][usize::from(*level) % 5];
                told(log::Host::write(state, level, *line, (*text).to_owned()))
            }
            Call::Time => told(clock::Host::elapsed(state)) + &told(clock::Host::now(state)),
            Call::Sleep(milliseconds) => told(clock::Host::sleep(state, u64::from(*milliseconds) % 8)),
        }
    }
}

/// The number of a handle, as the host keeps it.
fn number(handles: &[u32], handle: &Handle) -> u32 {
    match handle {
        Handle::Given(index) if !handles.is_empty() => handles[usize::from(*index) % handles.len()],
        Handle::Given(index) => u32::from(*index),
        Handle::Forged(number) => *number,
    }
}

fn given<T>(handles: &mut Vec<u32>, answer: Result<Resource<T>, Failure>) -> String {
    match answer {
        Ok(handle) => {
            handles.push(handle.rep());
            "a handle".to_owned()
        }
        Err(error) => told(Err::<(), _>(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_some_calls() {
        for seed in 0..60_u32 {
            let byte = |index: u32| (index.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503)) >> 15) as u8;
            check(&(0..300).map(byte).collect::<Vec<_>>());
        }
    }

    /// The calls reach what they are about, so that an oracle that finds nothing wrong has looked at something.
    #[test]
    fn what_is_permitted_happens() {
        let plan = Plan::arbitrary(&mut Unstructured::new(&[])).unwrap();
        let mut world = World::new(&plan);
        let mut machine = Machine::new(&world, false);
        let place = |place| At { place, spelling: 15, rest: "" };
        let mut told = Vec::new();
        // The first file after the six directories, and the first vacant place after all.
        for call in [
            Call::FileOpen(place(6), 0b11),
            Call::Read(Handle::Given(0), false),
            Call::Write(Handle::Given(0), "text", 1),
            Call::Move(place(6), place(14), 0),
            Call::Remove(place(1), 0b10),
        ] {
            told.push(machine.call(&world, &call));
            world.judge(told.last().unwrap());
        }
        assert!(told[0] == "a handle" && told[1].contains("mark0x"), "{told:?}");
        assert!(told[2..].iter().all(|answer| answer == "Ok(())"), "{told:?}");
    }
}
