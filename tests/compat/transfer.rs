//! Copying, moving, linking, and the objects' own forms of it.

use std::os::unix::fs::MetadataExt as _;

use rex_tests::Case;
use serde_json::json;

use crate::{run, value};

fn case() -> Case {
    let case = Case::new();
    case.file("in/f", "text\n");
    case.dir("in/d");
    case
}

const OPEN: &str = "let d = DirConfig().path(p).build().open(OpenDirOptions().build());
    let all = OpenFileOptions().read(true).write(true).create(true).build();";

#[test]
fn cp() {
    let case = case();
    value(&case, "cp(p + \"/f\", p + \"/copy\")");
    assert_eq!(case.content("in/copy").as_deref(), Some("text\n"));
    case.file("in/full", "other");
    let ran = run(&case, "cp(p + \"/f\", p + \"/full\")").expect_code(1);
    assert!(ran.error().contains("DestinationFileNotEmptyError"), "{ran:?}");
    assert_eq!(case.content("in/full").as_deref(), Some("other"));
    case.file("in/empty", "");
    value(&case, "cp(p + \"/f\", p + \"/empty\")");
    for flag in ["force", "f"] {
        case.file("in/full", "other");
        value(&case, &format!("cp([cp::{flag}], p + \"/f\", p + \"/full\")"));
        assert_eq!(case.content("in/full").as_deref(), Some("text\n"));
    }
}

#[test]
fn cp_keeps_times_and_permissions_when_told() {
    let case = case();
    let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    std::fs::File::open(case.path("in/f")).unwrap().set_modified(then).unwrap();
    value(&case, "chmod(0o640, p + \"/f\"); cp([cp::preserve], p + \"/f\", p + \"/kept\"); cp(p + \"/f\", p + \"/new\")");
    let (kept, new) = (std::fs::metadata(case.path("in/kept")).unwrap(), std::fs::metadata(case.path("in/new")).unwrap());
    assert_eq!((kept.mtime(), kept.mode() & 0o777), (1_000_000_000, 0o640));
    assert_ne!(new.mtime(), 1_000_000_000);
}

#[test]
fn a_large_file_is_copied_whole() {
    let case = case();
    let content: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 251) as u8).collect();
    case.file("in/large", &content);
    value(&case, "cp(p + \"/large\", p + \"/copy\")");
    assert_eq!(std::fs::read(case.path("in/copy")).unwrap(), content);
}

#[test]
fn mv() {
    let case = case();
    value(&case, "mv(p + \"/f\", p + \"/g\")");
    assert_eq!((case.content("in/f"), case.content("in/g").as_deref()), (None, Some("text\n")));
    case.file("in/there", "old");
    let ran = run(&case, "mv([mv::backup, mv::verbose], p + \"/g\", p + \"/there\")").expect_code(0);
    assert_eq!((case.content("in/there").as_deref(), case.content("in/there~").as_deref()), (Some("text\n"), Some("old")));
    assert!(ran.logs()[0].contains("renamed"), "{ran:?}");
    value(&case, "mv(p + \"/there~\", p + \"/there\")");
    assert_eq!(case.content("in/there").as_deref(), Some("old"));
    case.file("in/d/below", "x");
    value(&case, "mv(p + \"/d\", p + \"/e\")");
    assert_eq!(case.content("in/e/below").as_deref(), Some("x"));
}

#[test]
fn a_move_that_fails_leaves_both_ends() {
    let case = case();
    for script in ["mv(p + \"/none\", p + \"/f\")", "mv(p + \"/f\", p + \"/d\")", "mv(p + \"/f\", p + \"/none/g\")"] {
        run(&case, script).expect_code(1);
        assert_eq!(case.content("in/f").as_deref(), Some("text\n"), "{script}");
    }
}

/// /dev/shm is another file system than the temporary directory nearly everywhere; where it is not, this is a plain move.
#[test]
fn a_file_moves_to_another_file_system() {
    let case = case();
    let other = tempfile::TempDir::with_prefix_in("rex-test-", "/dev/shm").unwrap();
    let other = other.path().canonicalize().unwrap();
    let policy =
        format!("{}\npermit(principal, action, resource in file_system::Dir::\"{}\");", crate::permit(&case), other.display());
    let arguments = json!({ "p": case.path("in"), "q": other }).to_string();
    let run = |script: &str| case.run_with(script, &policy, &["--args-json", &arguments]);
    run("mv(p + \"/f\", q + \"/g\")").expect_code(0);
    assert!(!case.exists("in/f"));
    assert_eq!(std::fs::read_to_string(other.join("g")).unwrap(), "text\n");
    run("mv(q + \"/g\", p + \"/f\")").expect_code(0);
    assert_eq!(case.content("in/f").as_deref(), Some("text\n"));
    assert_eq!(std::fs::read_dir(&other).unwrap().count(), 0);
}

#[test]
fn ln_and_readlink() {
    let case = case();
    assert_eq!(value(&case, "ln([ln::symbolic], \"f\", p + \"/l\"); readlink(p + \"/l\") + cat(p + \"/l\")"), "ftext\n");
    run(&case, "ln([ln::symbolic], \"d\", p + \"/l\")").expect_code(1);
    assert_eq!(value(&case, "ln([ln::symbolic, ln::force], \"d\", p + \"/l\"); readlink(p + \"/l\")"), "d");
    value(&case, "ln(p + \"/f\", p + \"/hard\")");
    assert_eq!(std::fs::metadata(case.path("in/hard")).unwrap().nlink(), 2);
    run(&case, "readlink(p + \"/f\")").expect_code(1);
    run(&case, "ln(p + \"/d\", p + \"/dir\")").expect_code(1);
}

#[test]
fn the_objects_have_the_same() {
    let case = case();
    let script = format!(
        "{OPEN} let f = d.open_file(\"f\", all); let g = d.open_file(\"g\", all);
         f.copy(g, CopyFileOptions().build());
         let e = DirConfig().path(p + \"/d\").build().open(OpenDirOptions().build());
         let moved = g.move(e, \"h\", MoveOptions().build());
         let text = moved.read();
         moved.delete(DeleteFileOptions().build());
         d.create_symlink(\"f\", \"l\", CreateSymlinkOptions().build());
         let link = d.open_symlink(\"l\");
         let target = d.read_link_target(\"l\") + link.metadata().symlink_target();
         let n = d.move(e, d, \"renamed\", MoveOptions().build());
         let path = n.path;
         n.delete(DeleteDirOptions().recursive(true).build());
         [text, target, path]"
    );
    assert_eq!(value(&case, &script), json!(["text\n", "ff", case.path("in/renamed")]));
    assert!(!case.exists("in/renamed") && !case.exists("in/g") && case.exists("in/f"));
}
