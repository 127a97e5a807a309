//! `du` and `disk_usage`: what directories take on the disk.

use std::collections::BTreeSet;

use rhai::{Array, Dynamic, Map};

use super::attributes::Metadata;
use super::handle::{DirEntry, DirHandle, FileHandle};
use super::tree::or_skip;
use super::{answer, integer, natural};
use crate::api::flag::{Flags, Shape, register_flags};
use crate::api::options::options;
use crate::bindings::rex::host::file_system::OpenDirFlags;
use crate::engine::Registrar;
use crate::error::ApiResult;

options! {
    DiskUsageOptions {
        summarize: bool,
        all_files: bool,
        one_file_system: bool,
        count_hard_links: bool,
        apparent_size: bool,
        max_depth: i64,
        track_largest_subdir: bool,
    }
}

pub(super) fn register(registrar: &mut Registrar) {
    use Shape::{One, Plain};

    DiskUsageOptions::register(registrar);
    let flags: &[(&[&'static str], Shape)] =
        &[(&["summarize", "s"], Plain), (&["all_files", "a"], Plain), (&["apparent_size"], Plain), (&["max_depth", "d"], One)];
    register_flags(registrar, "du", flags);
    registrar.function("du", |path: &str| du(path, DiskUsageOptions::default()));
    registrar.function("du", |flags: Array, path: &str| {
        let flags = Flags::of("du", flags)?;
        let options = DiskUsageOptions {
            summarize: Some(flags.has("summarize")),
            all_files: Some(flags.has("all_files")),
            apparent_size: Some(flags.has("apparent_size")),
            max_depth: flags.value("max_depth"),
            ..DiskUsageOptions::default()
        };
        du(path, options)
    });
    registrar.function("disk_usage", |dir: &mut DirHandle, options: DiskUsageOptions| -> ApiResult<Map> {
        let usage = Usage::of(dir, &options)?;
        let largest = usage.largest.map_or(Dynamic::UNIT, |(_, dir)| Dynamic::from(dir));
        Ok(Map::from([("entries".into(), usage.entries.into()), ("largest_subdir_handle".into(), largest)]))
    });
    registrar.function("disk_usage", |file: &mut FileHandle, options: DiskUsageOptions| -> ApiResult<Map> {
        let metadata = Metadata::from(answer(file.host().metadata())?);
        Ok(entry(&file.path(), metadata.bytes(options.apparent_size == Some(true)), 1))
    });
}

fn du(path: &str, options: DiskUsageOptions) -> ApiResult<Map> {
    let usage = Usage::of(&DirHandle::open(path, OpenDirFlags::FOLLOW)?, &options)?;
    Ok(Map::from([
        ("entries".into(), usage.entries.into()),
        ("total_size_bytes".into(), integer(usage.total.bytes).into()),
        ("total_inode_count".into(), integer(usage.total.objects).into()),
    ]))
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    bytes: u64,
    objects: u64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.objects = self.objects.saturating_add(other.objects);
    }
}

/// A directory whose entries are being counted.
struct Open {
    dir: DirHandle,
    depth: u64,
    sum: Sum,
    /// Directories in it that are still to be counted.
    below: Vec<DirEntry>,
}

/// What is found while a tree is walked.
struct Usage<'o> {
    options: &'o DiskUsageOptions,
    max_depth: u64,
    device: u64,
    /// Objects of several names that were counted.
    seen: BTreeSet<(u64, u64)>,
    entries: Array,
    total: Sum,
    largest: Option<(u64, DirHandle)>,
}

impl<'o> Usage<'o> {
    /// Sizes as `du` has them: of a directory, with all below, and an object of several names once.
    fn of(root: &DirHandle, options: &'o DiskUsageOptions) -> ApiResult<Self> {
        let max_depth = match (options.summarize, options.max_depth) {
            (Some(true), _) => 0,
            (_, Some(depth)) => natural("max_depth", depth)?,
            (_, None) => u64::MAX,
        };
        let metadata = Metadata::of_path(&root.path(), false)?;
        let mut usage = Self {
            options,
            max_depth,
            device: metadata.device(),
            seen: BTreeSet::new(),
            entries: Array::new(),
            total: Sum::default(),
            largest: None,
        };
        let mut open = vec![usage.enter(root.clone(), 0, &metadata, root.entries()?.collect())?];
        while let Some(mut current) = open.pop() {
            if let Some(entry) = current.below.pop() {
                let depth = current.depth + 1;
                open.push(current);
                let Some(dir) = or_skip(entry.open_as_dir(OpenDirFlags::empty()))? else { continue };
                let Some(metadata) = or_skip(Metadata::of_path(&dir.path(), false))? else { continue };
                if options.one_file_system != Some(true) || metadata.device() == usage.device {
                    let entries = or_skip(dir.entries())?.map(Iterator::collect).unwrap_or_default();
                    open.push(usage.enter(dir, depth, &metadata, entries)?);
                }
                continue;
            }
            usage.leave(&current);
            match open.last_mut() {
                Some(above) => above.sum.add(current.sum),
                None => usage.total = current.sum,
            }
        }
        Ok(usage)
    }

    /// Counts the files of a directory, and finds the directories in it.
    fn enter(&mut self, dir: DirHandle, depth: u64, metadata: &Metadata, entries: Vec<DirEntry>) -> ApiResult<Open> {
        let apparent = self.options.apparent_size == Some(true);
        let mut open = Open { depth, sum: Sum { bytes: metadata.bytes(apparent), objects: 1 }, below: Vec::new(), dir };
        for child in entries {
            if child.is_dir() {
                open.below.push(child);
                continue;
            }
            let Some(metadata) = or_skip(Metadata::of_path(&child.path(), false))? else { continue };
            let counted = metadata.shared_identity().is_some_and(|identity| !self.seen.insert(identity));
            if counted && self.options.count_hard_links != Some(true) {
                continue;
            }
            let bytes = metadata.bytes(apparent);
            open.sum.add(Sum { bytes, objects: 1 });
            if self.options.all_files == Some(true) && depth < self.max_depth {
                self.entries.push(entry(&child.path(), bytes, 1).into());
            }
        }
        Ok(open)
    }

    fn leave(&mut self, dir: &Open) {
        let shown = dir.depth <= self.max_depth;
        if shown {
            self.entries.push(entry(&dir.dir.path(), dir.sum.bytes, dir.sum.objects).into());
        }
        let larger = self.largest.as_ref().is_none_or(|(bytes, _)| dir.sum.bytes > *bytes);
        if dir.depth == 1 && shown && larger && self.options.track_largest_subdir == Some(true) {
            self.largest = Some((dir.sum.bytes, dir.dir.clone()));
        }
    }
}

fn entry(path: &str, bytes: u64, objects: u64) -> Map {
    Map::from([
        ("path".into(), path.into()),
        ("size_bytes".into(), integer(bytes).into()),
        ("inode_count".into(), integer(objects).into()),
    ])
}
