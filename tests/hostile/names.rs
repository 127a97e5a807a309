//! Names that another program would take for something else.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use rex_tests::Case;
use serde_json::json;

use crate::tools::{CHANGING, LOOKING, attempt, denied, operations, permit_in, with_path};

// Threat: T-PATH-10
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
