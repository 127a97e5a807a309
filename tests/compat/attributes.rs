//! What is known about objects besides their content, and what they take on the disk.

use std::os::unix::fs::MetadataExt as _;

use rex_tests::Case;
use serde_json::{Value, json};

use crate::{run, value};

const OPEN: &str = "let d = DirConfig().path(p).build().open(OpenDirOptions().build());
    let f = d.open_file(\"f\", OpenFileOptions().read(true).write(true).build());";

fn case() -> Case {
    let case = Case::new();
    case.file("in/f", "12345678");
    case.file("in/d/g", "x");
    case
}

#[test]
fn metadata_is_what_the_system_says() {
    let case = case();
    let known = std::fs::metadata(case.path("in/f")).unwrap();
    let script = format!(
        "{OPEN} let m = f.metadata();
         [m.type() == EntryType::FILE, m.file_size(), m.allocated_size(), m.blocks(), m.num_hardlinks(), m.permissions(),
          m.last_modified_time(), m.last_modified_time_nanos_component(), m.symlink_target(), f.get_last_modified_time()]"
    );
    let nanoseconds = known.mtime() * 1_000_000_000 + known.mtime_nsec();
    let expected = json!([
        true,
        8,
        known.blocks() * 512,
        known.blocks(),
        1,
        known.mode(),
        known.mtime(),
        known.mtime_nsec(),
        null,
        nanoseconds
    ]);
    assert_eq!(value(&case, &script), expected);
    let owner =
        value(&case, &format!("{OPEN} [f.metadata().owner.user, f.get_ownership().user, d.get_ownership().group.len() > 0]"));
    assert_eq!((&owner[0], &owner[2]), (&owner[1], &Value::Bool(true)));
}

#[test]
fn every_way_to_metadata() {
    let case = case();
    let script =
        format!("{OPEN} [d.metadata().type() == EntryType::DIR, d.list_entries()[\"f\"].metadata().file_size(), stat(p).type]");
    assert_eq!(value(&case, &script), json!([true, 8, "Dir"]));
    let stat = value(&case, "stat(p + \"/f\")");
    assert_eq!((&stat["size"], &stat["type"], stat["mode"].as_str().unwrap().len()), (&json!(8), &json!("File"), 4));
}

#[test]
fn metadata_as_a_map() {
    let case = case();
    std::os::unix::fs::symlink("nowhere", case.path("in/l")).unwrap();
    for (name, kind, target) in [("f", "File", Value::Null), ("d", "Dir", Value::Null), ("l", "Symlink", json!("nowhere"))] {
        let known = std::fs::symlink_metadata(case.path(&format!("in/{name}"))).unwrap();
        let handle = if name == "l" { "d.open_symlink(\"l\")" } else { &format!("ls(p)[\"{name}\"]") };
        let script = format!("{OPEN} let m = {handle}.metadata(); [m.to_map(), m.owner.user, m.owner.group, m.symlink_target()]");
        let seen = value(&case, &script);
        let expected = json!({
            "type": kind,
            "file_size": known.len(),
            "allocated_size": known.blocks() * 512,
            "num_hardlinks": known.nlink(),
            "permissions": known.mode(),
            "last_modified_time": known.mtime(),
            "owner_user": seen[1],
            "owner_group": seen[2],
            "symlink_target": target,
        });
        assert_eq!((&seen[0], &seen[3]), (&expected, &target));
    }
}

/// Numbers that scripts see can be counted with: the peer's cannot.
#[test]
fn sizes_can_be_counted_with() {
    assert_eq!(value(&case(), "stat(p + \"/f\").size / 2 + 1 == 5 && stat(p + \"/f\").inode > 0"), true);
}

#[test]
fn chmod_and_chown() {
    let case = case();
    let mode = |name: &str| std::fs::metadata(case.path(name)).unwrap().mode() & 0o7777;
    value(&case, &format!("{OPEN} f.chmod(0o600)"));
    assert_eq!(mode("in/f"), 0o600);
    value(&case, &format!("{OPEN} d.chmod(ChmodDirOptions().permissions(0o700).recursive(true).build())"));
    assert_eq!((mode("in/f"), mode("in/d/g"), mode("in")), (0o700, 0o700, 0o700));
    value(&case, "chmod(0o644, p + \"/f\")");
    assert_eq!(mode("in/f"), 0o644);
    let me = std::fs::metadata(case.path("in/f")).unwrap();
    let script = format!(
        "{OPEN} let o = SetOwnershipOptions().user(\"{0}\").group(\"{1}\").recursive(true).build(); f.set_ownership(o); d.set_ownership(o);
         chown(\"{0}:{1}\", p + \"/f\"); chown(\":{1}\", p + \"/f\"); chown([chown::recursive], \"{0}\", p)",
        me.uid(),
        me.gid()
    );
    value(&case, &script);
    for owner in ["nobody-of-that-name", ":nobody-of-that-name"] {
        let ran = run(&case, &format!("chown({owner:?}, p + \"/f\")")).expect_code(1);
        assert!(ran.error().contains("IdentityResolutionError"), "{ran:?}");
    }
    for owner in ["", ":"] {
        run(&case, &format!("chown({owner:?}, p + \"/f\")")).expect_code(1);
    }
}

#[test]
fn truncate_and_fallocate() {
    let case = case();
    value(&case, &format!("{OPEN} f.truncate(TruncateOptions().size(3).build())"));
    assert_eq!(case.content("in/f").as_deref(), Some("123"));
    value(&case, &format!("{OPEN} f.truncate(TruncateOptions().size(2).format(SizeUnit::KIBIBYTES).build())"));
    assert_eq!(std::fs::metadata(case.path("in/f")).unwrap().len(), 2048);
    value(&case, &format!("{OPEN} f.fallocate(FallocateOptions().length(4).format(SizeUnit::KILOBYTES).build())"));
    assert_eq!(std::fs::metadata(case.path("in/f")).unwrap().len(), 4000);
    for options in ["TruncateOptions().size(-1)", "TruncateOptions().size(9223372036854775807).format(SizeUnit::GIGABYTES)"] {
        run(&case, &format!("{OPEN} f.truncate({options}.build())")).expect_code(1);
    }
    run(&case, &format!("{OPEN} f.fallocate(FallocateOptions().build())")).expect_code(1);
}

#[test]
fn sha256_is_that_of_the_content() {
    let digest = "ef797c8118f02dfb649607dd5d3f8c7623048c9c063d532cc95c5ed7a898a64f";
    assert_eq!(value(&case(), "sha256(p + \"/f\")"), digest);
    assert_eq!(value(&case(), &format!("{OPEN} f.sha256()")), digest);
}

#[test]
fn strings_are_found_in_binaries() {
    let case = case();
    case.file("in/f", b"\x00abcd\x01ab\xfflonger one\x00abc");
    assert_eq!(value(&case, &format!("{OPEN} f.extract_strings()")), json!(["abcd", "longer one"]));
}

#[test]
fn du_counts_everything_once() {
    let case = case();
    case.file("in/d/e/h", vec![b'x'; 10_000]);
    std::fs::hard_link(case.path("in/d/e/h"), case.path("in/same")).unwrap();
    let sum = |names: &[&str]| names.iter().map(|name| std::fs::metadata(case.path(name)).unwrap().blocks() * 512).sum::<u64>();
    let all = sum(&["in", "in/f", "in/d", "in/d/g", "in/d/e", "in/d/e/h"]);
    let usage = value(&case, "du(p)");
    assert_eq!((usage["total_size_bytes"].as_u64(), usage["total_inode_count"].as_u64()), (Some(all), Some(6)));
    let paths = |usage: &Value| -> Vec<String> {
        usage["entries"].as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths(&usage), [case.path("in/d/e"), case.path("in/d"), case.path("in")]);
    assert_eq!(paths(&value(&case, "du([du::summarize], p)")), [case.path("in")]);
    assert_eq!(paths(&value(&case, "du([du::max_depth(1)], p)")), [case.path("in/d"), case.path("in")]);
    assert_eq!(
        value(&case, "du([du::all_files, du::apparent_size], p).entries.filter(|e| e.path == p + \"/f\")[0].size_bytes"),
        8
    );
    let script = format!(
        "{OPEN} let u = d.disk_usage(DiskUsageOptions().track_largest_subdir(true).build());
         [u.largest_subdir_handle.path, f.disk_usage(DiskUsageOptions().apparent_size(true).build()).size_bytes]"
    );
    assert_eq!(value(&case, &script), json!([case.path("in/d"), 8]));
    let script =
        format!("{OPEN} d.disk_usage(DiskUsageOptions().track_largest_subdir(true).max_depth(0).build()).largest_subdir_handle");
    assert_eq!(value(&case, &script), Value::Null, "none that is shown");
}

#[test]
fn compressed_files() {
    let case = case();
    case.file("in/f", "one\ntwo\nthree\nfour\n");
    case.file("in/z", "");
    let open = format!("{OPEN} let z = d.open_file(\"z\", OpenFileOptions().read(true).write(true).build());");
    let script = format!(
        "{open} f.compress_gzip(z, CompressGzipOptions().level(9).build());
         let i = z.gzip_info();
         [z.read_gzip_lines(ReadLinesOptions().count(-2).build()), z.read_gzip_lines(ReadLinesOptions().start(2).count(1).build()),
          z.search_gzip(\"O\", SearchGzipOptions().case_insensitive(true).exclude_pattern(\"w\").build()).map(|m| m.line_content),
          z.search_gzip(\"o\", SearchGzipOptions().max_results(-1).build())[0].line_number,
          z.search_gzip_exists(\"two\", SearchGzipOptions().build()), z.search_gzip_exists(\"five\", SearchGzipOptions().build()),
          i.uncompressed_size_bytes, i.compression_ratio == 19.0 / i.compressed_size_bytes]"
    );
    let expected = json!([["three", "four"], ["two"], ["one", "four"], 4, true, false, 19, true]);
    assert_eq!(value(&case, &script), expected);
    run(&case, &format!("{open} f.gzip_info()")).expect_code(1);
    run(&case, &format!("{open} f.compress_gzip(z, CompressGzipOptions().level(10).build())")).expect_code(1);
}

/// A gigabyte of zeros in a megabyte: what it holds is never kept whole.
// Threat: T-PATH-14
#[test]
fn a_compressed_bomb_is_only_read_through() {
    use std::io::Write as _;
    let case = case();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..200 {
        bomb.write_all(&zeros).unwrap();
    }
    case.file("in/f", bomb.finish().unwrap());
    assert_eq!(value(&case, &format!("{OPEN} f.gzip_info().uncompressed_size_bytes")), 200 << 20);
    let ran = run(&case, &format!("{OPEN} f.read_gzip_lines(ReadLinesOptions().build())")).expect_code(4);
    assert!(ran.error().contains("--max-call-bytes"), "{ran:?}");
}
