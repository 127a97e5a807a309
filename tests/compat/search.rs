//! The functions that go down a directory.

use std::os::unix::fs::symlink;

use rex_tests::{Case, Ran};
use serde_json::json;

use crate::{run, value};

fn case() -> Case {
    let case = Case::new();
    for name in ["in/a.log", "in/b.txt", "in/.h.log", "in/d/a.log", "in/d/e/c.log", "in/secret/s.log"] {
        case.file(name, "");
    }
    symlink("d", case.path("in/link")).unwrap();
    symlink("missing", case.path("in/x.log")).unwrap();
    case
}

/// A run in which everything is permitted but `action` on the directory `secret`.
fn run_without_secret(case: &Case, action: &str, script: &str) -> Ran {
    let policy = format!(
        "{}\nforbid(principal, action == file_system::Action::\"{action}\", resource == file_system::Dir::\"{}\");",
        case.permit(&["open", "read"], &["in"]),
        case.path("in/secret")
    );
    case.run(&script.replace("DIR", &format!("\"{}\"", case.path("in"))), &policy)
}

#[test]
fn find_files() {
    let case = case();
    let find = |arguments: &str| value(&case, &format!("find_files({arguments}, p)"));
    assert_eq!(find("\"*.log\""), json!([".h.log", "a.log", "x.log"]));
    assert_eq!(find("[], \"?.log\""), json!(["a.log", "x.log"]));
    assert_eq!(find("\"[!a].*\""), json!(["b.txt", "x.log"]));
    // Everything has a name, not files alone.
    assert_eq!(find("\"[dl]*\""), json!(["d", "link"]));
    assert_eq!(find("\"none*\""), json!([]));
    assert!(run(&case, "find_files(\"[\", p)").expect_code(1).error().contains("IoErrorKind: ValidationError: the pattern"));
    assert!(run(&case, "find_files(\"*\", p + \"/missing\")").expect_code(1).error().contains("NotFound"));
    assert!(run(&case, "find_files(\"*\", p + \"/a.log\")").expect_code(1).error().contains("EntryTypeMismatchError"));
}

#[test]
fn find_files_below() {
    let case = case();
    let find = |pattern: &str| value(&case, &format!("find_files([glob::recursive], \"{pattern}\", p)"));
    assert_eq!(find("*.log"), json!([".h.log", "a.log", "d/a.log", "d/e/c.log", "secret/s.log", "x.log"]));
    assert_eq!(find("a.log"), json!(["a.log", "d/a.log"]));
    assert_eq!(find("**/*.log"), find("*.log"));
    assert_eq!(find("d/**/*.log"), json!(["d/a.log", "d/e/c.log"]));
    assert_eq!(find("d/*.log"), json!(["d/a.log"]));
    assert_eq!(value(&case, "find_files([glob::r], \"c.*\", p)"), json!(["d/e/c.log"]));
    // The directory that is asked for may be a link; those below it are not followed.
    assert_eq!(value(&case, "find_files([glob::r], \"*.log\", p + \"/link\")"), json!(["a.log", "e/c.log"]));
}

#[test]
fn find_files_leaves_out_what_is_denied_and_says_so() {
    let case = case();
    for action in ["open", "read"] {
        let ran = run_without_secret(&case, action, "find_files([glob::recursive], \"*.log\", DIR)").expect_code(0);
        assert_eq!(ran.result(), &json!([".h.log", "a.log", "d/a.log", "d/e/c.log", "x.log"]), "{action}");
        let path = case.path("in/secret");
        assert!(ran.logs().iter().any(|message| message.contains(&path) && message.contains("denies")), "{action}: {ran:?}");
        // The directory itself that was asked for is another matter.
        let script = "find_files(\"*\", DIR + \"/secret\")";
        run_without_secret(&case, action, script).expect_code(3);
    }
}

#[test]
fn tree() {
    let case = case();
    let top = case.path("in");
    let drawing = "├── a.log
├── b.txt
├── d
│   ├── a.log
│   └── e
│       └── c.log
├── link
├── secret
│   └── s.log
└── x.log

3 directories, 7 files
";
    assert_eq!(value(&case, "tree(p)"), format!("{top}\n{drawing}"));
    assert_eq!(value(&case, "tree([], p)"), format!("{top}\n{drawing}"));
    let shallow = "├── a.log\n├── b.txt\n├── d\n├── link\n├── secret\n└── x.log\n\n2 directories, 4 files\n";
    for flag in ["max_depth", "L"] {
        assert_eq!(value(&case, &format!("tree([tree::{flag}(1)], p)")), format!("{top}\n{shallow}"));
    }
    for flag in ["all", "a"] {
        assert!(value(&case, &format!("tree([tree::{flag}], p)")).as_str().unwrap().contains("├── .h.log\n"));
    }
    for depth in ["0", "-1", "65"] {
        run(&case, &format!("tree([tree::max_depth({depth})], p)")).expect_code(1);
    }
}

#[test]
fn tree_marks_what_is_denied_and_says_so() {
    let case = case();
    for action in ["open", "read"] {
        let ran = run_without_secret(&case, action, "tree(DIR)").expect_code(0);
        assert!(ran.result().as_str().unwrap().contains("├── secret  [permission denied]\n└── x.log\n"), "{action}: {ran:?}");
        assert!(ran.logs().iter().any(|message| message.contains(&case.path("in/secret"))), "{action}: {ran:?}");
    }
}

/// No more handles are open than there are directories on the way down.
#[test]
fn many_directories_do_not_use_the_handles_up() {
    let case = Case::new();
    for number in 0..2000 {
        case.dir(&format!("in/d{number}"));
    }
    assert_eq!(value(&case, "find_files([glob::recursive], \"d*\", p).len()"), 2000);
}
