//! `find` of a directory: each entry below that has all the wanted properties.

use std::collections::BTreeSet;

use glob::MatchOptions;
use regex::Regex;
use rhai::{FnPtr, Module, NativeCallContext};

use super::attributes::{Metadata, bytes};
use super::handle::{DirEntry, DirHandle};
use super::natural;
use super::tree::or_skip;
use super::walk::NamePattern;
use crate::api::constant::Constant;
use crate::api::date_time::DateTime;
use crate::api::options::options;
use crate::api::text;
use crate::bindings::rex::host::file_system::{EntryType, OpenDirFlags};
use crate::engine::Registrar;
use crate::error::{ApiResult, invalid_pattern};

options! {
    FindOptions {
        name: String,
        iname: String,
        regex: String,
        negate_name: bool,
        size_range: SizeRange,
        min_depth: i64,
        max_depth: i64,
        min_creation_time: DateTime,
        max_creation_time: DateTime,
        min_modification_time: DateTime,
        max_modification_time: DateTime,
        follow_symlinks: bool,
    }
}

/// Bytes of the content, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct SizeRange {
    min: u64,
    max: u64,
}

pub(super) fn register(registrar: &mut Registrar) {
    FindOptions::register(registrar);
    registrar.engine.register_type_with_name::<SizeRange>("SizeRange");
    let mut sizes = Module::new();
    sizes.set_native_fn("min_only", |min: i64, unit: Constant| {
        Ok(SizeRange { min: bytes("min", min, Some(unit))?, max: u64::MAX })
    });
    sizes.set_native_fn("max_only", |max: i64, unit: Constant| Ok(SizeRange { min: 0, max: bytes("max", max, Some(unit))? }));
    sizes.set_native_fn("between", |min: i64, max: i64, unit: Constant| {
        Ok(SizeRange { min: bytes("min", min, Some(unit))?, max: bytes("max", max, Some(unit))? })
    });
    registrar.engine.register_static_module("SizeRange", sizes.into());
    registrar.function("find", |context: NativeCallContext, dir: &mut DirHandle, options: FindOptions, found: FnPtr| {
        Search::new(&options)?
            .run(dir, &mut |entry| found.call_within_context::<rhai::Dynamic>(&context, (entry.clone(),)).map(|_| ()))
    });
}

/// From and to, both included, where they are given.
type Span = (Option<DateTime>, Option<DateTime>);

fn within((from, to): Span, moment: DateTime) -> bool {
    from.is_none_or(|from| from <= moment) && to.is_none_or(|to| moment <= to)
}

/// What is looked for in a name.
enum NameTest {
    Any,
    Glob(NamePattern, MatchOptions),
    Regex(Regex),
}

struct Search {
    name: NameTest,
    negate: bool,
    size: Option<SizeRange>,
    created: Span,
    modified: Span,
    min_depth: u64,
    max_depth: u64,
    follow: bool,
}

impl Search {
    fn new(options: &FindOptions) -> ApiResult<Self> {
        let insensitive = MatchOptions { case_sensitive: false, ..MatchOptions::new() };
        let name = match (&options.name, &options.iname, &options.regex) {
            (None, None, None) => NameTest::Any,
            (Some(name), None, None) => NameTest::Glob(NamePattern::new(name)?, MatchOptions::new()),
            (None, Some(name), None) => NameTest::Glob(NamePattern::new(name)?, insensitive),
            (None, None, Some(pattern)) => NameTest::Regex(text::replace::compile(pattern)?),
            _ => return Err(invalid_pattern("FindOptions takes one of name, iname and regex")),
        };
        Ok(Self {
            name,
            negate: options.negate_name == Some(true),
            size: options.size_range,
            created: (options.min_creation_time, options.max_creation_time),
            modified: (options.min_modification_time, options.max_modification_time),
            min_depth: natural("min_depth", options.min_depth.unwrap_or(0))?,
            max_depth: options.max_depth.map_or(Ok(u64::MAX), |depth| natural("max_depth", depth))?,
            follow: options.follow_symlinks == Some(true),
        })
    }

    /// Calls a function for each entry that is found, an entry before what is in it. What may not be looked at is left out, and the log says
    /// so. The entries of the directory itself are at depth 1.
    fn run(&self, dir: &DirHandle, found: &mut impl FnMut(&DirEntry) -> ApiResult<()>) -> ApiResult<()> {
        // Links can lead back to where the search has been.
        let mut seen = BTreeSet::from([dir.path()]);
        let mut entries: Vec<_> = dir.entries()?.collect();
        let mut depth = 1;
        let mut open: Vec<(DirEntry, u64)> = Vec::new();
        loop {
            for entry in entries {
                if depth >= self.min_depth && depth <= self.max_depth && self.matches(&entry)? {
                    found(&entry)?;
                }
                if depth < self.max_depth && (entry.is_dir() || (self.follow && entry.is_symlink())) {
                    open.push((entry, depth));
                }
            }
            let Some((entry, above)) = open.pop() else { return Ok(()) };
            depth = above + 1;
            entries = self.below(&entry, &mut seen)?;
        }
    }

    fn below(&self, entry: &DirEntry, seen: &mut BTreeSet<String>) -> ApiResult<Vec<DirEntry>> {
        if entry.is_symlink() && !or_skip(Metadata::of_path(&entry.path(), true))?.is_some_and(|target| target.is_dir()) {
            return Ok(Vec::new());
        }
        let flags = if self.follow { OpenDirFlags::FOLLOW } else { OpenDirFlags::empty() };
        let Some(dir) = or_skip(entry.open_as_dir(flags))? else { return Ok(Vec::new()) };
        if self.follow && !seen.insert(dir.path()) {
            return Ok(Vec::new());
        }
        Ok(or_skip(dir.entries())?.map(Iterator::collect).unwrap_or_default())
    }

    fn matches(&self, entry: &DirEntry) -> ApiResult<bool> {
        let name = entry.name();
        let named = match &self.name {
            NameTest::Any => true,
            NameTest::Glob(pattern, options) => pattern.matches_name(name, *options),
            NameTest::Regex(regex) => regex.is_match(name),
        };
        if named == self.negate && !matches!(self.name, NameTest::Any) {
            return Ok(false);
        }
        if self.size.is_some() && entry.kind_of() != EntryType::File {
            return Ok(false);
        }
        if self.size.is_none() && self.created == (None, None) && self.modified == (None, None) {
            return Ok(true);
        }
        let Some(metadata) = or_skip(Metadata::of_path(&entry.path(), false))? else { return Ok(false) };
        let sized = self.size.is_none_or(|size| (size.min..=size.max).contains(&metadata.bytes(true)));
        Ok(sized && within(self.created, metadata.changed()) && within(self.modified, metadata.modified()))
    }
}
