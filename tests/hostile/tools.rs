//! What the suites share: operations by name, and the things on a file system that `std` cannot make.

use rex_tests::{Case, Ran};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

/// What no report may ever show.
pub const SECRET: &str = "TOP-SECRET-CONTENT";

/// Operations on the path `p` that only look.
pub const LOOKING: &[(&str, &str)] = &[
    ("cat", "cat(p)"),
    ("cat numbered", "cat([cat::number], p)"),
    ("ls", "ls(p)"),
    ("ls recursive", "ls([ls::all, ls::recursive], p)"),
    ("grep", "grep(\".\", p)"),
    ("tail", "tail(p)"),
    ("tail from", "tail([tail::from(1)], p)"),
    ("wc", "wc(p)"),
    ("stat", "stat(p)"),
    ("sha256", "sha256(p)"),
    ("du", "du(p)"),
    ("open", "DirConfig().path(p).build().open(OpenDirOptions().build()).list_entries()"),
    ("open following", "DirConfig().path(p).build().open(OpenDirOptions().follow_symlinks(true).build()).list_entries()"),
];

/// Operations on the path `p` that change something.
pub const CHANGING: &[(&str, &str)] = &[
    ("write", "write(p, \"changed\")"),
    ("write replacing", "write([write::replace], p, \"changed\")"),
    ("touch", "touch(p)"),
    ("chmod", "chmod(0o700, p)"),
    ("chown", "chown(\"0\", p)"),
    ("mkdir", "mkdir(p)"),
    ("mkdir parents", "mkdir([mkdir::parents], p)"),
    ("open creating", "DirConfig().path(p).build().open(OpenDirOptions().create(true).build())"),
    (
        "open creating all",
        "DirConfig().path(p).build().open(OpenDirOptions().create(true).recursive(true).follow_symlinks(true).build())",
    ),
    ("rm", "rm(p)"),
    ("rm force", "rm([rm::force], p)"),
    ("rm recursive", "rm([rm::recursive, rm::force], p)"),
];

/// All of them.
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    LOOKING.iter().chain(CHANGING).copied()
}

/// Runs a script in which `p` is this path.
pub fn with_path(case: &Case, script: &str, path: &str, policy: &str) -> Ran {
    case.run_with(script, policy, &["--args-json", &json!({ "p": path }).to_string()])
}

/// Tries each of these operations on a path, one after the other in one run, and returns what came of each: `ok`, or the error's kind.
pub fn attempt<'o>(
    case: &Case,
    operations: impl IntoIterator<Item = (&'o str, &'o str)>,
    path: &str,
    policy: &str,
) -> Vec<(&'o str, String)> {
    let (names, scripts): (Vec<_>, Vec<_>) = operations.into_iter().unzip();
    let tries = scripts
        .iter()
        .map(|script| format!("try {{ {script}; all.push(\"ok\"); }} catch (e) {{ all.push(e.kind.to_string()); }}\n"));
    let ran = with_path(case, &format!("let all = [];\n{}all", tries.collect::<String>()), path, policy).expect_code(0);
    assert!(!ran.stdout.contains(SECRET), "{ran:?}");
    let kinds = ran.result().as_array().unwrap().iter().map(|kind| kind.as_str().unwrap().to_owned());
    names.into_iter().zip(kinds).collect()
}

/// Fails unless each of these operations ends with this kind of error.
#[track_caller]
pub fn all_end_with<'o>(
    case: &Case,
    operations: impl IntoIterator<Item = (&'o str, &'o str)>,
    path: &str,
    policy: &str,
    kind: &str,
) {
    for (name, found) in attempt(case, operations, path, policy) {
        assert_eq!(found, kind, "{name} on {path:?}");
    }
}

/// Fails unless this ends with a denial, and the report tells nothing of what the path leads to.
#[track_caller]
pub fn denied(case: &Case, script: &str, path: &str, policy: &str) -> Ran {
    let ran = with_path(case, script, path, policy).expect_code(3);
    assert!(!ran.stdout.contains(SECRET) && !ran.stdout.contains(&case.path("secret")), "{script} on {path:?}: {ran:#?}");
    ran
}

pub fn fifo(path: &str) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// The report without what two runs never have in common.
pub fn comparable(ran: &Ran) -> Value {
    let mut report = ran.report.clone();
    for key in ["usage", "digests", "metrics"] {
        report.as_object_mut().unwrap().remove(key);
    }
    report
}

/// A policy that permits everything in this directory of the case.
pub fn permit_in(case: &Case, directory: &str) -> String {
    format!("permit(principal, action, resource in file_system::Dir::\"{}\");", case.path(directory))
}
