//! Paths that look like one thing and could be taken for another.

use rex_tests::Case;
use serde_json::json;

use crate::tools::{LOOKING, all_end_with, attempt, denied, operations, permit_in, with_path};

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
        for (name, kind) in attempt(&case, [("cat", "cat(p)"), ("write", "write(p, \"x\")"), ("rm", "rm(p)")], path, policy) {
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
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let case = Case::new();
    let top = case.dir("in/top");
    let name = "d".repeat(200);
    let mut directory = std::fs::File::open(&top).unwrap();
    for _ in 0..30 {
        mkdirat(&directory, &name, Mode::RWXU).unwrap();
        directory = openat(&directory, &name, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap().into();
    }
    let policy = permit_in(&case, "in");
    for (name, kind) in attempt(&case, [("ls", "ls([ls::recursive], p)"), ("rm", "rm([rm::recursive], p)")], &top, &policy) {
        assert_ne!(kind, "ok", "{name}");
    }
    assert!(case.exists(&format!("in/top/{name}/{name}")), "all or nothing");
}

#[test]
fn a_servers_share_is_a_directory_like_any_other() {
    let case = Case::new();
    let ran = with_path(&case, "cat(p)", "//server/share/f", rex_tests::PERMIT_ALL).expect_code(1);
    assert!(ran.error().contains("NotFound"), "{ran:?}");
}
