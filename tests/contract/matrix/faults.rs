//! Each function of the contract, with each of its system calls failing in turn.
//!
//! Whatever fails, the run has an outcome and a whole record, a function that changes something has changed it or has not, and nothing
//! that it says it read is anything else than what is there.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use rex_tests::faults::{self, Fault, Faulty};
use rex_tests::traced::RECORD;
use rex_tests::{Case, PERMIT_ALL, Ran, run};
use serde_json::json;

use super::{Row, arguments, case, rows};

const FAULTS: &[Fault] = &[
    Fault::Fails(Errno::EIO),
    Fault::Fails(Errno::ENOSPC),
    Fault::Fails(Errno::EINTR),
    Fault::Fails(Errno::EMFILE),
    Fault::Fails(Errno::ENOMEM),
    Fault::Short,
];

/// Content, kind and permissions, by path.
type State = BTreeMap<String, Entry>;
type Entry = (Option<Vec<u8>>, u32);

fn state(directory: &str) -> State {
    let mut all = State::new();
    collect(Path::new(directory), &mut all);
    all
}

fn collect(directory: &Path, all: &mut State) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let content = metadata.is_file().then(|| std::fs::read(&path).unwrap());
        all.insert(path.to_str().unwrap().rsplit_once("/in/").unwrap().1.to_owned(), (content, metadata.mode()));
        if metadata.is_dir() {
            collect(&path, all);
        }
    }
}

/// Functions of several steps, of which a fault can leave some undone. What is there then is as it was before or as it will be, or empty.
const STEPWISE: &[&str] = &[
    "recursive",
    "mkdir::parents",
    "extract_archive",
    // The file is made first, and is a permitted effect of its own.
    "write(p + \"/new\"",
    "write_in_place",
    // What is replaced gets its other name first.
    "mv::backup",
];

/// A fault that this call can have. Rust's library relies on it that the kernel gives these two no other.
fn possible(call: i64, fault: Fault) -> bool {
    !matches!(call, libc::SYS_getrandom | libc::SYS_clock_nanosleep) || fault == Fault::Fails(Errno::EINTR)
}

fn attempt(row: &Row, fault: Option<(usize, Fault)>) -> Option<(Case, Faulty)> {
    let case = case();
    let policy = if row.actions.is_empty() { PERMIT_ALL.to_owned() } else { case.permit(row.actions, &["in"]) };
    let faulty = faults::run(&case, row.script, &policy, &arguments(&case), fault)?;
    Some((case, faulty))
}

/// All that is wrong with what came of a fault.
fn wrong(row: &Row, case: &Case, ran: &Ran, before: &State, after: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    if ran.report["exit_code"] != ran.code || !matches!(ran.code, 0 | 1 | 3 | 6 | 7) {
        wrong.push("no outcome".to_owned());
    }
    if !ran.stderr.is_empty() {
        wrong.push(format!("the process says {:?}", ran.stderr));
    }
    let found = state(&case.path("in"));
    if found.keys().any(|name| name.contains(".rex-")) {
        wrong.push("a temporary file is left".to_owned());
    }
    let stepwise = STEPWISE.iter().any(|words| row.script.contains(words));
    let in_between = |(name, entry): (&String, &Entry)| {
        [before.get(name), after.get(name)].contains(&Some(entry)) || entry.0.as_ref().is_some_and(Vec::is_empty)
    };
    // A function that goes through a tree goes on, and tells what it left out.
    let complete = ran.code == 0 && ran.logs().is_empty();
    if complete && (*ran.result() != true || found != *after) {
        wrong.push(format!("it says that it did what it did not: {}", ran.result()));
    }
    if found != *before && found != *after && !(stepwise && found.iter().all(in_between)) {
        wrong.push(format!("it is half done: {found:?}"));
    }
    wrong
}

/// What `audit verify` finds.
fn findings(record: &str) -> usize {
    let verified = run(&["audit", "verify", record, "-o", "json"], "");
    verified.report["findings"].as_array().expect("a report").len()
}

/// Tries the faults that are chosen, and returns how many.
fn try_faults(row: &Row, chosen: impl Fn(usize, usize) -> bool) -> usize {
    let Some((case, Faulty { ran, calls })) = attempt(row, None) else { return 0 };
    assert_eq!((ran.code, ran.result()), (0, &json!(true)), "{ran:?}");
    let (before, after) = (state(&self::case().path("in")), state(&case.path("in")));
    let mut tried = 0;
    for (at, call) in calls.iter().enumerate() {
        for (number, fault) in FAULTS.iter().enumerate() {
            if !possible(*call, *fault) || !chosen(at, number) {
                continue;
            }
            tried += 1;
            let (case, Faulty { ran, .. }) = attempt(row, Some((at, *fault))).expect("it worked before");
            let mut wrong = wrong(row, &case, &ran, &before, &after);
            // Where the record itself failed, it ends early.
            if *call == libc::SYS_write && ran.code != 7 && findings(&case.path(RECORD)) != 0 {
                wrong.push("the record is not sound".to_owned());
            }
            assert!(wrong.is_empty(), "{} with {fault:?} at call {at}, of number {call}: {wrong:#?}\n{ran:#?}", row.script);
        }
    }
    tried
}

/// Some of all, each row and each fault among them.
// Threat: T-FAULT-1
#[test]
fn a_call_that_fails_leaves_nothing_half_done() {
    for (number, row) in rows().enumerate() {
        try_faults(row, |at, fault| (at + number).is_multiple_of(7) && (at + number) / 7 % FAULTS.len() == fault);
    }
}

/// Rust's library panics when it gets no random numbers: of all things, the thread of the script.
// Threat: T-RES-12
#[test]
fn a_script_whose_thread_breaks_down_ends_at_once() {
    let row = &super::MATRIX[0];
    let Some((_, Faulty { calls, .. })) = attempt(row, None) else { return };
    let at = calls.iter().position(|call| *call == libc::SYS_getrandom).expect("a map is made");
    let (_, Faulty { ran, .. }) = attempt(row, Some((at, Fault::Fails(Errno::EIO)))).expect("it worked before");
    let ran = ran.expect_code(6);
    assert!(ran.report["usage"]["duration_ms"].as_u64().unwrap() < 20_000, "not at the end of its time: {ran:?}");
}

// Threat: T-FAULT-1
#[test]
#[ignore = "some 20 minutes: every fault at every call"]
fn any_call_that_fails_leaves_nothing_half_done() {
    let all: usize = rows().map(|row| try_faults(row, |_, _| true)).sum();
    println!("{all} faults");
}
