//! Paths that look like one thing and could be taken for another.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use rex_tests::Case;
use serde_json::json;

use crate::tools::{CHANGING, LOOKING, all_end_with, attempt, denied, operations, permit_in, with_path};

#[test]
fn dots_in_any_place_are_refused() {
    let case = Case::new();
    case.file("in/a/f", "x");
    let policy = permit_in(&case, "in");
    for path in [
        "in/..",
        "in/a/..",
        "in/a/../f",
        "in/a/../a/f",
        "in/a/../../in/a/f",
        "in/./..",
        "in//..//in",
        "in/a/../",
        "in/missing/../a/f",
    ] {
        // By hand: the joining of paths must not tidy them up.
        let path = format!("{}/{path}", case.path(""));
        all_end_with(&case, operations(), &path, &policy, "InvalidPath");
    }
    for path in ["/..", "/../etc/passwd", "//..//", "/./../"] {
        all_end_with(&case, operations(), path, &policy, "InvalidPath");
    }
    assert_eq!(case.content("in/a/f").as_deref(), Some("x"));
}

#[test]
fn what_is_no_absolute_path_is_refused() {
    let case = Case::new();
    let policy = permit_in(&case, "in");
    for path in [
        "",
        ".",
        "..",
        "./x",
        "../x",
        "x",
        "~",
        "~/x",
        "~root/x",
        "$HOME/x",
        "%WINDIR%",
        "file:///etc/passwd",
        "\\\\?\\C:\\x",
        "C:/x",
        "C:\\x",
        " /etc/passwd",
        "\u{feff}/etc/passwd",
        "\u{2215}etc",
    ] {
        all_end_with(&case, operations(), path, &policy, "InvalidPath");
    }
}

#[test]
fn slashes_and_single_dots_change_nothing() {
    let case = Case::new();
    case.file("in/a/f", "x");
    let (root, policy) = (case.path(""), case.permit(&["open", "read"], &["in"]));
    for path in ["//in/a/f", "/in//a///f", "/./in/./a/./f", "/in/a/./f"] {
        assert_eq!(with_path(&case, "cat(p)", &format!("{root}{path}"), &policy).expect_code(0).result(), "x", "{path}");
    }
    // POSIX gives two leading slashes to the system, and Windows takes them for a server's name.
    assert_eq!(with_path(&case, "cat(p)", &format!("/{root}/in/a/f"), &policy).expect_code(0).result(), "x");
    case.file("other/f", crate::tools::SECRET);
    for path in ["//other//f", "/./other/./f", "/other/f"] {
        denied(&case, "cat(p)", &format!("{root}{path}"), &policy);
    }
}

/// A trailing slash demands a directory.
#[test]
fn a_file_with_a_trailing_slash_is_not_a_file() {
    let case = Case::new();
    case.file("in/f", "x");
    let policy = permit_in(&case, "in");
    for end in ["/", "//", "/."] {
        let path = format!("{}{end}", case.path("in/f"));
        for (name, kind) in attempt(&case, operations(), &path, &policy) {
            assert_ne!(kind, "ok", "{name} on {path}");
        }
        assert_eq!(case.content("in/f").as_deref(), Some("x"), "{path}");
    }
}

#[test]
fn no_file_is_created_under_a_name_with_a_trailing_slash() {
    for script in ["touch(p)", "write(p, \"x\")", "write([write::replace], p, \"x\")"] {
        for end in ["/", "/."] {
            let case = Case::new();
            case.dir("in");
            let ran = with_path(&case, script, &format!("{}{end}", case.path("in/new")), &permit_in(&case, "in"));
            assert!(ran.code == 1 && !case.exists("in/new"), "{script} with {end:?}: {ran:?}");
        }
    }
}

#[test]
fn a_directory_may_be_named_with_a_trailing_slash() {
    let case = Case::new();
    case.file("in/d/f", "");
    let policy = permit_in(&case, "in");
    for end in ["/", "/."] {
        let path = format!("{}{end}", case.path("in/d"));
        assert_eq!(with_path(&case, "ls(p).keys()", &path, &policy).expect_code(0).result(), &json!(["f"]));
    }
    with_path(&case, "mkdir(p); rm(p)", &format!("{}/", case.path("in/new")), &policy).expect_code(0);
}

#[test]
fn the_root_can_be_listed_and_nothing_else() {
    let case = Case::new();
    let policy = r#"permit(principal, action, resource == file_system::Dir::"/");"#;
    for path in ["/", "//", "/.", "/./"] {
        let listed = with_path(&case, "ls(p).keys()", path, policy).expect_code(0);
        assert!(listed.result().as_array().unwrap().iter().any(|name| name == "proc"), "{listed:?}");
        for (name, kind) in attempt(
            &case,
            [("cat", "cat(p)"), ("write", "write(p, \"x\")"), ("mkdir", "mkdir(p)"), ("rm", "rm(p)")],
            path,
            policy,
        ) {
            assert_ne!(kind, "ok", "{name} on {path}");
        }
    }
    denied(&case, "cat(p)", "/etc/passwd", policy);
}

#[test]
fn a_directory_whose_name_begins_alike_is_another() {
    let case = Case::new();
    case.file("app/f", "mine");
    let policy = permit_in(&case, "app");
    with_path(&case, "cat(p)", &case.path("app/f"), &policy).expect_code(0);
    for name in ["app-evil/f", "app.txt", "app2/f", "ap/f", "app /f", "App/f"] {
        let path = case.file(name, crate::tools::SECRET);
        for (_, script) in operations() {
            denied(&case, script, &path, &policy);
        }
        assert_eq!(case.content(name).as_deref(), Some(crate::tools::SECRET));
    }
}

#[test]
fn a_nul_in_a_path_is_refused() {
    let case = Case::new();
    let file = case.file("in/f", "x");
    let policy = permit_in(&case, "in");
    for path in [format!("{file}\0"), format!("{file}\0.txt"), format!("\0{file}"), case.path("in/\0/f"), "\0".to_owned()] {
        all_end_with(&case, operations(), &path, &policy, "InvalidPath");
    }
    assert_eq!(case.content("in/f").as_deref(), Some("x"));
}

#[test]
fn a_name_that_is_no_plain_one_is_refused_by_handles() {
    let case = Case::new();
    case.file("in/d/f", "x");
    case.file("f", crate::tools::SECRET);
    let policy = permit_in(&case, "");
    let script = r#"
        let d = DirConfig().path(p).build().open(OpenDirOptions().build());
        let all = [];
        for name in ["", ".", "..", "../f", "/etc/passwd", "./f", "d/f", "f/", "f\x00", "x/../f"] {
            try { d.open_file(name, OpenFileOptions().read(true).write(true).create(true).build()); all.push(name); }
            catch (e) { if e.kind != IoErrorKind::InvalidPath { all.push(`${name}: ${e.message}`); } }
        }
        all"#;
    assert_eq!(with_path(&case, script, &case.path("in/d"), &policy).expect_code(0).result(), &json!([]));
}

#[test]
fn paths_that_are_too_long_are_refused() {
    let case = Case::new();
    let policy = permit_in(&case, "in");
    let root = case.path("in");
    for path in [
        format!("{root}/{}", "n".repeat(256)),
        format!("{root}{}", "/a".repeat(10_000)),
        format!("/{}", "x".repeat(100_000)),
        "/".repeat(5000),
    ] {
        all_end_with(&case, operations(), &path, &policy, "InvalidPath");
    }
    // As long as a path may be.
    case.dir("in");
    let deep = format!("{root}{}", "/a".repeat((4095 - root.len()) / 2));
    for (name, kind) in attempt(&case, LOOKING.iter().copied(), &deep, &policy) {
        assert_eq!(kind, "NotFound", "{name}");
    }
}

/// Deeper than any path can name, so that it can only be made step by step.
#[test]
fn a_tree_that_is_deeper_than_a_path_does_no_harm() {
    let case = Case::new();
    let top = case.dir("in/top");
    let mut directory = std::fs::File::open(&top).unwrap();
    for _ in 0..2500 {
        rustix::fs::mkdirat(&directory, "d", rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        directory = rustix::fs::openat(&directory, "d", flags, rustix::fs::Mode::empty()).unwrap().into();
    }
    drop(directory);
    let policy = permit_in(&case, "in");
    for (name, kind) in attempt(&case, [("ls", "ls([ls::recursive], p)"), ("rm", "rm([rm::recursive], p)")], &top, &policy) {
        assert_ne!(kind, "ok", "{name}");
    }
    assert!(case.exists("in/top/d/d"), "all or nothing");
    // `std` opens each level of what it removes, and runs out of descriptors.
    for number in 0.. {
        let (inner, lifted) = (format!("{top}/d/d"), case.path(&format!("in/{number}")));
        if std::fs::rename(&inner, &lifted).is_err() {
            break;
        }
        std::fs::remove_dir(format!("{top}/d")).unwrap();
        std::fs::rename(lifted, format!("{top}/d")).unwrap();
    }
}

#[test]
fn names_that_are_not_utf_8_are_left_out_and_said() {
    let case = Case::new();
    case.file("in/plain", "x");
    let name = Path::new(&case.path("in")).join(OsStr::from_bytes(b"bad\xff"));
    std::fs::write(&name, crate::tools::SECRET).unwrap();
    let policy = permit_in(&case, "in");
    let listed = with_path(&case, "ls([ls::all], p).keys()", &case.path("in"), &policy).expect_code(0);
    assert_eq!(listed.result(), &json!(["plain"]));
    assert!(listed.logs().iter().any(|message| message.contains("not UTF-8")), "{listed:?}");
    // The name that a lossy conversion would give is another name.
    let lossy = case.path("in/bad\u{fffd}");
    for (name, kind) in attempt(&case, LOOKING.iter().copied(), &lossy, &policy) {
        assert_eq!(kind, "NotFound", "{name}");
    }
    // And nothing removes what it cannot name.
    with_path(&case, "rm([rm::recursive], p)", &case.path("in"), &policy).expect_code(1);
    assert!(name.exists() && case.exists("in/plain"));
}

#[test]
fn a_link_to_a_name_that_is_not_utf_8_leads_nowhere() {
    let case = Case::new();
    case.dir("in");
    std::fs::write(Path::new(&case.path("")).join(OsStr::from_bytes(b"out\xff")), crate::tools::SECRET).unwrap();
    symlink(OsStr::from_bytes(b"../out\xff"), case.path("in/link")).unwrap();
    let ran = with_path(&case, "cat(p)", &case.path("in/link"), rex_tests::PERMIT_ALL);
    assert!(ran.code != 0 && !ran.stdout.contains(crate::tools::SECRET), "{ran:?}");
}

/// Names that other programs give a meaning to.
const LITERAL: &[&str] = &[
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..%2fsecret",
    "..%c0%af",
    "&#46;&#46;",
    "\\u002e\\u002e",
    "\u{ff0e}\u{ff0e}\u{ff0f}",
    "..\u{2215}secret",
    "..\u{2044}secret",
    "a\u{200b}b",
    "a\u{202e}b",
    "\u{feff}",
    "..\\secret",
    "...",
    "....",
    ". .",
    "~",
    "$HOME",
    "${HOME}",
    "`id`",
    "$(id)",
    "%TEMP%",
    "*",
    "?",
    "[a-z]",
    "{a,b}",
    " ",
    "a ",
    "a.",
    "-rf",
    "--",
    "a\nb",
    "a\tb",
    "a\u{1b}[31mb",
    "a\"b",
    "a'b",
    "NUL",
    "CON.txt",
    "f:stream",
    "<>|",
];

#[test]
fn encodings_variables_and_globs_are_only_names() {
    let case = Case::new();
    case.file("in/other", "x");
    case.file("secret", crate::tools::SECRET);
    let policy = permit_in(&case, "in");
    for name in LITERAL {
        let path = format!("{}/{name}", case.path("in"));
        for (operation, kind) in attempt(&case, LOOKING.iter().copied(), &path, &policy) {
            assert_eq!(kind, "NotFound", "{operation} on {name:?}");
        }
        let script = "write(p, \"1\"); write([write::replace], p, \"2\"); [cat(p), ls([ls::all], base)[plain].name]";
        let arguments = json!({ "p": path, "base": case.path("in"), "plain": name }).to_string();
        let ran = case.run_with(script, &policy, &["--args-json", &arguments]).expect_code(0);
        assert_eq!(ran.result(), &json!(["2", name]));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "2", "{name:?}");
        with_path(&case, "rm([rm::recursive], p)", &path, &policy).expect_code(0);
        assert!(!Path::new(&path).exists() && case.exists("in/other"), "{name:?}");
    }
}

#[test]
fn twins_in_unicode_and_in_case_are_different_files() {
    let case = Case::new();
    for (one, other) in [("\u{e9}", "e\u{301}"), ("file", "FILE"), ("\u{df}", "ss"), ("\u{131}", "i"), ("\u{fb01}", "fi")] {
        let (mine, theirs) = (case.file(&format!("in/{one}"), "mine"), case.path(&format!("in/{other}")));
        // On a file system that folds them they are one file, which then has one name.
        if !Path::new(&theirs).exists() {
            std::fs::write(&theirs, crate::tools::SECRET).unwrap();
            let policy = format!(
                "permit(principal, action, resource == file_system::Dir::\"{}\");\npermit(principal, action, resource == file_system::File::\"{mine}\");",
                case.path("in")
            );
            with_path(&case, "cat(p)", &mine, &policy).expect_code(0);
            for script in ["cat(p)", "grep(\"x\", p)", "tail(p)", "wc(p)", "write(p, \"x\")", "rm(p)"] {
                denied(&case, script, &theirs, &policy);
            }
        }
    }
}

#[test]
fn control_characters_in_names_do_not_reach_a_terminal() {
    let case = Case::new();
    let name = "in/a\u{1b}]0;x\u{7}\r\n[ERROR] forged\u{202e}";
    case.file(name, "x");
    let (policy, arguments) = (permit_in(&case, "other"), json!({ "p": case.path(name) }).to_string());
    for (_, script) in operations() {
        let ran = case.run_with(script, &policy, &["-o", "human", "-v", "--args-json", &arguments]);
        assert!(ran.code == 3 && ran.stdout.is_empty(), "{script}: {ran:?}");
        assert!(
            ran.stderr.chars().all(|character| character == '\n' || !character.is_control() && character != '\u{202e}'),
            "{script}: {ran:?}"
        );
        assert!(!ran.stderr.lines().any(|line| line.starts_with("[ERROR]")), "{script}: {ran:?}");
    }
    // Where it is permitted, failures name it too.
    let policy = permit_in(&case, "in");
    let arguments = json!({ "p": format!("{}/x", case.path(name)) }).to_string();
    for (_, script) in LOOKING.iter().chain(&CHANGING[..3]) {
        let ran = case.run_with(script, &policy, &["-o", "human", "--args-json", &arguments]);
        assert!(ran.stderr.lines().count() == 1 && !ran.stderr.trim_end().chars().any(char::is_control), "{script}: {ran:?}");
    }
}

#[test]
fn a_servers_share_is_a_directory_like_any_other() {
    let case = Case::new();
    let ran = with_path(&case, "cat(p)", "//server/share/f", rex_tests::PERMIT_ALL).expect_code(1);
    assert!(ran.error().contains("NotFound"), "{ran:?}");
}
