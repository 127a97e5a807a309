//! `rex-runner audit verify`, and what a record is worth after something went wrong.

use std::io::{BufRead as _, BufReader, Write as _};

use rex_tests::{Case, PERMIT_ALL, Ran, command, command_after, eventually, finish, run};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The findings, each with its kind and its line; the exit code says whether there are any.
fn findings(record: &str) -> Vec<(String, u64)> {
    let ran = run(&["audit", "verify", record, "-o", "json"], "");
    let findings = ran.report["findings"].as_array().unwrap_or_else(|| panic!("{ran:?}"));
    assert_eq!(ran.code, i32::from(!findings.is_empty()), "{ran:?}");
    let line = |finding: &Value| finding["line"].as_u64().unwrap_or_default();
    findings.iter().map(|finding| (finding["kind"].as_str().unwrap().to_owned(), line(finding))).collect()
}

/// Two runs of five lines.
fn recorded(case: &Case) -> (String, Ran) {
    let (file, log) = (case.file("f", "x"), case.path("log"));
    let script = format!("cat(\"{file}\")");
    case.run_with(&script, PERMIT_ALL, &["--audit-log", &log]).expect_code(0);
    let second = case.run_with(&script, PERMIT_ALL, &["--audit-log", &log]).expect_code(0);
    (log, second)
}

#[test]
fn a_record_is_sound_and_the_report_has_its_last_hash() {
    let case = Case::new();
    let (log, second) = recorded(&case);
    assert_eq!(findings(&log), []);
    let record = &second.report["record"];
    let text = case.content("log").unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((&record["run"], &record["lines"], &record["sha256"]), (&last["run"], &5.into(), &last["hash"]));
    let hash = format!("sha256:{}", record["sha256"].as_str().unwrap());
    let ran = run(&["audit", "verify", &log, "--expect", &hash], "");
    assert_eq!((ran.code, &*ran.stdout), (0, "10 lines, 2 runs: all of it is as it was written\n"));

    // The last run is gone, which the record itself does not tell.
    case.file("log", text.lines().take(5).map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(findings(&log), []);
    let ran = run(&["audit", "verify", "-", "--expect", &hash], &case.content("log").unwrap());
    assert!(ran.code == 1 && ran.stdout.contains(&hash[7..]), "{ran:?}");
}

/// As the documentation tells it, without the code that wrote it.
#[test]
fn anybody_can_compute_the_chain() {
    let case = Case::new();
    recorded(&case);
    let (mut before, mut end) = (String::new(), Value::Null);
    for line in case.content("log").unwrap().lines() {
        let json: Value = serde_json::from_str(line).unwrap();
        if json["event"] == "run_started" {
            before.clear();
            assert_eq!(json["after"], end, "{line}");
        }
        let (content, _) = line.rsplit_once(",\"hash\"").unwrap();
        let hash = chained(before, content);
        assert_eq!(json["hash"], *hash, "{line}");
        (before, end) = (hash, json["hash"].clone());
    }
}

/// The hash of a line, as the documentation tells it.
fn chained(before: String, content: &str) -> String {
    Sha256::digest(before + content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The order is that of the chain, and times are only told.
// Threat: T-FAULT-2
#[test]
fn a_clock_that_jumps_back_does_not_spoil_the_record() {
    let case = Case::new();
    recorded(&case);
    let (mut before, mut jumped) = (String::new(), String::new());
    for (number, line) in case.content("log").unwrap().lines().take(5).enumerate() {
        let (content, _) = line.rsplit_once(",\"hash\"").unwrap();
        let time = serde_json::from_str::<Value>(line).unwrap()["time"].clone();
        let earlier = content.replace(time.as_str().unwrap(), &format!("20{:02}-02-03T04:05:06.000Z", 20 - number));
        assert_ne!(earlier, content);
        before = chained(before, &earlier);
        jumped += &format!("{earlier},\"hash\":\"{before}\"}}\n");
    }
    assert_eq!(findings(&case.file("log", jumped)), []);
}

// Threat: T-AUDIT-6
#[test]
fn what_was_changed_is_told_with_its_line() {
    let case = Case::new();
    let (log, _) = recorded(&case);
    let text = case.content("log").unwrap();
    let lines: Vec<_> = text.lines().collect();
    let changed = |lines: &[&str]| {
        case.file("log", lines.join("\n") + "\n");
        findings(&log)
    };
    let finding = |kind: &str, line| (kind.to_owned(), line);
    assert_eq!(changed(&[&lines[..2], &lines[3..]].concat()), [finding("missing", 3)]);
    assert_eq!(
        changed(&[&lines[..2], &[lines[3], lines[2]], &lines[4..]].concat()),
        [finding("missing", 3), finding("misplaced", 4)]
    );
    assert_eq!(changed(&lines[5..]), [finding("missing", 1)]);
    assert_eq!(changed(&lines[..9]), [finding("cut_short", 9)]);
    assert_eq!(changed(&[&["hello"], &lines[..]].concat()), [finding("foreign", 1)]);
    let forged = lines[3].replace("allow", "deny");
    assert_eq!(changed(&[&lines[..3], &[&forged], &lines[4..]].concat()), [finding("altered", 4)]);
    let ran = run(&["audit", "verify", &log], "");
    assert!(
        ran.code == 1 && ran.stdout.starts_with("line 4: ") && ran.stdout.ends_with("10 lines, 2 runs: see above\n"),
        "{ran:?}"
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let case = Case::new();
    for path in [&*case.path("nothing"), &*case.path("")] {
        let ran = run(&["audit", "verify", path, "-o", "json"], "");
        assert!(ran.code == 5 && ran.report["error"].as_str().unwrap().contains(path), "{ran:?}");
        let ran = run(&["audit", "verify", path], "");
        assert!(ran.code == 5 && ran.stderr.starts_with("error: "), "{ran:?}");
    }
    assert_eq!(run(&["audit", "verify"], "").code, 2);
    assert_eq!(run(&["audit", "verify", "-", "--expect", "sha256:1"], "").code, 2);
}

/// A script that creates one file after the other, for as long as it may.
fn creates(case: &Case) -> [String; 4] {
    let script = format!("let n = 0; loop {{ touch(`{}/${{n}}`); n += 1; }}", case.dir("made"));
    ["--script".to_owned(), script, "-p".to_owned(), case.file("policy", PERMIT_ALL)]
}

/// What was written of the record verifies, up to where it was cut, and every file that was made has its decision there.
#[track_caller]
fn expect_recorded(case: &Case, record: &str) {
    for (kind, line) in findings(record) {
        assert!(matches!(&*kind, "cut_short" | "torn"), "{kind}, line {line}");
    }
    let text = std::fs::read(record).unwrap();
    let lines: Vec<Value> = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    for made in std::fs::read_dir(case.path("made")).unwrap() {
        let path = case.path(&format!("made/{}", made.unwrap().file_name().to_str().unwrap()));
        let decided = |line: &Value| {
            line["resource"]["id"] == *path && line["decision"] == "allow" && line["action"].as_str().unwrap().contains("create")
        };
        assert!(lines.iter().any(decided), "{path}");
    }
}

/// The limit on the size of a file is what a full disk is: a part of the line is written, and then no more.
// Threat: T-AUDIT-7
#[test]
fn a_full_disk_ends_the_run_and_the_next_one_goes_on_behind_it() {
    for blocks in 0..6 {
        let case = Case::new();
        let log = case.path("log");
        let arguments = creates(&case);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(["--audit-log", &log]).collect();
        let mut limited = command_after(&format!("trap '' XFSZ; ulimit -f {blocks}"), &arguments);
        let ran = finish(limited.spawn().unwrap()).expect_code(7);
        assert!(ran.error().contains("cannot be written: File too large"), "{ran:?}");
        expect_recorded(&case, &log);
        let before = findings(&log);
        let ran = case.run_with("1", PERMIT_ALL, &["--audit-log", &log]).expect_code(0);
        assert_eq!(findings(&log).len(), before.len(), "{:?}", findings(&log));
        expect_recorded(&case, &log);
        let text = case.content("log").unwrap();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let [whole @ .., started, ended] = &*lines else { panic!("{text}") };
        assert_eq!(started["after"], whole.last().map_or(Value::Null, |last| last["hash"].clone()));
        assert_eq!(ended["hash"], ran.report["record"]["sha256"]);
    }
}

#[test]
fn without_room_for_the_first_line_nothing_happens() {
    // A file of the kernel that nobody may write, root neither.
    for log in ["/dev/full", "/sys/kernel/uevent_seqnum"] {
        let case = Case::new();
        let script = format!("touch(\"{}\")", case.path("touched"));
        let ran = case.run_with(&script, PERMIT_ALL, &["--audit-log", log]).expect_code(7);
        assert!(!case.exists("touched") && ran.report["record"].is_null(), "{ran:?}");
    }
}

/// Killed at any moment: what happened is recorded, and what is recorded is as it was written.
// Threat: T-AUDIT-7
#[test]
fn a_killed_run_has_recorded_what_it_did() {
    for round in 0..12 {
        let case = Case::new();
        let log = case.path("log");
        let arguments = creates(&case);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(["--audit-log", &log]).collect();
        let mut child = command(&arguments).spawn().unwrap();
        eventually("it works", || case.exists(&format!("made/{}", round * 7)));
        child.kill().unwrap();
        child.wait().unwrap();
        expect_recorded(&case, &log);
        assert!(findings(&log).iter().any(|(kind, _)| kind == "cut_short"));
        // The next one says what it found.
        case.run_with("1", PERMIT_ALL, &["--audit-log", &log]).expect_code(0);
        expect_recorded(&case, &log);
    }
}

// Threat: T-AUDIT-7
#[test]
fn a_reader_that_goes_away_ends_the_run() {
    let case = Case::new();
    let arguments = creates(&case);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(["--audit-log", "-"]).collect();
    let mut child = command(&arguments).spawn().unwrap();
    let mut read = Vec::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    for _ in 0..50 {
        assert!(stderr.read_until(b'\n', &mut read).unwrap() > 0);
    }
    drop(stderr);
    // What was in the pipe is lost with it.
    let ran = finish(child).expect_code(7);
    let lines = ran.report["record"]["lines"].as_u64().unwrap();
    assert!(lines >= 50 && ran.report["outcome"] == "unrecorded", "{ran:?}");
    let log = case.file("log", &read);
    assert_eq!(findings(&log), [("cut_short".to_owned(), 50)]);
    let made = std::fs::read_dir(case.path("made")).unwrap().count() as u64;
    assert!(made < lines, "{made} files, {lines} lines");
}

/// Runs that begin, work, end and are killed at the same time.
#[test]
fn runs_at_the_same_time_keep_their_chains() {
    let case = Case::new();
    let (log, policy) = (case.path("log"), case.file("policy", PERMIT_ALL));
    let script = "for n in 0..100 { try { cat(`/nothing/${n}`) } catch {} }";
    let start = |script: &str| command(&["--script", script, "-p", &policy, "--audit-log", &log]).spawn().unwrap();
    let mut killed = start("loop { try { cat(`/nothing`) } catch {} }");
    let children: Vec<_> = (0..6).map(|_| start(script)).collect();
    let hashes: Vec<_> = children
        .into_iter()
        .map(|child| finish(child).expect_code(0).report["record"]["sha256"].as_str().unwrap().to_owned())
        .collect();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let kinds: Vec<_> = findings(&log).into_iter().map(|(kind, _)| kind).collect();
    assert!(
        kinds.iter().all(|kind| matches!(&**kind, "cut_short" | "torn")) && kinds.contains(&"cut_short".to_owned()),
        "{kinds:?}"
    );
    let expect: Vec<_> = hashes.iter().flat_map(|hash| ["--expect".to_owned(), format!("sha256:{hash}")]).collect();
    let options: Vec<_> = ["audit", "verify", &log, "-o", "json"].into_iter().chain(expect.iter().map(String::as_str)).collect();
    assert!(!run(&options, "").stdout.contains("unmet"));
}

#[test]
fn the_ids_of_systems_manager_are_recorded_and_nothing_else_in_their_place() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let id = "01234567-89ab-cdef-0123-456789abcdef";
    let started = |command_id: &str, instance_id: &str| {
        let mut command = command(&["--script", "1", "-p", &policy, "--audit-log", "-"]);
        let ran = finish(command.env("SSM_COMMAND_ID", command_id).env("AWS_SSM_INSTANCE_ID", instance_id).spawn().unwrap());
        let line: Value = serde_json::from_str(ran.expect_code(0).stderr.lines().next().unwrap()).unwrap();
        (line["ssm_command_id"].clone(), line["ssm_instance_id"].clone())
    };
    assert_eq!(started(id, "mi-0123456789abcdef0"), (id.into(), "mi-0123456789abcdef0".into()));
    assert_eq!(started("", "i-1\",\"v\":2"), (Value::Null, Value::Null));
    assert_eq!(started(&"x".repeat(65), "é"), (Value::Null, Value::Null));
}

/// 200 MB of lines, in the memory that a few take.
// Threat: T-AUDIT-8
#[test]
fn a_record_may_be_of_any_length() {
    let case = Case::new();
    recorded(&case);
    let mut child = command(&["audit", "verify", "-", "-o", "json"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(case.content("log").unwrap().as_bytes()).unwrap();
    let lines = ("x".repeat(999) + "\n").repeat(1000);
    for _ in 0..200 {
        input.write_all(lines.as_bytes()).unwrap();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    drop(input);
    let ran = finish(child);
    assert_eq!((ran.code, &ran.report["lines"], &ran.report["findings_left_out"]), (1, &200_010.into(), &199_000.into()));
    assert!(peak.unwrap() < 100_000, "{peak:?} kB");
}
