//! Functions of scripts that are made of several functions of the contract, or of another than their name says.
//!
//! The guide to policies shows these rows and those of the matrix.

use super::{Row, changes, looks};

pub(super) const COMPOSED: &[Row] = &[
    looks("file-system/[method]file.counts", "wc(p + \"/f\").lines == 2", &["open", "read"]),
    looks("file-system/[method]dir.entries", "ls(p).keys() == [\"a\", \"d\", \"f\", \"l\", \"z\"]", &["open", "read"]),
    looks("file-system/[method]dir.entries", "find_files(\"f\", p) == [\"f\"]", &["open", "read"]),
    looks("file-system/[method]dir.entries", "find_files([glob::recursive], \"g\", p) == [\"d/g\"]", &["open", "read"]),
    looks("file-system/[method]dir.entries", "tree(p).contains(\"g\")", &["open", "read"]),
    looks(
        "file-system/[method]dir.entries",
        dir!("let n = 0; d.find(FindOptions().name(\"g\").build(), |entry| n += 1); n == 1"),
        &["open", "read"],
    ),
    looks("file-system/[method]file.read-lines", "head(p + \"/f\") == [\"one\", \"two\"]", &["open", "read"]),
    looks("file-system/[method]file.read", "sort([sort::reverse], p + \"/f\") == [\"two\", \"one\"]", &["open", "read"]),
    looks("file-system/[method]file.read", "awk_field(1, \" \", p + \"/f\") == [\"one\", \"two\"]", &["open", "read"]),
    looks("file-system/[method]file.read", "read_csv(p + \"/f\", #{header: false}) == [[\"one\"], [\"two\"]]", &["open", "read"]),
    looks("file-system/[method]file.read", "sed(\"one\", \"1\", p + \"/f\") == \"1\\ntwo\\n\"", &["open", "read"]),
    changes(
        "file-system/[method]file.write",
        "sed([sed::in_place], \"one\", \"1\", p + \"/f\"); true",
        &["open", "read", "write"],
    ),
    changes("file-system/[method]file.write", "write([write::replace], p + \"/f\", \"three\\n\"); true", &["open", "write"]),
    looks("file-system/stat", "du(p).total_inode_count == 7", &["open", "read", "stat"]),
    looks("file-system/stat", dir!("d.disk_usage(DiskUsageOptions().build()).entries.len() == 2"), &["open", "read", "stat"]),
    looks("file-system/stat", dir!("d.get_ownership().user.len() > 0"), &["open", "stat"]),
    looks("file-system/stat", dir!("d.list_entries()[\"f\"].metadata().file_size() == 8"), &["open", "read", "stat"]),
    looks("file-system/stat", dir!("d.open_symlink(\"l\").metadata().symlink_target() == \"f\""), &["open", "stat", "read"]),
    looks("file-system/read-link", dir!("d.read_link_target(\"l\") == \"f\""), &["open", "read"]),
    looks("file-system/[method]file.metadata", file!("f.get_ownership().user.len() > 0"), &["open", "stat"]),
    looks("file-system/[method]file.metadata", file!("f.get_last_modified_time() > 0"), &["open", "stat"]),
    looks(
        "file-system/[method]file.metadata",
        file!("f.disk_usage(DiskUsageOptions().build()).inode_count == 1"),
        &["open", "stat"],
    ),
    changes(
        "file-system/set-permissions",
        "DirConfig().path(p + \"/d\").build().open(OpenDirOptions().build()).chmod(ChmodDirOptions().permissions(0o700).build()); true",
        &["open", "chmod"],
    ),
    changes(
        "file-system/set-owner",
        "DirConfig().path(p + \"/d\").build().open(OpenDirOptions().build()).set_ownership(SetOwnershipOptions().user(me).build()); true",
        &["open", "chown"],
    ),
    changes("file-system/set-owner", "chown([chown::recursive], me, p + \"/d\"); true", &["open", "read", "chown"]),
    changes("file-system/move", file!("f.move(d, \"new\", MoveOptions().build()); true"), &["open", "move", "create"]),
    changes(
        "file-system/make-symlink",
        dir!("d.create_symlink(\"f\", \"new\", CreateSymlinkOptions().build()); true"),
        &["open", "create"],
    ),
    changes(
        "file-system/remove",
        dir!("d.delete(DeleteDirOptions().recursive(true).build()); true"),
        &["open", "read", "delete"],
    ),
];
