//! A right to do one thing is no right to do another, and every use of a handle is asked for.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use rex_tests::{Case, PERMIT_ALL, command, finish};
use serde_json::json;

use crate::tools::{SECRET, denied, permit_in, with_path};

const OPEN: &str = "let d = DirConfig().path(p).build().open(OpenDirOptions().build()); ";

#[test]
fn a_right_to_open_is_no_right_to_read() {
    let case = Case::new();
    case.file("in/f", SECRET);
    let policy = case.permit(&["open", "write", "create", "delete"], &["in"]);
    for use_of_handle in [
        "read()",
        "read_lines(ReadLinesOptions().count(1).build())",
        "read_page(ReadPageOptions().num_lines(1).build())",
        "search(\".\")",
        "counts()",
    ] {
        let script = format!("{OPEN} d.open_file(\"f\", OpenFileOptions().read(true).build()).{use_of_handle}");
        denied(&case, &script, &case.path("in"), &policy);
    }
    denied(&case, &format!("{OPEN} d.list_entries()"), &case.path("in"), &policy);
}

#[test]
fn a_right_to_read_is_no_right_to_change() {
    let case = Case::new();
    let file = case.file("in/f", "content");
    let before = std::fs::metadata(&file).unwrap();
    let policy = case.permit(&["open", "read"], &["in"]);
    for script in
        ["write(p, \"x\")", "write([write::replace], p, \"\")", "touch(p)", "rm(p)", "rm([rm::force, rm::recursive], p)"]
    {
        denied(&case, script, &file, &policy);
    }
    for change in ["write(\"\")", "write_in_place(\"\")"] {
        let script = format!("{OPEN} d.open_file(\"f\", OpenFileOptions().read(true).write(true).build()).{change}");
        denied(&case, &script, &case.path("in"), &policy);
    }
    let after = std::fs::metadata(&file).unwrap();
    assert_eq!(
        (case.content("in/f").as_deref(), before.mtime_nsec(), before.ino()),
        (Some("content"), after.mtime_nsec(), after.ino())
    );
}

#[test]
fn a_right_to_write_is_no_right_to_create() {
    let case = Case::new();
    case.dir("in");
    let policy = case.permit(&["open", "read", "write", "delete"], &["in"]);
    for script in
        ["write(p + \"/new\", \"x\")", "touch(p + \"/new\")", "mkdir(p + \"/new\")", "mkdir([mkdir::p], p + \"/new/er\")"]
    {
        denied(&case, script, &case.path("in"), &policy);
    }
    denied(&case, &format!("{OPEN} d.open_file(\"new\", OpenFileOptions().create(true).build())"), &case.path("in"), &policy);
    assert!(!case.exists("in/new"));
}

#[test]
fn a_right_to_write_is_no_right_to_read() {
    let case = Case::new();
    let file = case.file("in/f", SECRET);
    let policy = case.permit(&["open", "write"], &["in"]);
    for script in ["cat(p)", "grep(\"x\", p)", "tail(p)", "wc(p)"] {
        denied(&case, script, &file, &policy);
    }
    // Appending does not need to know what is there, and takes nothing of it away.
    with_path(&case, "write(p, \"+\")", &file, &policy).expect_code(0);
    assert_eq!(case.content("in/f"), Some(format!("{SECRET}+")));
}

#[test]
fn a_handle_is_good_for_what_it_was_opened_for() {
    let case = Case::new();
    case.file("in/f", "content");
    let script = format!(
        "{OPEN} let all = [];
        for (options, n) in [OpenFileOptions().read(true).build(), OpenFileOptions().build(), OpenFileOptions().write(true).build()] {{
            let f = d.open_file(\"f\", options);
            try {{ f.read(); all.push(\"read\"); }} catch (e) {{ all.push(e.kind.to_string()); }}
            try {{ f.write_in_place(\"content\"); all.push(\"written\"); }} catch (e) {{ all.push(e.kind.to_string()); }}
            try {{ f.write(\"content\"); all.push(\"written\"); }} catch (e) {{ all.push(e.kind.to_string()); }}
        }}
        all"
    );
    let (no, read, written) = ("ValidationError", "read", "written");
    let ran = with_path(&case, &script, &case.path("in"), &permit_in(&case, "in")).expect_code(0);
    assert_eq!(ran.result(), &json!([read, no, no, read, no, no, no, written, written]));
}

/// Opening changes nothing yet: neither its content nor its times.
#[test]
fn a_file_is_not_truncated_by_being_opened() {
    let case = Case::new();
    case.file("in/f", "content");
    let script = format!("{OPEN} d.open_file(\"f\", OpenFileOptions().read(true).write(true).create(true).build()); 1");
    with_path(&case, &script, &case.path("in"), &permit_in(&case, "in")).expect_code(0);
    assert_eq!(case.content("in/f").as_deref(), Some("content"));
}

#[test]
fn modes_beyond_the_plain_ones_are_refused() {
    let case = Case::new();
    case.dir("in");
    for mode in ["0o4755", "0o2755", "0o1777", "0o1000", "0o100644", "-1", "9223372036854775807"] {
        let script = format!("{OPEN} d.open_file(\"new\", OpenFileOptions().create(true).permissions({mode}).build())");
        let ran = with_path(&case, &script, &case.path("in"), &permit_in(&case, "in")).expect_code(1);
        assert!(ran.error().contains("InvalidFileMode") || ran.error().contains("InvalidArguments"), "{mode}: {ran:?}");
        assert!(!case.exists("in/new"), "{mode}");
    }
}

#[test]
fn a_new_file_has_the_mode_that_was_given_and_the_umask() {
    let case = Case::new();
    case.dir("in");
    let script = format!("{OPEN} d.open_file(\"new\", OpenFileOptions().create(true).permissions(0o640).build())");
    with_path(&case, &script, &case.path("in"), &permit_in(&case, "in")).expect_code(0);
    with_path(&case, "touch(p + \"/other\")", &case.path("in"), &permit_in(&case, "in")).expect_code(0);
    let mode = |name: &str| std::fs::metadata(case.path(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("in/new") & !0o640, mode("in/other") & !0o666), (0, 0));
}

#[test]
fn a_replaced_file_keeps_its_mode() {
    let case = Case::new();
    let file = case.file("in/f", "old");
    for mode in [0o600, 0o640, 0o755, 0o200] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        with_path(&case, "write([write::replace], p, \"new\")", &file, &permit_in(&case, "in")).expect_code(0);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, mode);
    }
}

/// New content under an old file's power to act as its owner: the kernel takes that power away when a file is written to.
#[test]
fn a_replaced_file_is_not_setuid_any_more() {
    let case = Case::new();
    let file = case.file("in/f", "old");
    for mode in [0o4755, 0o2755, 0o6755] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        with_path(&case, "write([write::replace], p, \"new\")", &file, &permit_in(&case, "in")).expect_code(0);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o755, "{mode:o}");
    }
}

// Threat: T-PATH-9
#[test]
fn a_failed_replacement_leaves_the_old_content_and_no_litter() {
    let case = Case::new();
    let file = case.file("in/f", "old");
    let script = "let big = \"x\"; for n in 0..21 { big += big; } write([write::replace], p, big)";
    case.run_with(script, &permit_in(&case, "in"), &["--max-call-bytes", "1MiB", "--arg", &format!("p={file}")]).expect_code(4);
    assert_eq!(case.content("in/f").as_deref(), Some("old"));
    let names: Vec<_> = std::fs::read_dir(case.path("in")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["f"]);
}

/// It was loaded once, and nothing that a script does to the file changes it.
// Threat: T-POLICY-6
#[test]
fn a_policy_that_is_replaced_during_the_run_changes_nothing() {
    let case = Case::new();
    case.file("secret/f", SECRET);
    let policy = format!("permit(principal, action, resource in file_system::Dir::\"{}\");", case.path(".policy"));
    let script = "write([write::replace], base + \"/policy.cedar\", laxer); cat(p)";
    let arguments = json!({ "base": case.path(".policy"), "p": case.path("secret/f"), "laxer": PERMIT_ALL }).to_string();
    let ran = case.run_with(script, &policy, &["--args-json", &arguments]).expect_code(3);
    assert!(!ran.stdout.contains(SECRET));
    assert_eq!(case.content(".policy/policy.cedar").as_deref(), Some(PERMIT_ALL), "it was replaced");
}

// Threat: T-POLICY-7
#[test]
fn the_environment_does_not_name_the_principal() {
    let case = Case::new();
    let policy = case.file("policy", "permit(principal == User::\"somebody-else\", action, resource);");
    let mut child = command(&["--script", &format!("cat(\"{}\")", case.file("f", "x")), "-p", &policy]);
    for name in ["USER", "LOGNAME", "USERNAME", "SUDO_USER"] {
        child.env(name, "somebody-else");
    }
    let ran = finish(child.spawn().unwrap()).expect_code(3);
    assert_ne!(ran.denials()[0]["principal"], "somebody-else");
}
