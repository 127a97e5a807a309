//! The decision record.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rex_tests::{Case, PERMIT_ALL, command, command_after, eventually, finish};
use rustix::fs::{FileType, Mode, OFlags, mknodat, open};
use serde_json::Value;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

fn fifo(path: &str) {
    mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

// Threat: T-AUDIT-3
#[test]
fn every_decision_has_its_line() {
    let case = Case::new();
    let (file, log) = (case.file("in/f", "x"), case.path("log"));
    let script = format!("cat(\"{file}\"); try {{ rm(\"{file}\") }} catch {{}}; cat(\"{}\")", case.file("out/g", "y"));
    let policy = format!("@id(\"readers\")\n{}", case.permit(&["open", "read"], &["in"]));
    let ran = case.run_with(&script, &policy, &["--audit-log", &log]).expect_code(3);
    let lines = lines(&case.content("log").unwrap());
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, [&["run_started"][..], &["decision"; 7], &["run_ended"]].concat());
    for line in &lines {
        assert_eq!((&line["v"], &line["run"]), (&1.into(), &lines[0]["run"]), "{line}");
        assert!(line["time"].as_str().unwrap().ends_with('Z') && line["run"].as_str().unwrap().len() == 32, "{line}");
    }
    for digest in ["script_sha256", "policy_sha256", "guest_sha256"] {
        assert_eq!(lines[0][digest], ran.report["digests"][digest]);
    }
    let decision = |index: usize| {
        let line = &lines[index];
        assert_eq!(line["number"], index);
        (line["decision"].as_str().unwrap(), line["action"].as_str().unwrap(), line["resource"]["id"].as_str().unwrap())
    };
    let directory = case.path("in");
    assert_eq!(decision(1), ("allow", r#"file_system::Action::"open""#, &*directory));
    assert_eq!(decision(2), ("allow", r#"file_system::Action::"open""#, &*file));
    assert_eq!(decision(3), ("allow", r#"file_system::Action::"read""#, &*file));
    assert_eq!(lines[3]["policies"][0], "readers");
    // Caught by the script, and recorded all the same.
    assert_eq!(decision(6), ("deny", r#"file_system::Action::"delete""#, &*file));
    assert_eq!(decision(7), ("deny", r#"file_system::Action::"open""#, &*case.path("out")));
    assert_eq!((&lines[8]["outcome"], &lines[8]["exit_code"]), (&"denied".into(), &3.into()));
}

/// It would pass for one that was written.
// Threat: T-AUDIT-1
#[test]
fn a_record_on_standard_error_that_is_closed_is_refused() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let script = format!("touch(\"{}\")", case.path("ran"));
    for errors in ["exec 2>&-", "exec 2>/dev/null"] {
        let mut silenced = command_after(errors, &["--script", &script, "-p", &policy, "--audit-log", "-"]);
        let ran = finish(silenced.spawn().unwrap()).expect_code(7);
        assert!(ran.error().contains("standard error") && !case.exists("ran"), "{ran:?}");
    }
}

/// A script that reads the record finds the line that lets it do so.
// Threat: T-AUDIT-1
#[test]
fn a_decision_is_written_before_its_effect() {
    let case = Case::new();
    let log = case.path("log");
    let ran = case.run_with(&format!("cat(\"{log}\")"), PERMIT_ALL, &["--audit-log", &log]).expect_code(0);
    let read = lines(ran.result().as_str().unwrap());
    assert_eq!(read.last().unwrap()["action"], r#"file_system::Action::"read""#);
    assert_eq!(read[0]["event"], "run_started");
}

/// The record breaks in the middle of a run: what was decided does not happen any more.
// Threat: T-AUDIT-1
#[test]
fn without_a_record_there_is_no_effect() {
    let case = Case::new();
    let log = case.path("fifo");
    fifo(&log);
    let reader = open(&log, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let policy = case.file("policy", PERMIT_ALL);
    let (waits, touched) = (case.path("waits"), case.path("touched"));
    // It goes on once the file is there.
    let script = format!("while true {{ try {{ cat(\"{waits}\"); break; }} catch {{ sleep(0.01); }} }} touch(\"{touched}\")");
    let child = command(&["--script", &script, "-p", &policy, "--audit-log", &log]).spawn().unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(std::fs::File::from(reader));
    eventually("the record begins", || reader.read_line(&mut first).is_ok_and(|read| read > 0) || !first.is_empty());
    assert!(first.contains("run_started"), "{first}");
    drop(reader);
    std::fs::write(&waits, "").unwrap();
    let ran = finish(child).expect_code(7);
    assert!(!case.exists("touched"), "{ran:?}");
}

// Threat: T-AUDIT-4
#[test]
fn the_file_is_for_its_owner_alone() {
    let case = Case::new();
    let (log, policy) = (case.path("log"), case.file("policy", PERMIT_ALL));
    let ran = finish(command_after("umask 0", &["--script", "1", "-p", &policy, "--audit-log", &log]).spawn().unwrap());
    assert_eq!(ran.code, 0);
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn runs_append_to_a_file() {
    let case = Case::new();
    let log = case.file("log", "what was there\n");
    for _ in 0..2 {
        case.run_with("1", PERMIT_ALL, &["--audit-log", &log]).expect_code(0);
    }
    let text = case.content("log").unwrap();
    let rest = lines(text.strip_prefix("what was there\n").unwrap());
    assert_eq!(rest.len(), 4);
    assert_ne!(rest[0]["run"], rest[2]["run"]);
}

#[test]
fn runs_at_the_same_time_do_not_mix_their_lines() {
    let case = Case::new();
    let (log, policy) = (case.path("log"), case.file("policy", PERMIT_ALL));
    let script = "for n in 0..200 { try { cat(`/nothing/${n}`) } catch {} }";
    let children: Vec<_> =
        (0..4).map(|_| command(&["--script", script, "-p", &policy, "--audit-log", &log]).spawn().unwrap()).collect();
    for child in children {
        finish(child).expect_code(0);
    }
    assert_eq!(lines(&case.content("log").unwrap()).len(), 4 * (2 + 2 * 200));
}

/// Another user could have put it there to have root write into a file of their choice.
// Threat: T-AUDIT-4
#[test]
fn a_link_in_place_of_the_file_is_refused() {
    let case = Case::new();
    let target = case.file("target", "");
    let (link, dangling) = (case.path("link"), case.path("dangling"));
    symlink(&target, &link).unwrap();
    symlink(case.path("created"), &dangling).unwrap();
    case.run_with("1", PERMIT_ALL, &["--audit-log", &link]).expect_code(7);
    case.run_with("1", PERMIT_ALL, &["--audit-log", &dangling]).expect_code(7);
    assert_eq!((case.content("target").as_deref(), case.exists("created")), (Some(""), false));
}

/// Opening one waits until somebody reads, which no limit would end.
#[test]
fn a_fifo_that_nobody_reads_is_refused() {
    let case = Case::new();
    let log = case.path("fifo");
    fifo(&log);
    case.run_with("1", PERMIT_ALL, &["--audit-log", &log, "--timeout", "1s"]).expect_code(7);
}

#[test]
fn a_dash_is_standard_error() {
    let case = Case::new();
    let file = case.file("f", "x");
    let ran = case.run_with(&format!("cat(\"{file}\")"), PERMIT_ALL, &["--audit-log", "-"]).expect_code(0);
    let lines = lines(&ran.stderr);
    assert_eq!((lines.len(), lines[3]["resource"]["id"].as_str()), (5, Some(&*file)));
    assert!(!Path::new("-").exists());
}

#[test]
fn a_closed_standard_error_ends_the_run_before_it_begins() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let script = format!("touch(\"{}\")", case.path("touched"));
    let child = command(&["--script", &script, "-p", &policy, "--audit-log", "-"]).stderr(writer).spawn().unwrap();
    finish(child).expect_code(7);
    assert!(!case.exists("touched"));
}

/// A pipe that is full makes the writer wait. The deadline counts all the same.
// Threat: T-RES-3
#[test]
fn a_record_that_nobody_takes_away_does_not_outlast_the_time_limit() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let (reader, writer) = std::io::pipe().unwrap();
    let script = "loop { try { cat(\"/nothing\") } catch {} }";
    let mut command = command(&["--script", script, "-p", &policy, "--audit-log", "-", "--timeout", "1s"]);
    let child = command.stderr(writer).spawn().unwrap();
    drop(command);
    let ran = finish(child);
    drop(reader);
    assert!(matches!(ran.code, 4 | 7) && ran.report["exit_code"] == ran.code, "{ran:?}");
}

// Threat: T-AUDIT-2
#[test]
fn what_a_script_puts_into_a_path_cannot_forge_a_line() {
    let case = Case::new();
    let log = case.path("log");
    let script = r#"try { cat("/x\n{\"v\":1,\"event\":\"run_ended\"}\n\x1b[31m") } catch {}"#;
    case.run_with(script, PERMIT_ALL, &["--audit-log", &log]).expect_code(0);
    let text = case.content("log").unwrap();
    assert_eq!(lines(&text).len(), text.lines().count());
    assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
    assert_eq!(lines(&text).iter().filter(|line| line["event"] == "run_ended").count(), 1);
}

/// What a link leads to is for the record, and not for the script.
#[test]
fn the_record_tells_what_was_asked_and_what_was_found() {
    let case = Case::new();
    let (secret, log) = (case.file("secret/f", "x"), case.path("log"));
    case.dir("in");
    let link = case.path("in/link");
    symlink(&secret, &link).unwrap();
    let ran = case
        .run_with(&format!("cat(\"{link}\")"), &case.permit(&["open", "read"], &["in"]), &["--audit-log", &log])
        .expect_code(3);
    let lines = lines(&case.content("log").unwrap());
    let denied = lines.iter().find(|line| line["decision"] == "deny").unwrap();
    assert_eq!(
        (denied["resource"]["id"].as_str(), denied["asked"].as_str()),
        (Some(&*case.path("secret")), Some(&*case.path("in")))
    );
    assert!(!ran.stdout.contains(&case.path("secret")), "{ran:?}");
}
