//! `DirConfig`, `DirHandle`, `DirEntry` and `FileHandle`, with all their options.

use std::os::unix::fs::PermissionsExt as _;

use rex_tests::Case;
use serde_json::{Value, json};

use crate::{run, value};

const DIR: &str = "let dir = DirConfig().path(p).build().open(OpenDirOptions().build()); ";

fn case() -> Case {
    let case = Case::new();
    case.file("in/f", "one\ntwo\nthree\nfour\n");
    case.file("in/d/g", "x");
    case
}

/// With the directory open as `dir`.
#[track_caller]
fn with_dir(case: &Case, script: &str) -> Value {
    value(case, &format!("{DIR}{script}"))
}

/// With the file open as `f`, for reading.
#[track_caller]
fn with_file(case: &Case, script: &str) -> Value {
    with_dir(case, &format!("let f = dir.open_file(\"f\", OpenFileOptions().read(true).build()); {script}"))
}

#[test]
fn a_directory_is_opened_listed_and_named() {
    let case = case();
    assert_eq!(with_dir(&case, "[dir.path == p, dir.list_entries().keys()]"), json!([true, ["d", "f"]]));
}

#[test]
fn the_options_of_a_directory() {
    let case = case();
    let open = |path: &str, options: &str| {
        format!("DirConfig().path(p + \"{path}\").build().open(OpenDirOptions(){options}.build()).path == p + \"{path}\"")
    };
    assert_eq!(value(&case, &open("/new", ".create(true)")), true);
    assert_eq!(value(&case, &open("/a/b/c", ".create(true).recursive(true)")), true);
    assert_eq!(value(&case, &open("/d", ".create(false).recursive(false).follow_symlinks(false)")), true);
    assert!(case.exists("in/new") && case.exists("in/a/b/c"));
    std::os::unix::fs::symlink("d", case.path("in/link")).unwrap();
    assert_eq!(
        value(
            &case,
            "DirConfig().path(p + \"/link\").build().open(OpenDirOptions().follow_symlinks(true).build()).path == p + \"/d\""
        ),
        true
    );
    run(&case, &open("/link", "")).expect_code(1);
    run(&case, &open("/x/y", ".create(true)")).expect_code(1);
    run(&case, &open("/missing", "")).expect_code(1);
    run(&case, "DirConfig().build().open(OpenDirOptions().build())").expect_code(1);
}

#[test]
fn the_options_of_a_file() {
    let case = case();
    let open =
        |name: &str, options: &str, then: &str| format!("dir.open_file(\"{name}\", OpenFileOptions(){options}.build()){then}");
    assert_eq!(with_dir(&case, &open("f", "", ".path == p + \"/f\"")), true);
    assert_eq!(with_dir(&case, &open("f", ".read(true)", ".read().len()")), 19);
    // Creating means writing.
    with_dir(&case, &open("new", ".create(true)", ".write(\"x\")"));
    assert_eq!(case.content("in/new").as_deref(), Some("x"));
    with_dir(&case, &open("private", ".create(true).permissions(0o600)", ""));
    assert_eq!(std::fs::metadata(case.path("in/private")).unwrap().permissions().mode() & 0o777, 0o600);
    with_dir(&case, &open("f", ".create(true).write(true).read(true)", ""));
    assert_eq!(case.content("in/f").as_deref(), Some("one\ntwo\nthree\nfour\n"), "one that is there keeps its content");
    std::os::unix::fs::symlink("f", case.path("in/link")).unwrap();
    assert_eq!(with_dir(&case, &open("link", ".read(true).follow_symlinks(true)", ".read().len()")), 19);
    for failing in [
        open("link", ".read(true)", ""),
        open("missing", ".read(true)", ""),
        open("d", ".read(true)", ""),
        open("new2", ".write(true)", ""),
    ] {
        run(&case, &format!("{DIR}{failing}")).expect_code(1);
    }
}

#[test]
fn entries_open_as_what_they_are() {
    let case = case();
    assert_eq!(
        with_dir(
            &case,
            "let all = dir.list_entries(); [all[\"f\"].name, all[\"f\"].type().to_string(), all[\"d\"].type() == EntryType::DIR]"
        ),
        json!(["f", "File", true])
    );
    assert_eq!(
        with_dir(&case, "dir.list_entries()[\"d\"].open_as_dir(OpenDirOptions().build()).list_entries().keys()"),
        json!(["g"])
    );
    assert_eq!(
        with_dir(&case, "dir.list_entries()[\"f\"].open_as_file(OpenFileOptions().read(true).build()).counts().line_count"),
        4
    );
    run(&case, &format!("{DIR} dir.list_entries()[\"f\"].open_as_dir(OpenDirOptions().build())")).expect_code(1);
    run(&case, &format!("{DIR} dir.list_entries()[\"d\"].open_as_file(OpenFileOptions().read(true).build())")).expect_code(1);
    let map = with_dir(&case, "dir.list_entries()[\"f\"].to_map()");
    assert!(map["name"] == "f" && map["type"] == "File" && map["inode"].is_u64(), "{map}");
}

#[test]
fn every_type_of_entry_has_its_constant() {
    let script = "[EntryType::FILE, EntryType::DIR, EntryType::SYMLINK, EntryType::UNKNOWN, EntryType::FIFO, EntryType::SOCKET, EntryType::CHAR_DEVICE, EntryType::BLOCK_DEVICE]";
    let names = json!(["File", "Dir", "Symlink", "Unknown", "Fifo", "Socket", "CharDevice", "BlockDevice"]);
    assert_eq!(value(&Case::new(), script), names);
    assert_eq!(value(&Case::new(), &format!("{script}.map(|kind| kind.to_string())")), names);
    assert_eq!(
        value(&Case::new(), "[EntryType::FILE == EntryType::FILE, EntryType::FILE != EntryType::DIR, `${EntryType::DIR}`]"),
        json!([true, true, "Dir"])
    );
}

#[test]
fn entries_tell_their_type() {
    let case = case();
    std::os::unix::fs::symlink("nowhere", case.path("in/l")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(case.path("in/s")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(case.path("in/p")).status().unwrap().success());
    let types = json!({"d": "Dir", "f": "File", "l": "Symlink", "p": "Fifo", "s": "Socket"});
    let found = with_dir(
        &case,
        "let found = #{}; dir.find(FindOptions().max_depth(1).build(), |entry| found[entry.name] = `${entry.type()}`); found",
    );
    assert_eq!(found, types);
    for shown in ["entry.type().to_string()", "entry.to_map().type", "entry.metadata().type()", "entry.metadata().to_map().type"]
    {
        let script = format!("let all = #{{}}; for entry in ls(p).values() {{ all[entry.name] = {shown}; }} all");
        assert_eq!(with_dir(&case, &script), types, "{shown}");
    }
}

#[test]
fn reading() {
    let case = case();
    assert_eq!(with_file(&case, "[f.read().len(), f.read().len()]"), json!([19, 19]));
}

#[test]
fn reading_lines() {
    let case = case();
    for (options, lines) in [
        ("", json!(["one", "two", "three", "four"])),
        (".count(2)", json!(["one", "two"])),
        (".count(-2)", json!(["three", "four"])),
        (".start(3)", json!(["three", "four"])),
        (".start(2).count(2)", json!(["two", "three"])),
        (".start(9)", json!([])),
        (".count(0)", json!([])),
    ] {
        assert_eq!(with_file(&case, &format!("f.read_lines(ReadLinesOptions(){options}.build())")), lines, "{options}");
    }
    run(&case, &format!("{DIR} dir.open_file(\"f\", OpenFileOptions().build()).read_lines(ReadLinesOptions().start(0).build())"))
        .expect_code(1);
}

#[test]
fn reading_pages() {
    let case = case();
    let script = "let o = ReadPageOptions().num_lines(3).build(); [f.read_page(o), f.read_page(o), f.read_page(o)]";
    assert_eq!(with_file(&case, script), json!([["one", "two", "three"], ["four"], []]));
    for options in ["", ".num_lines(0)", ".num_lines(-1)"] {
        let ran = run(
            &case,
            &format!(
                "{DIR} dir.open_file(\"f\", OpenFileOptions().read(true).build()).read_page(ReadPageOptions(){options}.build())"
            ),
        )
        .expect_code(1);
        assert!(ran.error().contains("InvalidArguments"), "{ran:?}");
    }
}

#[test]
fn searching() {
    let case = case();
    assert_eq!(
        with_file(&case, "f.search(\"^t\")"),
        json!([{"line_content": "two", "line_number": 2}, {"line_content": "three", "line_number": 3}])
    );
    assert_eq!(with_file(&case, "f.search(\"o\")[1].line_number + 1"), 3);
    assert_eq!(with_file(&case, "f.search(\"o\").map(|m| m.to_map().line_content)"), json!(["one", "two", "four"]));
}

#[test]
fn counting() {
    let case = case();
    assert_eq!(with_file(&case, "f.counts()"), json!({"line_count": 4, "word_count": 4, "byte_count": 19}));
    assert_eq!(with_file(&case, "f.counts().to_map().byte_count"), 19);
}

#[test]
fn writing() {
    let case = case();
    let script = "let f = dir.open_file(\"f\", OpenFileOptions().read(true).write(true).build());
        let g = f.write(\"new\");
        let all = [g.read(), f.read(), g.path == p + \"/f\"];
        g.write(\"newer\"); all.push(f.read());
        f.write_in_place(\"last\"); all.push(g.read());
        all";
    assert_eq!(with_dir(&case, script), json!(["new", "new", true, "newer", "last"]));
    assert_eq!(case.content("in/f").as_deref(), Some("last"));
    assert_eq!(with_dir(&case, "dir.open_file(\"f\", OpenFileOptions().write(true).build()).write_in_place(\"x\")"), Value::Null);
}

/// A shorter text leaves nothing of the longer one.
#[test]
fn writing_in_place_truncates_and_keeps_the_file() {
    use std::os::unix::fs::MetadataExt as _;
    let case = case();
    let inode = || std::fs::metadata(case.path("in/f")).unwrap().ino();
    let before = inode();
    with_dir(&case, "dir.open_file(\"f\", OpenFileOptions().write(true).build()).write_in_place(\"x\")");
    assert_eq!((case.content("in/f").as_deref(), inode()), (Some("x"), before));
}

#[test]
fn handles_as_results_do_no_harm() {
    let case = case();
    for script in [
        "dir",
        "[dir]",
        "dir.open_file(\"f\", OpenFileOptions().build())",
        "OpenFileOptions().read(true)",
        "DirConfig()",
        "cat::number",
        "|x| x",
        "Fn(\"cat\")",
        "timestamp()",
    ] {
        let ran = run(&case, &format!("{DIR}{script}")).expect_code(0);
        assert!(ran.report.get("result").is_some(), "{script}: {ran:?}");
    }
}

#[test]
fn find() {
    let case = Case::new();
    for (name, size) in [("a.log", 10), ("b.LOG", 2000), ("d/c.log", 3000), ("d/e/f.txt", 5)] {
        case.file(&format!("in/{name}"), "x".repeat(size));
    }
    std::os::unix::fs::symlink("..", case.path("in/d/up")).unwrap();
    let find = |options: &str| {
        let script = format!(
            "let d = DirConfig().path(p).build().open(OpenDirOptions().build());
             let all = []; d.find(FindOptions(){options}.build(), |entry| all.push(entry.name)); all.sort(); all"
        );
        crate::value(&case, &script)
    };
    for (options, names) in [
        ("", vec!["a.log", "b.LOG", "c.log", "d", "e", "f.txt", "up"]),
        (".name(\"*.log\")", vec!["a.log", "c.log"]),
        (".iname(\"*.log\")", vec!["a.log", "b.LOG", "c.log"]),
        (".regex(\"^[ab]\\\\.\")", vec!["a.log", "b.LOG"]),
        (".name(\"*.*\").negate_name(true)", vec!["d", "e", "up"]),
        (".max_depth(1)", vec!["a.log", "b.LOG", "d"]),
        (".min_depth(2).max_depth(2)", vec!["c.log", "e", "up"]),
        (".size_range(SizeRange::min_only(2, SizeUnit::KILOBYTES))", vec!["b.LOG", "c.log"]),
        (".size_range(SizeRange::between(6, 2000, SizeUnit::BYTES))", vec!["a.log", "b.LOG"]),
        (".size_range(SizeRange::max_only(5, SizeUnit::BYTES))", vec!["f.txt"]),
        (".follow_symlinks(true).name(\"up\")", vec!["up"]),
    ] {
        assert_eq!(find(options), serde_json::json!(names), "{options}");
    }
    let two = "let d = DirConfig().path(p).build().open(OpenDirOptions().build());
        d.find(FindOptions().name(\"a\").regex(\"b\").build(), |e| 1)";
    crate::run(&case, two).expect_code(1);
}
