//! Guests written to break out, to lie or to wear the host down. Each ends in an outcome that says what happened, with its record whole
//! and nothing touched that the policy does not permit; and the process that was attacked goes on to run ordinary scripts.

mod foreign;

use std::time::Duration;

use rex_guests::{Came, Ground, run, runner};
use rex_runner::limits::Limits;

/// Attacks, and checks all that holds whatever the attack. The script that the guest gets is the path of a file that it may use.
#[track_caller]
fn attack_within(guest: &str, limits: Limits) -> (Came, Ground) {
    let ground = Ground::new();
    let mut job = ground.job(ground.file());
    job.limits = limits;
    let came = run(&runner(guest), job);
    ground.is_quiet();
    ground.is_unharmed(1);
    ground.ordinary_scripts_run();
    (came, ground)
}

/// The outcome, the exit code, and a part of the error's message.
#[track_caller]
fn ends_within(guest: &str, limits: Limits, (outcome, code, message): (&str, u8, &str)) -> (Came, Ground) {
    let (came, ground) = attack_within(guest, limits);
    assert_eq!((came.outcome.as_str(), came.code), (outcome, code), "{guest}: {came:#?}");
    assert!(came.message.contains(message), "{guest}: {:?} and not {message:?}", came.message);
    (came, ground)
}

#[track_caller]
fn ends(guest: &str, expected: (&str, u8, &str)) -> (Came, Ground) {
    ends_within(guest, rex_guests::limits(), expected)
}

/// The guest broke what it agreed to, and wasmtime or the host noticed.
#[track_caller]
fn breaks(guest: &str, message: &str) {
    let (came, _) = ends(guest, ("guest_failed", 6, message));
    assert_eq!(came.report["alarms"][0]["alarm_type"], "RexRunnerInternalAlarm", "somebody has to look at this: {came:#?}");
}

const SURVIVED: (&str, u8, &str) = ("finished", 0, "");
const STACK: (&str, u8, &str) = ("limit", 4, "stack");

/// So little fuel that it ends before the time does.
fn little_fuel() -> Limits {
    Limits { fuel: 20_000_000, ..Limits::default() }
}

/// So little time that it ends before the fuel does.
fn little_time() -> Limits {
    Limits { timeout: Duration::from_millis(200), ..Limits::default() }
}

// Threat: T-GUEST-3
#[test]
fn handles_are_worth_nothing_unless_the_host_gave_them() {
    for guest in ["forged-handle", "stale-handle", "doubly-dropped-handle"] {
        breaks(guest, "unknown handle index");
    }
    for guest in ["foreign-handle", "foreign-drop", "foreign-lent"] {
        breaks(guest, "used with the wrong type");
    }
}

// Threat: T-RES-8
#[test]
fn handles_are_bounded_and_go_with_the_run() {
    ends("churned-handles", SURVIVED);
    ends("never-let-go", SURVIVED);
    ends("thousands-of-handles", SURVIVED);
    breaks("own-resources", "handle limit exceeded");
}

/// What was permitted has happened, and stands in the record, even if nobody came back from it.
// Threat: T-GUEST-12
#[test]
fn what_happened_before_a_breakdown_stands() {
    let (came, ground) = ends("broken-with-handles-open", ("guest_failed", 6, "divide by zero"));
    assert!(!std::path::Path::new(&ground.file()).exists());
    assert_eq!(came.report["decisions"]["by_action"]["file_system::Action::\"delete\""]["allowed"], 1, "{came:#?}");
}

#[test]
fn one_file_at_both_ends_of_a_copy_does_no_harm() {
    ends("one-file-at-both-ends", SURVIVED);
}

/// The report tells what the host knows, whatever the guest says.
// Threat: T-GUEST-4
#[test]
fn claims_are_checked() {
    for guest in ["claims-a-denial", "claims-an-excess", "claims-a-syntax-error", "claims-bad-arguments"] {
        ends(guest, ("script_error", 1, ""));
    }
    let (came, _) = ends("claims-success-after-a-denial", SURVIVED);
    assert_eq!(came.report["decisions"]["denials"][0]["decision"], 1, "{came:#?}");
    let (came, _) = ends("claims-another-report", SURVIVED);
    assert_eq!((&came.report["result"], &came.report["truncated"]["result"]), (&serde_json::Value::Null, &true.into()));
    let (came, _) = ends("claims-a-long-message", ("script_error", 1, "\"\"\""));
    assert!(came.message.len() < 2000 && came.report.to_string().len() <= 24_000, "{}", came.message.len());
}

// Threat: T-GUEST-1, T-GUEST-11
#[test]
fn what_a_guest_gives_is_taken_only_if_it_is_in_form() {
    for (guest, message) in [
        ("claims-an-unknown-fault", "unexpected discriminant"),
        ("claims-an-unknown-result", "invalid expected discriminant"),
        ("claims-four-gigabytes", "out of bounds"),
        ("claims-text-outside", "out of bounds"),
        ("claims-text-that-is-none", "invalid utf-8"),
        ("result-outside", "out of bounds"),
        ("result-unaligned", "not aligned"),
        ("utf16-surrogate", "unpaired surrogate"),
        ("utf16-unaligned", "not aligned"),
        ("utf16-length", "out of bounds"),
        ("latin1-tagged-length", "out of bounds"),
        ("exports-a-mistyped-script", "expected 2-tuple"),
    ] {
        breaks(guest, message);
    }
}

// Threat: T-GUEST-1, T-GUEST-11
#[test]
fn room_for_what_the_host_gives_is_checked() {
    ends("room-on-itself", SURVIVED);
    for guest in ["room-outside", "room-at-the-edge"] {
        breaks(guest, "beyond end of memory");
    }
    breaks("room-unaligned", "not aligned");
    breaks("room-that-breaks", "divide by zero");
    ends_within("room-without-end", little_fuel(), ("limit", 4, "--fuel"));
    ends("room-that-grows", ("limit", 4, "--max-memory"));
}

// Threat: T-GUEST-11
#[test]
fn nobody_enters_twice() {
    for guest in ["re-entrance-while-starting", "re-entrance-while-writing", "re-entrance-afterwards", "drop-while-lent"] {
        breaks(guest, "cannot leave component instance");
    }
}

// Threat: T-GUEST-12
#[test]
fn a_breakdown_ends_the_run_wherever_it_is() {
    breaks("broken-afterwards", "divide by zero");
    breaks("division-by-zero", "divide by zero");
    breaks("null-call", "uninitialized element");
    breaks("mistyped-call", "indirect call type mismatch");
    breaks("read-outside", "out of bounds memory access");
    breaks("write-outside", "out of bounds memory access");
    // What Rust does when it panics, as it does for a value that no memory could hold.
    ends("unreachable", ("limit", 4, "--max-memory"));
}

// Threat: T-RES-1
#[test]
fn instructions_are_bounded_in_every_part_of_a_run() {
    for guest in ["endless-loop", "endless-start", "endless-afterwards", "endless-fills", "own-destructor"] {
        ends_within(guest, little_fuel(), ("limit", 4, "--fuel"));
    }
}

/// A thread that goes on when its time is up would be lost to the process for as long as its fuel lasts, which may be hours.
// Threat: T-RES-1, T-RES-2
#[test]
fn time_is_bounded_in_every_part_of_a_run() {
    for guest in [
        "endless-loop",
        "endless-start",
        "endless-afterwards",
        "endless-fills",
        "endless-calls",
        "endless-sleeps",
        "endless-logs",
        "endless-long-calls",
        "endless-refusals",
        "sleeps-for-ever",
        "sleeps-at-the-start",
    ] {
        ends_within(guest, little_time(), ("limit", 4, "--timeout"));
    }
}

// Threat: T-RES-4
#[test]
fn memory_is_bounded_however_it_is_asked_for() {
    ends("grows-to-the-end", ("limit", 4, "--max-memory"));
    ends("starts-large", ("limit", 4, "--max-memory"));
    ends("grows-tables", SURVIVED);
    breaks("starts-with-a-large-table", "table limits");
    breaks("many-memories", "memory count too high");
    breaks("many-tables", "table count too high");
    breaks("many-instances", "instance count too high");
}

// Threat: T-RES-5
#[test]
fn stack_is_bounded_also_below_the_host() {
    ends("recursion", STACK);
    ends("recursion-with-calls", STACK);
    ends("stack-below-zero", STACK);
}

// Threat: T-RES-6
#[test]
fn what_a_call_gives_to_the_host_is_bounded() {
    const CALL: (&str, u8, &str) = ("limit", 4, "--max-call-bytes");
    ends("too-much-for-a-call", CALL);
    let limits = |call_bytes| Limits { call_bytes, ..rex_guests::limits() };
    ends_within("a-long-call", limits(64 << 20), SURVIVED);
    ends_within("a-long-call", limits(1 << 20), CALL);
}
