//! The shell-like functions: every form and every flag of each.

use std::os::unix::fs::symlink;

use rex_tests::Case;
use serde_json::{Value, json};

use crate::{run, value};

const LINES: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve\n";

fn case() -> Case {
    let case = Case::new();
    case.file("in/f", LINES);
    case
}

fn all_lines() -> Vec<&'static str> {
    LINES.lines().collect()
}

#[test]
fn cat() {
    let case = case();
    case.file("in/short", "one\n\ntwo");
    case.file("in/empty", "");
    assert_eq!(value(&case, "cat(p + \"/f\")"), LINES);
    assert_eq!(value(&case, "cat([], p + \"/f\")"), LINES);
    assert_eq!(value(&case, "cat(p + \"/empty\")"), "");
    for flag in ["number", "n"] {
        assert_eq!(value(&case, &format!("cat([cat::{flag}], p + \"/short\")")), "     1\tone\n     2\t\n     3\ttwo");
    }
}

#[test]
fn cat_takes_only_utf_8() {
    let case = case();
    case.file("in/bytes", b"a\xff");
    let ran = run(&case, "cat(p + \"/bytes\")").expect_code(1);
    assert!(ran.error().contains("Utf8Error") && ran.error().contains("UTF-8"), "{ran:?}");
}

#[test]
fn ls() {
    let case = Case::new();
    for name in ["in/b", "in/a", "in/.hidden", "in/d/c", "in/d/.h", "in/d/e/x"] {
        case.file(name, "");
    }
    let keys = |script: &str| value(&case, &format!("{script}.keys()"));
    assert_eq!(keys("ls(p)"), json!(["a", "b", "d"]));
    assert_eq!(keys("ls([], p)"), json!(["a", "b", "d"]));
    for flag in ["all", "a"] {
        assert_eq!(keys(&format!("ls([ls::{flag}], p)")), json!([".hidden", "a", "b", "d"]));
    }
    for flag in ["long", "l"] {
        assert_eq!(keys(&format!("ls([ls::{flag}], p)")), json!(["a", "b", "d"]));
        let known = value(&case, &format!("ls([ls::{flag}], p)"));
        assert_eq!((&known["a"]["size"], &known["a"]["type"], &known["d"]["type"]), (&json!(0), &json!("File"), &json!("Dir")));
        assert!(known["a"]["user"].is_string() && value(&case, "ls(p)")["a"]["user"].is_null());
    }
    for flag in ["recursive", "R"] {
        assert_eq!(keys(&format!("ls([ls::{flag}], p)")), json!(["a", "b", "d", "d/c", "d/e", "d/e/x"]));
    }
    assert_eq!(keys("ls([ls::all, ls::recursive], p)"), json!([".hidden", "a", "b", "d", "d/.h", "d/c", "d/e", "d/e/x"]));
    run(&case, "ls(p + \"/a\")").expect_code(1);
}

#[test]
fn ls_gives_entries() {
    let case = Case::new();
    case.file("in/f", "");
    case.dir("in/d");
    symlink("f", case.path("in/link")).unwrap();
    let script =
        "ls(p).values().map(|entry| [entry.name, entry.type() == EntryType::FILE, entry.inode > 0, type_of(entry.inode)])";
    assert_eq!(value(&case, script), json!([["d", false, true, "i64"], ["f", true, true, "i64"], ["link", false, true, "i64"]]));
    // As JSON it is a map of maps.
    let listed = value(&case, "ls(p)");
    assert_eq!(
        (&listed["d"]["type"], &listed["link"]["type"], &listed["f"]["name"]),
        (&"Dir".into(), &"Symlink".into(), &"f".into())
    );
    assert_eq!(value(&case, "ls(p)[\"f\"].to_map().type"), "File");
}

#[test]
fn grep() {
    let case = case();
    let grep = |flags: &str, pattern: &str| value(&case, &format!("grep({flags}\"{pattern}\", p + \"/f\")"));
    assert_eq!(grep("", "^t.*"), json!(["two", "three", "ten", "twelve"]));
    assert_eq!(grep("[], ", "nothing like it"), json!([]));
    for flag in ["ignore_case", "i"] {
        assert_eq!(grep(&format!("[grep::{flag}], "), "^T[WH]"), json!(["two", "three", "twelve"]));
    }
    for flag in ["count", "c"] {
        assert_eq!(grep(&format!("[grep::{flag}], "), "^t"), json!(["4"]));
    }
    for flag in ["invert", "v"] {
        assert_eq!(grep(&format!("[grep::{flag}], "), "e"), json!(["two", "four", "six"]));
    }
    for flag in ["line_number", "n"] {
        assert_eq!(grep(&format!("[grep::{flag}], "), "^tw"), json!(["2:two", "12:twelve"]));
    }
    for flag in ["max_count", "m"] {
        assert_eq!(grep(&format!("[grep::{flag}(2)], "), "^t"), json!(["two", "three"]));
    }
    assert_eq!(grep("[grep::invert, grep::line_number, grep::max_count(2)], ", "e"), json!(["2:two", "4:four"]));
    assert_eq!(grep("[grep::count, grep::ignore_case], ", "^T"), json!(["4"]));
    for none in [0, -1] {
        assert_eq!(grep(&format!("[grep::m({none})], "), "^tw"), json!(["two", "twelve"]), "no bound");
    }
}

#[test]
fn tail() {
    let case = case();
    let (tail, lines) = (|flags: &str| value(&case, &format!("tail({flags}p + \"/f\")")), all_lines());
    assert_eq!(tail(""), json!(lines[2..]));
    assert_eq!(tail("[], "), json!(lines[2..]));
    // As the peer has it: from the end when negative, from the beginning when positive.
    assert_eq!(tail("[tail::n(-3)], "), json!(lines[9..]));
    assert_eq!(tail("[tail::n(3)], "), json!(lines[..3]));
    assert_eq!(tail("[tail::n(-100)], "), json!(lines));
    assert_eq!(tail("[tail::from(11)], "), json!(lines[10..]));
    assert_eq!(tail("[tail::range(2, 4)], "), json!(lines[1..4]));
    assert_eq!(tail("[tail::range(12, 99)], "), json!(lines[11..]));
    assert_eq!(tail("[tail::from(99)], "), json!([]));
}

#[test]
fn lines_with_other_ends() {
    let case = Case::new();
    case.file("in/f", "a\r\nb\n\nlast");
    assert_eq!(value(&case, "tail(p + \"/f\")"), json!(["a", "b", "", "last"]));
    assert_eq!(value(&case, "tail([tail::n(-1)], p + \"/f\")"), json!(["last"]));
    assert_eq!(value(&case, "tail([tail::n(-2)], p + \"/f\")"), json!(["", "last"]));
    assert_eq!(value(&case, "grep(\"^a$\", p + \"/f\")"), json!(["a"]));
    case.file("in/g", "");
    assert_eq!(value(&case, "tail(p + \"/g\")"), json!([]));
}

#[test]
fn anchors_are_those_of_a_line() {
    let case = Case::new();
    case.file("in/f", "one\ntwo\r\n\nten\nout of ten");
    for (pattern, expected) in [
        ("^two$", json!(["two"])),
        ("o$", json!(["two"])),
        ("^ten$", json!(["ten"])),
        ("ten$", json!(["ten", "out of ten"])),
        ("^[a-z]+$", json!(["one", "two", "ten"])),
        ("^o[a-z]+", json!(["one", "out of ten"])),
        ("^$", json!([""])),
    ] {
        assert_eq!(value(&case, &format!("grep(\"{pattern}\", p + \"/f\")")), expected, "{pattern}");
    }
    assert_eq!(value(&case, "grep([grep::invert], \"n$\", p + \"/f\")"), json!(["one", "two", ""]));
}

#[test]
fn wc() {
    let case = case();
    let wc = |flags: &str| value(&case, &format!("wc({flags}p + \"/f\")"));
    let (lines, words, bytes) = (12, 12, LINES.len());
    assert_eq!(wc(""), json!({"lines": lines, "words": words, "bytes": bytes}));
    assert_eq!(wc("[], "), json!({"lines": lines, "words": words, "bytes": bytes}));
    for (flags, name, number) in
        [(["lines", "l"], "lines", lines), (["words", "w"], "words", words), (["bytes", "c"], "bytes", bytes)]
    {
        for flag in flags {
            assert_eq!(wc(&format!("[wc::{flag}], ")), json!({ name: number }));
        }
    }
    assert_eq!(value(&case, "wc(p + \"/f\").lines / 2"), 6);
}

#[test]
fn write() {
    let case = Case::new();
    case.dir("in");
    let content = |script: &str| {
        assert_eq!(value(&case, script), Value::Null);
        case.content("in/f").unwrap()
    };
    assert_eq!(content("write(p + \"/f\", \"a\")"), "a");
    assert_eq!(content("write(p + \"/f\", \"b\")"), "ab");
    assert_eq!(content("write([write::append], p + \"/f\", \"c\")"), "abc");
    assert_eq!(content("write([write::a], p + \"/f\", \"d\")"), "abcd");
    assert_eq!(content("write([], p + \"/f\", \"e\")"), "abcde");
    assert_eq!(content("write([write::replace], p + \"/f\", \"x\\n\")"), "x\n");
    assert_eq!(content("write([write::r], p + \"/f\", \"\")"), "");
}

#[test]
fn touch() {
    let case = Case::new();
    case.file("in/old", "content");
    let before = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    std::fs::File::open(case.path("in/old")).unwrap().set_modified(before).unwrap();
    assert_eq!(value(&case, "touch(p + \"/new\"); touch(p + \"/old\")"), Value::Null);
    assert_eq!((case.content("in/new").as_deref(), case.content("in/old").as_deref()), (Some(""), Some("content")));
    assert!(std::fs::metadata(case.path("in/old")).unwrap().modified().unwrap() > before);
}

#[test]
fn mkdir() {
    let case = Case::new();
    case.dir("in");
    assert_eq!(value(&case, "mkdir(p + \"/a\"); mkdir([], p + \"/b\")"), Value::Null);
    for flag in ["parents", "p"] {
        assert_eq!(
            value(&case, &format!("mkdir([mkdir::{flag}], p + \"/{flag}/x/y\"); mkdir([mkdir::{flag}], p + \"/{flag}/x/y\")")),
            Value::Null
        );
        assert!(case.exists(&format!("in/{flag}/x/y")));
    }
    case.file("in/a/f", "");
    symlink("a", case.path("in/link")).unwrap();
    assert_eq!(value(&case, "mkdir(p + \"/a\"); ls(p + \"/a\").keys()"), json!(["f"]));
    for script in ["mkdir(p + \"/a/f\")", "mkdir([mkdir::p], p + \"/a/f\")", "mkdir(p + \"/link\")"] {
        assert!(run(&case, script).expect_code(1).error().contains("AlreadyExists"), "{script}");
    }
    assert!(run(&case, "mkdir(p + \"/c/d\")").expect_code(1).error().contains("NotFound"));
}

#[test]
fn rm() {
    let case = Case::new();
    for flag in ["recursive", "r", "force", "f"] {
        case.file(&format!("in/{flag}/x/y"), "");
        case.file(&format!("in/{flag}-file"), "");
    }
    case.file("in/file", "");
    case.dir("in/empty");
    assert_eq!(value(&case, "rm(p + \"/file\"); rm([], p + \"/empty\")"), Value::Null);
    assert!(!case.exists("in/file") && !case.exists("in/empty"));
    for flag in ["recursive", "r"] {
        assert_eq!(value(&case, &format!("rm([rm::{flag}], p + \"/{flag}\")")), Value::Null);
        assert!(!case.exists(&format!("in/{flag}")));
    }
    for flag in ["force", "f"] {
        assert_eq!(
            value(&case, &format!("rm([rm::{flag}], p + \"/{flag}-file\"); rm([rm::{flag}], p + \"/missing\")")),
            Value::Null
        );
        assert!(!case.exists(&format!("in/{flag}-file")) && case.exists(&format!("in/{flag}/x/y")));
    }
    assert!(run(&case, "rm(p + \"/missing\")").expect_code(1).error().contains("NotFound"));
    assert!(run(&case, "rm(p + \"/force\")").expect_code(1).error().contains("DirectoryNotEmpty"));
}

#[test]
fn seq() {
    let case = Case::new();
    assert_eq!(value(&case, "seq(1, 4)"), json!([1, 2, 3, 4]));
    assert_eq!(value(&case, "seq([], 1, 2)"), json!([1, 2]));
    assert_eq!(value(&case, "seq([seq::step(3)], 1, 8)"), json!([1, 4, 7]));
    assert_eq!(value(&case, "seq([seq::step(-1)], 3, 1)"), json!([3, 2, 1]));
    assert_eq!(value(&case, "seq(3, 1)"), json!([]));
    run(&case, "seq([seq::step(0)], 1, 2)").expect_code(1);
}

/// They follow links, as in the peer.
#[test]
fn links_are_followed() {
    let case = case();
    case.file("in/d/x", "");
    symlink("f", case.path("in/link")).unwrap();
    symlink("d", case.path("in/dir")).unwrap();
    assert_eq!(value(&case, "cat(p + \"/link\")"), LINES);
    assert_eq!(value(&case, "ls(p + \"/dir\").keys()"), json!(["x"]));
    assert_eq!(value(&case, "cat(p + \"/dir/x\")"), "");
    value(&case, "write([write::replace], p + \"/link\", \"new\")");
    assert_eq!(case.content("in/f").as_deref(), Some("new"));
    assert!(std::fs::symlink_metadata(case.path("in/link")).unwrap().is_symlink());
}
