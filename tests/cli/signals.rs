//! A run that is told to end.

use std::time::{Duration, Instant};

use rex_tests::{Case, PERMIT_ALL, Ran, command, eventually, finish};
use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal to a run of this script once it is under way, and returns how it ended. Without the signal it would take ten minutes.
fn interrupted(case: &Case, script: &str, signal: Signal, options: &[&str]) -> Ran {
    let (policy, under_way) = (case.file("policy", PERMIT_ALL), case.path("under way"));
    let script = format!("touch(\"{under_way}\"); {script}");
    let child = command(&[&["--script", &script, "-p", &policy, "--timeout", "10m"], options].concat()).spawn().unwrap();
    eventually("the run is under way", || case.exists("under way"));
    let start = Instant::now();
    kill_process(Pid::from_child(&child), signal).unwrap();
    let ran = finish(child);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    ran
}

#[test]
fn a_signal_ends_every_script_with_a_whole_report() {
    for script in ["sleep(600)", "loop {}", "seq(1, 1000000); loop { let x = \"y\"; }"] {
        for signal in [Signal::TERM, Signal::INT] {
            let ran = interrupted(&Case::new(), script, signal, &[]).expect_code(4);
            assert!(ran.report["outcome"] == "limit" && ran.error().contains("interrupted"), "{script}: {ran:?}");
        }
    }
}

// Threat: T-RES-2
#[test]
fn a_signal_ends_a_call_that_waits() {
    let case = Case::new();
    let fifo = case.path("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    let ran = interrupted(&case, &format!("cat(\"{fifo}\")"), Signal::TERM, &[]).expect_code(4);
    assert!(ran.error().contains("interrupted"), "{ran:?}");
}

#[test]
fn what_was_logged_and_denied_before_the_signal_is_in_the_report() {
    let case = Case::new();
    let log = case.path("log");
    let ran = interrupted(&case, "info(\"before\"); sleep(600)", Signal::TERM, &["--audit-log", &log]).expect_code(4);
    // The signal may come before the message: it is sent when the first call was made.
    assert!(ran.logs().iter().all(|message| *message == "before"));
    assert!(ran.report["decisions"]["allowed"].as_u64().unwrap() >= 2, "{ran:?}");
    let record = case.content("log").unwrap();
    assert!(
        record.trim_end().lines().last().unwrap().contains(r#""event":"run_ended","outcome":"limit","exit_code":4"#),
        "{record}"
    );
}

#[test]
fn a_script_cannot_catch_a_signal() {
    let ran = interrupted(&Case::new(), "loop { try { sleep(600) } catch { } }", Signal::TERM, &[]).expect_code(4);
    assert_eq!(ran.report["outcome"], "limit");
}

#[test]
fn a_second_signal_changes_nothing() {
    let case = Case::new();
    let (policy, under_way) = (case.file("policy", PERMIT_ALL), case.path("under way"));
    let script = format!("touch(\"{under_way}\"); sleep(600)");
    let child = command(&["--script", &script, "-p", &policy, "--timeout", "10m"]).spawn().unwrap();
    eventually("the run is under way", || case.exists("under way"));
    for _ in 0..5 {
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
    }
    finish(child).expect_code(4);
}

/// Nothing limits how long it may take until the input is there.
#[test]
fn a_signal_ends_the_wait_for_a_script() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let mut child = command(&["-s", "-", "-p", &policy]).spawn().unwrap();
    let input = child.stdin.take();
    // Long enough for the handler to be there; a signal before that ends the process, which is no harm.
    std::thread::sleep(Duration::from_millis(500));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = rex_tests::wait(&mut child, Duration::from_secs(20));
    drop(input);
    assert!(status.is_some(), "it goes on waiting");
}
