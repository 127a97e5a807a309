//! The functions that go down a directory: `find_files` and `tree`.

use std::iter::Peekable;
use std::vec::IntoIter;

use glob::{MatchOptions, Pattern};
use rhai::{Array, NativeCallContext, Position};

use super::handle::{DirEntry, DirHandle};
use super::natural;
use crate::api::flag::{Flags, Shape, register_flags};
use crate::api::log;
use crate::bindings::rex::host::file_system::OpenDirFlags;
use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments, invalid_pattern, is_denial};

/// Directories in directories that `tree` shows, at most. Each holds a handle, and a deeper tree is no longer readable.
const MAX_TREE_DEPTH: usize = 64;
/// Bytes of a pattern for names.
const MAX_PATTERN: usize = 1024;

pub(super) fn register(registrar: &mut Registrar) {
    // The peer's flags have the name of the command, and its function another.
    register_flags(registrar, "glob", &[(&["recursive", "r"], Shape::Plain)]);
    registrar.function("find_files", |pattern: &str, path: &str| find_files(Position::NONE, false, pattern, path));
    registrar.function("find_files", |context: NativeCallContext, flags: Array, pattern: &str, path: &str| {
        let recursive = Flags::of("glob", flags)?.has("recursive");
        find_files(context.call_position(), recursive, pattern, path)
    });

    register_flags(registrar, "tree", &[(&["all", "a"], Shape::Plain), (&["max_depth", "L"], Shape::One)]);
    registrar.addition("tree", |context: NativeCallContext, path: &str| {
        tree(context.call_position(), &Flags::of("tree", Array::new())?, path)
    });
    registrar.addition("tree", |context: NativeCallContext, flags: Array, path: &str| {
        tree(context.call_position(), &Flags::of("tree", flags)?, path)
    });
}

/// The names in a directory that match; with `recursive` the paths below it.
fn find_files(position: Position, recursive: bool, pattern: &str, path: &str) -> ApiResult<Array> {
    let pattern = NamePattern::new(pattern)?;
    let max_depth = if recursive { usize::MAX } else { 1 };
    let walk = Walk::new(top(path)?, max_depth, |below, entry| list(position, path, below, entry));
    let mut found = Array::new();
    for step in walk {
        let step = step?;
        if pattern.matches(step.entry.name(), &step.path) {
            found.push(step.path.into());
        }
    }
    Ok(found)
}

/// As tree(1) draws it, without what links lead to.
fn tree(position: Position, flags: &Flags, path: &str) -> ApiResult<String> {
    let max_depth = match flags.value("max_depth").map(|depth| natural("tree::max_depth", depth)).transpose()? {
        Some(depth) => usize::try_from(depth).ok().filter(|depth| (1..=MAX_TREE_DEPTH).contains(depth)).ok_or_else(|| {
            invalid_arguments(FILE_SYSTEM_KINDS, format!("tree::max_depth is 1 to {MAX_TREE_DEPTH}, not {depth}"))
        })?,
        None => MAX_TREE_DEPTH,
    };
    let all = flags.has("all");
    let shown = |entries: Vec<DirEntry>| entries.into_iter().filter(|entry| all || !entry.name().starts_with('.')).collect();
    let walk = Walk::new(shown(top(path)?), max_depth, |below, entry| Ok(list(position, path, below, entry)?.map(shown)));
    draw(path, walk)
}

fn top(path: &str) -> ApiResult<Vec<DirEntry>> {
    Ok(DirHandle::open(path, OpenDirFlags::FOLLOW)?.entries()?.collect())
}

/// What a directory below the one that was asked for holds; nothing if the policy denies it. A link is no directory.
fn list(position: Position, top: &str, below: &str, entry: &DirEntry) -> ApiResult<Option<Vec<DirEntry>>> {
    match entry.open_as_dir(OpenDirFlags::empty()).and_then(|dir| dir.entries()) {
        Ok(entries) => Ok(Some(entries.collect())),
        Err(error) if is_denial(&error) => {
            log::warn(position, &format!("{}/{below} is left out: the policy denies it", top.trim_end_matches('/')));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Something in a directory.
trait Entry {
    fn name(&self) -> &str;
    fn is_dir(&self) -> bool;
}

impl Entry for DirEntry {
    fn name(&self) -> &str {
        self.name()
    }

    fn is_dir(&self) -> bool {
        self.is_dir()
    }
}

/// Something that a walk has come to.
struct Step<E> {
    entry: E,
    /// From the directory where the walk began.
    path: String,
    /// The directories above it, without the one where the walk began.
    depth: usize,
    /// Nothing follows it in its directory.
    last: bool,
    /// It is a directory that could not be listed.
    closed: bool,
}

/// Goes down a directory, each entry before what is in it. Holds open the directories on the way down and no others.
struct Walk<E, L> {
    way: Vec<Level<E>>,
    max_depth: usize,
    list: L,
}

struct Level<E> {
    entries: Peekable<IntoIter<E>>,
    /// What stands before a name in its path.
    prefix: String,
}

impl<E: Entry, L: FnMut(&str, &E) -> ApiResult<Option<Vec<E>>>> Walk<E, L> {
    fn new(top: Vec<E>, max_depth: usize, list: L) -> Self {
        let level = Level { entries: top.into_iter().peekable(), prefix: String::new() };
        Self { way: vec![level], max_depth, list }
    }
}

impl<E: Entry, L: FnMut(&str, &E) -> ApiResult<Option<Vec<E>>>> Iterator for Walk<E, L> {
    type Item = ApiResult<Step<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        let (entry, level) = loop {
            let level = self.way.last_mut()?;
            match level.entries.next() {
                Some(entry) => break (entry, level),
                None => self.way.pop(),
            };
        };
        let path = [level.prefix.as_str(), entry.name()].concat();
        let last = level.entries.peek().is_none();
        let depth = self.way.len() - 1;
        let mut closed = false;
        if entry.is_dir() && self.way.len() < self.max_depth {
            match (self.list)(&path, &entry) {
                Ok(Some(entries)) => {
                    let prefix = [path.as_str(), "/"].concat();
                    self.way.push(Level { entries: entries.into_iter().peekable(), prefix });
                }
                Ok(None) => closed = true,
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(Step { entry, path, depth, last, closed }))
    }
}

fn draw<E: Entry>(path: &str, walk: impl Iterator<Item = ApiResult<Step<E>>>) -> ApiResult<String> {
    let (mut drawing, mut directories, mut files) = (format!("{path}\n"), 0_u64, 0_u64);
    // For each directory on the way down whether it is the last of its own.
    let mut above = Vec::new();
    for step in walk {
        let step = step?;
        *(if step.entry.is_dir() { &mut directories } else { &mut files }) += 1;
        above.truncate(step.depth);
        drawing.extend(above.iter().map(|last| if *last { "    " } else { "│   " }));
        drawing.push_str(if step.last { "└── " } else { "├── " });
        drawing.push_str(step.entry.name());
        drawing.push_str(if step.closed { "  [permission denied]\n" } else { "\n" });
        above.push(step.last);
    }
    let count = |number, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    drawing.push_str(&format!("\n{}, {}\n", count(directories, "directory", "directories"), count(files, "file", "files")));
    Ok(drawing)
}

/// A pattern for names, in the syntax of the native peer.
pub(super) struct NamePattern(Pattern);

impl NamePattern {
    pub(super) fn new(pattern: &str) -> ApiResult<Self> {
        let refuse = |reason: String| invalid_pattern(format!("the pattern cannot be used: {reason}"));
        if pattern.len() > MAX_PATTERN {
            return Err(refuse(format!("it has {} bytes, and may have {MAX_PATTERN}", pattern.len())));
        }
        Pattern::new(pattern).map(Self).map_err(|error| refuse(format!("{} (position {})", error.msg, error.pos + 1)))
    }

    /// The name alone.
    pub(super) fn matches_name(&self, name: &str, options: MatchOptions) -> bool {
        self.0.matches_with(name, options)
    }

    /// The name alone, as in the peer; a pattern with `/` in it also the path, where `*` and `?` stay within a name.
    fn matches(&self, name: &str, path: &str) -> bool {
        let in_path = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        self.0.matches(name) || (self.0.as_str().contains('/') && self.0.matches_with(path, in_path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error;

    #[derive(Clone, Copy)]
    struct Named(&'static str, Kind);

    #[derive(Clone, Copy)]
    enum Kind {
        File,
        Dir(&'static [Named]),
        Denied,
        Failing,
    }

    impl Entry for Named {
        fn name(&self) -> &str {
            self.0
        }

        fn is_dir(&self) -> bool {
            !matches!(self.1, Kind::File)
        }
    }

    const TREE: &[Named] = &[
        Named("a.log", Kind::File),
        Named("d", Kind::Dir(&[Named("b.log", Kind::File), Named("e", Kind::Dir(&[Named("c.log", Kind::File)]))])),
        Named("empty", Kind::Dir(&[])),
        Named("secret", Kind::Denied),
        Named("z", Kind::File),
    ];

    fn walk(listing: &[Named], max_depth: usize) -> impl Iterator<Item = ApiResult<Step<Named>>> {
        Walk::new(listing.to_vec(), max_depth, |_, entry: &Named| match entry.1 {
            Kind::Dir(listing) => Ok(Some(listing.to_vec())),
            Kind::File | Kind::Denied => Ok(None),
            Kind::Failing => Err(error::invalid_arguments(FILE_SYSTEM_KINDS, "failed")),
        })
    }

    fn paths(max_depth: usize) -> Vec<String> {
        walk(TREE, max_depth).map(|step| step.unwrap().path).collect()
    }

    #[test]
    fn each_entry_comes_before_what_is_in_it() {
        assert_eq!(paths(usize::MAX), ["a.log", "d", "d/b.log", "d/e", "d/e/c.log", "empty", "secret", "z"]);
        assert_eq!(paths(1), ["a.log", "d", "empty", "secret", "z"]);
        assert_eq!(paths(2), ["a.log", "d", "d/b.log", "d/e", "empty", "secret", "z"]);
    }

    #[test]
    fn an_error_that_is_no_denial_ends_it() {
        let mut walk = walk(&[Named("a", Kind::File), Named("x", Kind::Failing)], usize::MAX);
        assert!(walk.next().unwrap().is_ok() && walk.next().unwrap().is_err());
    }

    #[test]
    fn it_is_drawn_as_by_the_command() {
        let drawing = "/top
├── a.log
├── d
│   ├── b.log
│   └── e
│       └── c.log
├── empty
├── secret  [permission denied]
└── z

4 directories, 4 files
";
        assert_eq!(draw("/top", walk(TREE, usize::MAX)).unwrap(), drawing);
        assert_eq!(draw("/x", walk(&[Named("f", Kind::File)], 1)).unwrap(), "/x\n└── f\n\n0 directories, 1 file\n");
    }

    #[test]
    fn patterns_are_for_names() {
        let matches = |pattern: &str, path: &str| {
            NamePattern::new(pattern).unwrap().matches(path.rsplit('/').next().unwrap_or_default(), path)
        };
        for (pattern, path) in [
            ("*.log", "d/e/c.log"),
            ("?.log", "a.log"),
            ("[a-c].log", "b.log"),
            ("[!a].log", "b.log"),
            ("*", ".hidden"),
            ("**/*.log", "d/e/c.log"),
            ("d/*/*.log", "d/e/c.log"),
            ("d/**/c.log", "d/e/c.log"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("*.log", "a.txt"), ("d*", "d/e"), ("d/*.log", "d/e/c.log"), ("A.log", "a.log"), ("{a,b}", "a")] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
        for pattern in ["[", "a**", "***", &"x".repeat(MAX_PATTERN + 1)] {
            assert!(NamePattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
