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
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments, is_denial};

/// Directories in directories that `tree` shows, at most. Each holds a handle, and a deeper tree is no longer readable.
const MAX_TREE_DEPTH: u64 = 64;
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
    let max_depth = if recursive { u64::MAX } else { 1 };
    let walk = Walk::new(top(path)?, max_depth, |below, entry| list(position, path, below, entry));
    let mut found = Array::new();
    for step in walk {
        let step = step?;
        if pattern.matches(&step.name, &step.path) {
            found.push(step.path.into());
        }
    }
    Ok(found)
}

/// As tree(1) draws it, without what links lead to.
fn tree(position: Position, flags: &Flags, path: &str) -> ApiResult<String> {
    let max_depth = match flags.value("max_depth").map(|depth| natural("tree::max_depth", depth)).transpose()? {
        Some(depth @ 1..=MAX_TREE_DEPTH) => depth,
        None => MAX_TREE_DEPTH,
        Some(depth) => {
            return Err(invalid_arguments(FILE_SYSTEM_KINDS, format!("tree::max_depth is 1 to {MAX_TREE_DEPTH}, not {depth}")));
        }
    };
    let all = flags.has("all");
    let shown = |items: Vec<Item<DirEntry>>| items.into_iter().filter(|item| all || !item.name.starts_with('.')).collect();
    let walk = Walk::new(shown(top(path)?), max_depth, |below, entry| Ok(list(position, path, below, entry)?.map(shown)));
    draw(path, walk)
}

fn top(path: &str) -> ApiResult<Vec<Item<DirEntry>>> {
    DirHandle::open(path, OpenDirFlags::FOLLOW)?.entries().map(items)
}

/// What a directory below the one that was asked for holds; nothing if the policy denies it. A link is no directory.
fn list(position: Position, top: &str, below: &str, entry: &DirEntry) -> ApiResult<Option<Vec<Item<DirEntry>>>> {
    match entry.open_as_dir(OpenDirFlags::empty()).and_then(|dir| dir.entries()) {
        Ok(entries) => Ok(Some(items(entries))),
        Err(error) if is_denial(&error) => {
            log::warn(position, &format!("{}/{below} is left out: the policy denies it", top.trim_end_matches('/')));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn items(entries: impl Iterator<Item = DirEntry>) -> Vec<Item<DirEntry>> {
    entries.map(|entry| Item { name: entry.name().to_owned(), is_dir: entry.is_dir(), entry }).collect()
}

/// Something in a directory.
struct Item<E> {
    name: String,
    is_dir: bool,
    entry: E,
}

/// Something that a walk has come to.
struct Step {
    name: String,
    /// From the directory where the walk began.
    path: String,
    /// What `tree` draws in front.
    branch: String,
    is_dir: bool,
    /// It is a directory that could not be listed.
    closed: bool,
}

/// Goes down a directory, each entry before what is in it. Holds open the directories on the way down and no others.
struct Walk<E, L> {
    way: Vec<Level<E>>,
    max_depth: u64,
    list: L,
}

struct Level<E> {
    items: Peekable<IntoIter<Item<E>>>,
    /// What stands before a name in its path.
    prefix: String,
    /// What `tree` draws in front of the branch.
    indent: String,
}

impl<E, L: FnMut(&str, &E) -> ApiResult<Option<Vec<Item<E>>>>> Walk<E, L> {
    fn new(top: Vec<Item<E>>, max_depth: u64, list: L) -> Self {
        let level = Level { items: top.into_iter().peekable(), prefix: String::new(), indent: String::new() };
        Self { way: vec![level], max_depth, list }
    }
}

impl<E, L: FnMut(&str, &E) -> ApiResult<Option<Vec<Item<E>>>>> Iterator for Walk<E, L> {
    type Item = ApiResult<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        let (item, level) = loop {
            let level = self.way.last_mut()?;
            match level.items.next() {
                Some(item) => break (item, level),
                None => self.way.pop(),
            };
        };
        let (fork, below) = if level.items.peek().is_some() { ("├── ", "│   ") } else { ("└── ", "    ") };
        let Item { name, is_dir, entry } = item;
        let path = [level.prefix.as_str(), &name].concat();
        let branch = [level.indent.as_str(), fork].concat();
        let mut closed = false;
        if is_dir && u64::try_from(self.way.len()).is_ok_and(|depth| depth < self.max_depth) {
            let indent = self.way.last().map(|level| format!("{}{below}", level.indent)).unwrap_or_default();
            match (self.list)(&path, &entry) {
                Ok(Some(items)) => {
                    self.way.push(Level { items: items.into_iter().peekable(), prefix: format!("{path}/"), indent });
                }
                Ok(None) => closed = true,
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(Step { name, path, branch, is_dir, closed }))
    }
}

fn draw(path: &str, walk: impl Iterator<Item = ApiResult<Step>>) -> ApiResult<String> {
    let (mut drawing, mut directories, mut files) = (format!("{path}\n"), 0_u64, 0_u64);
    for step in walk {
        let step = step?;
        *(if step.is_dir { &mut directories } else { &mut files }) += 1;
        let remark = if step.closed { "  [permission denied]" } else { "" };
        drawing.push_str(&format!("{}{}{remark}\n", step.branch, step.name));
    }
    let count = |number, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    drawing.push_str(&format!("\n{}, {}\n", count(directories, "directory", "directories"), count(files, "file", "files")));
    Ok(drawing)
}

/// A pattern for names, in the syntax of the native peer.
pub(super) struct NamePattern(Pattern);

impl NamePattern {
    pub(super) fn new(pattern: &str) -> ApiResult<Self> {
        let refuse = |reason: String| invalid_arguments(FILE_SYSTEM_KINDS, format!("the pattern cannot be used: {reason}"));
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

    /// Names with what they stand for.
    type Listing = &'static [(&'static str, Entry)];

    #[derive(Clone, Copy)]
    enum Entry {
        File,
        Dir(Listing),
        Denied,
        Failing,
    }

    const TREE: Listing = &[
        ("a.log", Entry::File),
        ("d", Entry::Dir(&[("b.log", Entry::File), ("e", Entry::Dir(&[("c.log", Entry::File)]))])),
        ("empty", Entry::Dir(&[])),
        ("secret", Entry::Denied),
        ("z", Entry::File),
    ];

    fn items(listing: Listing) -> Vec<Item<Entry>> {
        let item = |(name, entry): &(&str, Entry)| Item {
            name: (*name).to_owned(),
            is_dir: !matches!(entry, Entry::File),
            entry: *entry,
        };
        listing.iter().map(item).collect()
    }

    fn walk(listing: Listing, max_depth: u64) -> impl Iterator<Item = ApiResult<Step>> {
        Walk::new(items(listing), max_depth, |_, entry: &Entry| match entry {
            Entry::Dir(listing) => Ok(Some(items(listing))),
            Entry::File | Entry::Denied => Ok(None),
            Entry::Failing => Err(error::invalid_arguments(FILE_SYSTEM_KINDS, "failed")),
        })
    }

    fn paths(max_depth: u64) -> Vec<String> {
        walk(TREE, max_depth).map(|step| step.unwrap().path).collect()
    }

    #[test]
    fn each_entry_comes_before_what_is_in_it() {
        assert_eq!(paths(u64::MAX), ["a.log", "d", "d/b.log", "d/e", "d/e/c.log", "empty", "secret", "z"]);
        assert_eq!(paths(1), ["a.log", "d", "empty", "secret", "z"]);
        assert_eq!(paths(2), ["a.log", "d", "d/b.log", "d/e", "empty", "secret", "z"]);
    }

    #[test]
    fn an_error_that_is_no_denial_ends_it() {
        let mut walk = walk(&[("a", Entry::File), ("x", Entry::Failing)], u64::MAX);
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
        assert_eq!(draw("/top", walk(TREE, u64::MAX)).unwrap(), drawing);
        assert_eq!(draw("/x", walk(&[("f", Entry::File)], 1)).unwrap(), "/x\n└── f\n\n0 directories, 1 file\n");
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
