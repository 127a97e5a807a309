//! What of the native peer's functions for files is here, as docs/compatibility.md shows it.
//!
//! A signature is that of the engine's list, without the names of parameters and without the result; of a function that is not here yet,
//! that of the peer. After a change: `REX_UPDATE=1 cargo test -p rex-guest checklist`.

/// A table of the page.
pub(super) struct Section {
    pub(super) title: &'static str,
    /// What the names in a module are called; empty where no row has any.
    pub(super) names: &'static str,
    pub(super) rows: &'static [Row],
}

#[derive(Clone, Copy)]
pub(super) enum State {
    /// The same form, with the same effect and result.
    Same,
    /// The same form; what differs, and where it is told.
    Differs(&'static str),
    NotYet,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs(_) => "different",
            Self::NotYet => "not yet",
        }
    }
}

pub(super) struct Row {
    /// Each form as a script writes it, with its signature.
    pub(super) forms: &'static [(&'static str, &'static str)],
    /// The module of [`Self::names`].
    pub(super) module: &'static str,
    /// Flags, or constants. Those that take numbers have them in parentheses.
    pub(super) names: &'static [&'static str],
    pub(super) state: State,
}

const fn row(forms: &'static [(&'static str, &'static str)], state: State) -> Row {
    Row { forms, module: "", names: &[], state }
}

impl Row {
    const fn names(self, module: &'static str, names: &'static [&'static str]) -> Self {
        Self { module, names, ..self }
    }
}

pub(super) const SECTIONS: &[Section] = &[
    Section { title: "Shell-like functions", names: "flags", rows: COMMANDS },
    Section { title: "DirConfig and DirHandle", names: "", rows: DIRECTORIES },
    Section { title: "FileHandle, SymlinkHandle, DirEntry and Metadata", names: "", rows: FILES },
    Section { title: "Options of these functions", names: "", rows: OPTIONS },
    Section { title: "Constants of these functions", names: "names", rows: CONSTANTS },
    Section { title: "Times", names: "names", rows: TIMES },
];

const COMMANDS: &[Row] = &[
    row(
        &[("cat(path)", "cat(string)"), ("cat(flags, path)", "cat(array, string)")],
        State::Differs("at most `--max-call-bytes`; redacts by lines that match as a whole"),
    )
    .names("cat", &["number", "n"]),
    row(
        &[("ls(path)", "ls(string)"), ("ls(flags, path)", "ls(array, string)")],
        State::Differs("`long` and `recursive` work, and a link to a directory is listed as that directory"),
    )
    .names("ls", &["all", "a", "long", "l", "recursive", "R"]),
    row(
        &[("grep(pattern, path)", "grep(string, string)"), ("grep(flags, pattern, path)", "grep(array, string, string)")],
        State::Differs("`max_count` stops reading; matches what is left after redaction"),
    )
    .names("grep", &["ignore_case", "i", "count", "c", "invert", "v", "line_number", "n", "max_count(n)", "m(n)"]),
    row(
        &[("tail(path)", "tail(string)"), ("tail(flags, path)", "tail(array, string)")],
        State::Differs("errors for negative lines, and for ranges that end before they begin"),
    )
    .names("tail", &["n(k)", "from(line)", "range(a, b)"]),
    row(
        &[
            ("sed(old, new, path)", "sed(string, string, string)"),
            ("sed(flags, old, new, path)", "sed(array, string, string, string)"),
        ],
        State::Differs("`in_place` is all or nothing, and follows a link"),
    )
    .names("sed", &["regex", "all", "g", "in_place", "i"]),
    row(&[("wc(path)", "wc(string)"), ("wc(flags, path)", "wc(array, string)")], State::Same)
        .names("wc", &["lines", "l", "words", "w", "bytes", "c"]),
    row(
        &[("write(path, text)", "write(string, string)"), ("write(flags, path, text)", "write(array, string, string)")],
        State::Differs("`append` never reads, so that nothing is lost; `replace` is all or nothing"),
    )
    .names("write", &["append", "a", "replace", "r"]),
    row(&[("touch(path)", "touch(string)")], State::Differs("sets the times of what is there")),
    row(
        &[("cp(source, destination)", "cp(string, string)"), ("cp(flags, source, destination)", "cp(array, string, string)")],
        State::Differs("all or nothing; a new file has the permissions of the source"),
    )
    .names("cp", &["force", "f", "preserve", "p"]),
    row(
        &[("mv(source, destination)", "mv(string, string)"), ("mv(flags, source, destination)", "mv(array, string, string)")],
        State::Differs("asks about what it replaces and about each entry of a directory; `backup` works"),
    )
    .names("mv", &["backup", "b", "verbose", "v"]),
    row(
        &[("rm(path)", "rm(string)"), ("rm(flags, path)", "rm(array, string)")],
        State::Differs("`recursive` asks for each entry before it removes anything; with `force` nothing there is no error"),
    )
    .names("rm", &["force", "f", "recursive", "r"]),
    row(
        &[("mkdir(path)", "mkdir(string)"), ("mkdir(flags, path)", "mkdir(array, string)")],
        State::Differs("one that is there needs `create` as well"),
    )
    .names("mkdir", &["parents", "p"]),
    row(
        &[
            ("find_files(pattern, dir)", "find_files(string, string)"),
            ("find_files(flags, pattern, dir)", "find_files(array, string, string)"),
        ],
        State::Differs("the recursive form gives paths, not names alone"),
    )
    .names("glob", &["recursive", "r"]),
    row(
        &[("du(dir)", "du(string)"), ("du(flags, dir)", "du(array, string)")],
        State::Differs("the totals count everything once, also links and FIFOs"),
    )
    .names("du", &["summarize", "s", "all_files", "a", "apparent_size", "max_depth(n)", "d(n)"]),
    row(
        &[("seq(first, last)", "seq(i64, i64)"), ("seq(flags, first, last)", "seq(array, i64, i64)")],
        State::Differs("bounded by the guest's memory; a step of 0 is an error"),
    )
    .names("seq", &["step(n)"]),
    row(&[("awk_split(text, delimiter)", "awk_split(string, string)")], State::Same),
    row(&[("awk_field(n, delimiter, path)", "awk_field(i64, string, string)")], State::Same),
    row(&[("awk_filter(part, path)", "awk_filter(string, string)")], State::Same),
    row(&[("awk_filter_field(n, delimiter, part, path)", "awk_filter_field(i64, string, string, string)")], State::Same),
    row(&[("awk_sum(n, delimiter, path)", "awk_sum(i64, string, string)")], State::Same),
    row(&[("awk_count_unique(n, delimiter, path)", "awk_count_unique(i64, string, string)")], State::Same),
    row(&[("awk_filter_range(first, last, path)", "awk_filter_range(i64, i64, string)")], State::Same),
    row(
        &[("replace_text(text, old, new, ReplacementOptions)", "replace_text(string, string, string, ReplacementOptions)")],
        State::Differs("regular expressions have bounds"),
    ),
];

const DIRECTORIES: &[Row] = &[
    row(
        &[("DirConfig()", "DirConfig()"), ("cfg.path(p)", "path(DirConfig, string)"), ("cfg.build()", "build(DirConfig)")],
        State::Same,
    ),
    row(
        &[("cfg.open(OpenDirOptions)", "open(DirConfig, OpenDirOptions)")],
        State::Differs("`create` alone opens a directory that is there"),
    ),
    row(
        &[("dir.open_file(name, OpenFileOptions)", "open_file(DirHandle, string, OpenFileOptions)")],
        State::Differs("a handle that asked for nothing reads"),
    ),
    row(&[("dir.list_entries()", "list_entries(DirHandle)")], State::Same),
    row(
        &[("dir.find(FindOptions, |entry| …)", "find(DirHandle, FindOptions, Fn)")],
        State::Differs("calls the callback; what cannot be looked at is left out, and the log says so"),
    ),
    row(
        &[("dir.delete(DeleteDirOptions)", "delete(DirHandle, DeleteDirOptions)")],
        State::Differs("as `rm`, so that `recursive` asks for each entry"),
    ),
    row(
        &[(
            "dir.move(source_dir, destination_parent, name, MoveOptions)",
            "move(DirHandle, DirHandle, DirHandle, string, MoveOptions)",
        )],
        State::Differs("as `mv`: asks for each entry, and stays on one file system"),
    ),
    row(&[("dir.metadata()", "metadata(DirHandle)")], State::Differs("asks for `open` too; numbers where an owner has no name")),
    row(
        &[("dir.get_ownership()", "get_ownership(DirHandle)")],
        State::Differs("asks for `open` too; numbers where an owner has no name"),
    ),
    row(
        &[("dir.set_ownership(SetOwnershipOptions)", "set_ownership(DirHandle, SetOwnershipOptions)")],
        State::Differs("numbers are taken as well; `recursive` leaves links alone"),
    ),
    row(
        &[("dir.chmod(ChmodDirOptions)", "chmod(DirHandle, ChmodDirOptions)")],
        State::Differs("asks for `open` too; `recursive` leaves links alone"),
    ),
    row(
        &[(
            "dir.create_symlink(target, link, CreateSymlinkOptions)",
            "create_symlink(DirHandle, string, string, CreateSymlinkOptions)",
        )],
        State::Differs("`force` replaces a link and nothing else"),
    ),
    row(&[("dir.read_link_target(link)", "read_link_target(DirHandle, string)")], State::Differs("asks for `open` too")),
    row(&[("dir.open_symlink(link)", "open_symlink(DirHandle, string)")], State::Differs("asks when the handle is used")),
    row(
        &[("dir.disk_usage(DiskUsageOptions)", "disk_usage(DirHandle, DiskUsageOptions)")],
        State::Differs("what cannot be looked at is left out, and the log says so"),
    ),
];

const FILES: &[Row] = &[
    row(
        &[("f.read()", "read(FileHandle)")],
        State::Differs("at most `--max-call-bytes`; redacts by lines that match as a whole"),
    ),
    row(
        &[("f.read_lines(ReadLinesOptions)", "read_lines(FileHandle, ReadLinesOptions)")],
        State::Differs("a negative `count` together with `start` is an error"),
    ),
    row(&[("f.read_page(ReadPageOptions)", "read_page(FileHandle, ReadPageOptions)")], State::Differs("regular files only")),
    row(&[("f.search(regex)", "search(FileHandle, string)")], State::Differs("matches what is left after redaction")),
    row(&[("f.counts()", "counts(FileHandle)")], State::Same),
    row(&[("f.extract_strings()", "extract_strings(FileHandle)")], State::Same),
    row(&[("f.write(text)", "write(FileHandle, string)")], State::Differs("the handle stands for the new content afterwards")),
    row(
        &[("f.write(text, WriteOptions)", "write(FileHandle, string, WriteOptions)")],
        State::Differs("`preserve_ownership(false)` is refused"),
    ),
    row(&[("f.write_in_place(text)", "write_in_place(FileHandle, string)")], State::Same),
    row(
        &[("f.copy(destination, CopyFileOptions)", "copy(FileHandle, FileHandle, CopyFileOptions)")],
        State::Differs("as `cp`: all or nothing"),
    ),
    row(
        &[("f.move(dir, name, MoveOptions)", "move(FileHandle, DirHandle, string, MoveOptions)")],
        State::Differs("as `mv`: asks about what it replaces"),
    ),
    row(
        &[("f.delete(DeleteFileOptions)", "delete(FileHandle, DeleteFileOptions)")],
        State::Differs("an error when the name stands for something else by now, unless `force`"),
    ),
    row(&[("f.chmod(mode)", "chmod(FileHandle, i64)")], State::Same),
    row(&[("f.metadata()", "metadata(FileHandle)")], State::Differs("numbers where an owner has no name")),
    row(&[("f.get_last_modified_time()", "get_last_modified_time(FileHandle)")], State::Same),
    row(&[("f.get_ownership()", "get_ownership(FileHandle)")], State::Differs("numbers where an owner has no name")),
    row(
        &[("f.set_ownership(SetOwnershipOptions)", "set_ownership(FileHandle, SetOwnershipOptions)")],
        State::Differs("numbers are taken as well"),
    ),
    row(&[("f.disk_usage(DiskUsageOptions)", "disk_usage(FileHandle, DiskUsageOptions)")], State::Same),
    row(&[("f.truncate(TruncateOptions)", "truncate(FileHandle, TruncateOptions)")], State::Same),
    row(&[("f.fallocate(FallocateOptions)", "fallocate(FileHandle, FallocateOptions)")], State::Same),
    row(&[("f.set_extended_attr(SetXAttrOptions)", "set_extended_attr(FileHandle, SetXAttrOptions)")], State::Same),
    row(&[("f.execute(ExecuteOptions)", "execute(FileHandle, ExecuteOptions)")], State::NotYet),
    row(&[("f.elf_info()", "elf_info(FileHandle)")], State::Same),
    row(
        &[("f.extract_archive(dir, ExtractArchiveOptions)", "extract_archive(FileHandle, DirHandle, ExtractArchiveOptions)")],
        State::Differs("tar with gzip or without, and zip; nothing is made unless all of it is permitted"),
    ),
    row(
        &[("f.compress_gzip(destination, CompressGzipOptions)", "compress_gzip(FileHandle, FileHandle, CompressGzipOptions)")],
        State::Differs("all or nothing"),
    ),
    row(
        &[("f.read_gzip_lines(ReadLinesOptions)", "read_gzip_lines(FileHandle, ReadLinesOptions)")],
        State::Differs("a negative `count` together with `start` is an error"),
    ),
    row(&[("f.gzip_info()", "gzip_info(FileHandle)")], State::Differs("the size is that of what is inside, also beyond 4 GiB")),
    row(&[("f.search_gzip(regex, SearchGzipOptions)", "search_gzip(FileHandle, string, SearchGzipOptions)")], State::Same),
    row(
        &[("f.search_gzip_exists(regex, SearchGzipOptions)", "search_gzip_exists(FileHandle, string, SearchGzipOptions)")],
        State::Same,
    ),
    row(
        &[("f.verify_cert(root)", "verify_cert(FileHandle, FileHandle)")],
        State::Differs("asks for `read`; no keys on the curve P-521"),
    ),
    row(
        &[("f.verify_cert_chain(root, [file, …])", "verify_cert_chain(FileHandle, FileHandle, array)")],
        State::Differs("asks for `read`; no keys on the curve P-521"),
    ),
    row(
        &[("link.metadata()", "metadata(SymlinkHandle)")],
        State::Differs("asks for `open` too; numbers where an owner has no name"),
    ),
    row(
        &[("link.set_ownership(SetOwnershipOptions)", "set_ownership(SymlinkHandle, SetOwnershipOptions)")],
        State::Differs("asks for `open` too; numbers are taken as well"),
    ),
    row(&[("entry.name", "get$name(DirEntry)")], State::Same),
    row(&[("entry.inode", "get$inode(DirEntry)")], State::Differs("an ordinary integer")),
    row(&[("entry.type()", "type(DirEntry)")], State::Same),
    row(
        &[("entry.open_as_file(OpenFileOptions)", "open_as_file(DirEntry, OpenFileOptions)")],
        State::Differs("a handle that asked for nothing reads"),
    ),
    row(&[("entry.open_as_dir(OpenDirOptions)", "open_as_dir(DirEntry, OpenDirOptions)")], State::Same),
    row(
        &[("entry.metadata()", "metadata(DirEntry)")],
        State::Differs("asks for `open` on the directory too; numbers where an owner has no name"),
    ),
    row(&[("md.type()", "type(Metadata)")], State::Same),
    row(&[("md.file_size()", "file_size(Metadata)")], State::Same),
    row(&[("md.allocated_size()", "allocated_size(Metadata)")], State::Same),
    row(&[("md.blocks()", "blocks(Metadata)")], State::Same),
    row(&[("md.num_hardlinks()", "num_hardlinks(Metadata)")], State::Same),
    row(&[("md.permissions()", "permissions(Metadata)")], State::Same),
    row(&[("md.last_modified_time()", "last_modified_time(Metadata)")], State::Same),
    row(&[("md.last_modified_time_nanos_component()", "last_modified_time_nanos_component(Metadata)")], State::Same),
    row(
        &[("md.symlink_target()", "symlink_target(Metadata)")],
        State::Differs("of `link.metadata()` alone, since a target needs `read`"),
    ),
    row(&[("md.owner", "get$owner(Metadata)")], State::Differs("numbers where an owner has no name")),
    row(&[("CoreDump(exe, core)", "CoreDump(string, string)"), ("core.backtrace()", "backtrace(CoreDump)")], State::NotYet),
    row(
        &[
            ("core.get_variables(frame, [name, …])", "get_variables(CoreDump, i64, array)"),
            ("core.get_variables(thread, frame, [name, …])", "get_variables(CoreDump, i64, i64, array)"),
        ],
        State::NotYet,
    ),
];

const OPTIONS: &[Row] = &[
    row(
        &[
            ("OpenDirOptions()", "OpenDirOptions()"),
            ("create", "create(OpenDirOptions, bool)"),
            ("recursive", "recursive(OpenDirOptions, bool)"),
            ("follow_symlinks", "follow_symlinks(OpenDirOptions, bool)"),
            ("build", "build(OpenDirOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("OpenFileOptions()", "OpenFileOptions()"),
            ("read", "read(OpenFileOptions, bool)"),
            ("write", "write(OpenFileOptions, bool)"),
            ("create", "create(OpenFileOptions, bool)"),
            ("follow_symlinks", "follow_symlinks(OpenFileOptions, bool)"),
            ("permissions", "permissions(OpenFileOptions, i64)"),
            ("build", "build(OpenFileOptions)"),
        ],
        State::Differs("`permissions` counts when the file is created"),
    ),
    row(
        &[
            ("DeleteDirOptions()", "DeleteDirOptions()"),
            ("force", "force(DeleteDirOptions, bool)"),
            ("recursive", "recursive(DeleteDirOptions, bool)"),
            ("build", "build(DeleteDirOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("DeleteFileOptions()", "DeleteFileOptions()"),
            ("force", "force(DeleteFileOptions, bool)"),
            ("build", "build(DeleteFileOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("CopyFileOptions()", "CopyFileOptions()"),
            ("force", "force(CopyFileOptions, bool)"),
            ("preserve", "preserve(CopyFileOptions, bool)"),
            ("build", "build(CopyFileOptions)"),
        ],
        State::Differs("powers (setuid, setgid) are never kept"),
    ),
    row(
        &[
            ("MoveOptions()", "MoveOptions()"),
            ("backup", "backup(MoveOptions, bool)"),
            ("verbose", "verbose(MoveOptions, bool)"),
            ("build", "build(MoveOptions)"),
        ],
        State::Differs("`backup` works"),
    ),
    row(
        &[
            ("WriteOptions()", "WriteOptions()"),
            ("preserve_ownership", "preserve_ownership(WriteOptions, bool)"),
            ("build", "build(WriteOptions)"),
        ],
        State::Differs("`false` is refused"),
    ),
    row(
        &[
            ("ReadLinesOptions()", "ReadLinesOptions()"),
            ("count", "count(ReadLinesOptions, i64)"),
            ("start", "start(ReadLinesOptions, i64)"),
            ("build", "build(ReadLinesOptions)"),
        ],
        State::Differs("a negative `count` together with `start` is an error"),
    ),
    row(
        &[
            ("ReadPageOptions()", "ReadPageOptions()"),
            ("num_lines", "num_lines(ReadPageOptions, i64)"),
            ("build", "build(ReadPageOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("ReplacementOptions()", "ReplacementOptions()"),
            ("is_regex", "is_regex(ReplacementOptions, bool)"),
            ("replace_all", "replace_all(ReplacementOptions, bool)"),
            ("build", "build(ReplacementOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("ChmodDirOptions()", "ChmodDirOptions()"),
            ("permissions", "permissions(ChmodDirOptions, i64)"),
            ("recursive", "recursive(ChmodDirOptions, bool)"),
            ("build", "build(ChmodDirOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("SetOwnershipOptions()", "SetOwnershipOptions()"),
            ("user", "user(SetOwnershipOptions, string)"),
            ("group", "group(SetOwnershipOptions, string)"),
            ("recursive", "recursive(SetOwnershipOptions, bool)"),
            ("build", "build(SetOwnershipOptions)"),
        ],
        State::Differs("names or numbers"),
    ),
    row(
        &[
            ("CreateSymlinkOptions()", "CreateSymlinkOptions()"),
            ("force", "force(CreateSymlinkOptions, bool)"),
            ("build", "build(CreateSymlinkOptions)"),
        ],
        State::Differs("`force` replaces a link and nothing else"),
    ),
    row(
        &[
            ("DiskUsageOptions()", "DiskUsageOptions()"),
            ("summarize", "summarize(DiskUsageOptions, bool)"),
            ("all_files", "all_files(DiskUsageOptions, bool)"),
            ("one_file_system", "one_file_system(DiskUsageOptions, bool)"),
            ("count_hard_links", "count_hard_links(DiskUsageOptions, bool)"),
            ("apparent_size", "apparent_size(DiskUsageOptions, bool)"),
            ("max_depth", "max_depth(DiskUsageOptions, i64)"),
            ("track_largest_subdir", "track_largest_subdir(DiskUsageOptions, bool)"),
            ("build", "build(DiskUsageOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("TruncateOptions()", "TruncateOptions()"),
            ("size", "size(TruncateOptions, i64)"),
            ("format", "format(TruncateOptions, Constant)"),
            ("build", "build(TruncateOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("FallocateOptions()", "FallocateOptions()"),
            ("length", "length(FallocateOptions, i64)"),
            ("format", "format(FallocateOptions, Constant)"),
            ("build", "build(FallocateOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("CompressGzipOptions()", "CompressGzipOptions()"),
            ("level", "level(CompressGzipOptions, i64)"),
            ("build", "build(CompressGzipOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("SearchGzipOptions()", "SearchGzipOptions()"),
            ("exclude_pattern", "exclude_pattern(SearchGzipOptions, string)"),
            ("case_insensitive", "case_insensitive(SearchGzipOptions, bool)"),
            ("max_results", "max_results(SearchGzipOptions, i64)"),
            ("build", "build(SearchGzipOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("FindOptions()", "FindOptions()"),
            ("name", "name(FindOptions, string)"),
            ("iname", "iname(FindOptions, string)"),
            ("regex", "regex(FindOptions, string)"),
            ("negate_name", "negate_name(FindOptions, bool)"),
            ("size_range", "size_range(FindOptions, SizeRange)"),
            ("min_depth", "min_depth(FindOptions, i64)"),
            ("max_depth", "max_depth(FindOptions, i64)"),
            ("follow_symlinks", "follow_symlinks(FindOptions, bool)"),
            ("build", "build(FindOptions)"),
        ],
        State::Differs("`regex` is for the name, `size_range` finds files alone, and `max_depth(0)` nothing"),
    ),
    row(
        &[
            ("min_creation_time", "min_creation_time(FindOptions, DateTime)"),
            ("max_creation_time", "max_creation_time(FindOptions, DateTime)"),
            ("min_modification_time", "min_modification_time(FindOptions, DateTime)"),
            ("max_modification_time", "max_modification_time(FindOptions, DateTime)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("ExtractArchiveOptions()", "ExtractArchiveOptions()"),
            ("preserve_permissions", "preserve_permissions(ExtractArchiveOptions, bool)"),
            ("preserve_ownership", "preserve_ownership(ExtractArchiveOptions, bool)"),
            ("preserve_timestamps", "preserve_timestamps(ExtractArchiveOptions, bool)"),
            ("build", "build(ExtractArchiveOptions)"),
        ],
        State::Differs("powers (setuid, setgid) are never kept"),
    ),
    row(
        &[
            ("SetXAttrOptions()", "SetXAttrOptions()"),
            ("name", "name(SetXAttrOptions, string)"),
            ("selinux_user", "selinux_user(SetXAttrOptions, string)"),
            ("selinux_role", "selinux_role(SetXAttrOptions, string)"),
            ("selinux_type", "selinux_type(SetXAttrOptions, string)"),
            ("selinux_level", "selinux_level(SetXAttrOptions, string)"),
            ("build", "build(SetXAttrOptions)"),
        ],
        State::Same,
    ),
    row(
        &[
            ("ExecuteOptions()", "ExecuteOptions()"),
            ("args", "args(ExecuteOptions, array)"),
            ("env", "env(ExecuteOptions, map)"),
            ("capabilities", "capabilities(ExecuteOptions, array)"),
            ("user", "user(ExecuteOptions, string)"),
            ("group", "group(ExecuteOptions, string)"),
            ("namespace", "namespace(ExecuteOptions, ChildNamespaceOptions)"),
            ("build", "build(ExecuteOptions)"),
        ],
        State::NotYet,
    ),
    row(
        &[
            ("ChildNamespaceOptions()", "ChildNamespaceOptions()"),
            ("target_process", "target_process(ChildNamespaceOptions, i64)"),
            ("build", "build(ChildNamespaceOptions)"),
        ],
        State::NotYet,
    ),
];

const CONSTANTS: &[Row] = &[
    row(&[], State::Same)
        .names("EntryType", &["FILE", "DIR", "SYMLINK", "FIFO", "SOCKET", "CHAR_DEVICE", "BLOCK_DEVICE", "UNKNOWN"]),
    row(&[], State::Same)
        .names("SizeUnit", &["BYTES", "KILOBYTES", "KIBIBYTES", "MEGABYTES", "MEBIBYTES", "GIGABYTES", "GIBIBYTES"]),
    row(&[], State::Differs("see [Errors](#errors)")).names(
        "IoErrorKind",
        &[
            "InvalidPath",
            "InvalidArguments",
            "InvalidFileMode",
            "ValidationError",
            "DirectoryOpenError",
            "DirectoryError",
            "FileError",
            "DestinationFileNotEmptyError",
            "NotFound",
            "DirectoryNotEmpty",
            "PermissionDenied",
            "AuthorizationError",
            "IdentityResolutionError",
            "UnsupportedOperationError",
            "FileContentTooLargeError",
            "FileCopyError",
            "FileReadError",
            "EntryTypeMismatchError",
            "IoError",
            "TryFromIntError",
            "RustixError",
            "Utf8Error",
            "Other",
        ],
    ),
    row(&[], State::Differs("here also of `parse_json` and its like"))
        .names("CommonUtilsErrorKind", &["InvalidArguments", "ParseError", "FormatError", "Other"]),
    row(&[], State::Same).names("SizeRange", &["min_only(min, unit)", "max_only(max, unit)", "between(min, max, unit)"]),
];

const TIMES: &[Row] = &[
    row(
        &[("DateTime(year, month, day, hour, minute, second, nanosecond)", "DateTime(i64, i64, i64, i64, i64, i64, i64)")],
        State::Differs("an error for what is no moment"),
    ),
    row(&[("now()", "now()"), ("now_nanos()", "now_nanos()")], State::Same),
    row(
        &[("from_epoch_seconds(s)", "from_epoch_seconds(i64)"), ("from_epoch_nanos(s, ns)", "from_epoch_nanos(i64, i64)")],
        State::Same,
    ),
    row(
        &[("parse_datetime(text, format)", "parse_datetime(string, Constant)")],
        State::Differs("takes the offset from the time, which the peer passes over"),
    ),
    row(&[("dt.to_string(format)", "to_string(DateTime, Constant)")], State::Same),
    row(&[("dt.epoch_seconds()", "epoch_seconds(DateTime)"), ("dt.nanos()", "nanos(DateTime)")], State::Same),
    row(&[("dt.month_str()", "month_str(DateTime)"), ("dt.month_str_short()", "month_str_short(DateTime)")], State::Same),
    row(
        &[
            ("dt.year", "get$year(DateTime)"),
            ("dt.month", "get$month(DateTime)"),
            ("dt.day", "get$day(DateTime)"),
            ("dt.hour", "get$hour(DateTime)"),
            ("dt.minute", "get$minute(DateTime)"),
            ("dt.second", "get$second(DateTime)"),
            ("dt.nanosecond", "get$nanosecond(DateTime)"),
        ],
        State::Differs("ordinary integers"),
    ),
    row(
        &[("dt + seconds", "+(DateTime, i64)"), ("dt - seconds", "-(DateTime, i64)"), ("dt - dt", "-(DateTime, DateTime)")],
        State::Differs("an error where the result is no moment"),
    ),
    row(
        &[
            ("==", "==(DateTime, DateTime)"),
            ("!=", "!=(DateTime, DateTime)"),
            ("<", "<(DateTime, DateTime)"),
            ("<=", "<=(DateTime, DateTime)"),
            (">", ">(DateTime, DateTime)"),
            (">=", ">=(DateTime, DateTime)"),
        ],
        State::Same,
    ),
    row(&[], State::Same).names("DateTimeFormat", &["RFC3339", "RFC2822"]),
];

/// What the peer has in another form, or not at all. The page tells of it in words.
pub(super) const OTHERS: &[&str] = &[
    "!=(Constant, Constant)",
    "-(Timestamp, Timestamp)",
    "==(Constant, Constant)",
    "chmod(array, i64, string)",
    "chmod(i64, string)",
    "chown(array, string, string)",
    "chown(string, string)",
    "error(any)",
    "get$elapsed(Timestamp)",
    "get$path(DirHandle)",
    "get$path(FileHandle)",
    "head(array, string)",
    "head(string)",
    "head::n(_)",
    "info(any)",
    "ln(array, string, string)",
    "ln(string, string)",
    "parse_csv(string)",
    "parse_csv(string, map)",
    "parse_json(string)",
    "parse_toml(string)",
    "parse_yaml(string)",
    "read_csv(string)",
    "read_csv(string, map)",
    "read_json(string)",
    "read_toml(string)",
    "read_yaml(string)",
    "readlink(string)",
    "sha256(FileHandle)",
    "sha256(string)",
    "sleep(f64)",
    "sleep(i64)",
    "sort(array, string)",
    "sort(string)",
    "stat(string)",
    "timestamp()",
    "to_debug(Constant)",
    "to_debug(DateTime)",
    "to_json(any)",
    "to_json(array)",
    "to_json(map)",
    "to_map(DirEntry)",
    "to_map(Metadata)",
    "to_map(map)",
    "to_string(Constant)",
    "to_string(DateTime)",
    "trace(any)",
    "tree(array, string)",
    "tree(string)",
    "tree::L(_)",
    "tree::max_depth(_)",
    "warn(any)",
];
