//! What is shown, in each format.

use std::io::Write as _;

use rex_tests::{Case, PERMIT_ALL, command, command_after, finish};
use serde_json::Value;

const SCRIPT: &str = "trace(\"t\"); debug(\"d\"); info(\"i\"); warn(\"w\"); error(\"e\"); print(\"p\"); \"out\\nput\"";

#[test]
fn json_is_one_object_on_one_line_with_the_verdict_first() {
    let ran = Case::new().run(SCRIPT, PERMIT_ALL).expect_code(0);
    assert!(
        ran.stdout.starts_with(r#"{"schema_version":1,"status":"SUCCESS","outcome":"finished","exit_code":0,"#),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.trim_end().lines().count() == 1 && ran.stderr.is_empty(), "{ran:?}");
    for key in ["output", "result", "decisions", "usage", "digests", "metrics", "logs"] {
        assert!(ran.report.get(key).is_some(), "no {key}");
    }
    let digest = |what: &str| ran.report["digests"][what].as_str().map(str::len);
    assert_eq!((digest("script_sha256"), digest("policy_sha256"), digest("guest_sha256")), (Some(64), Some(64), Some(64)));
    for number in ["duration_ms", "fuel", "peak_memory", "calls"] {
        assert!(ran.report["usage"][number].is_u64(), "{number}");
    }
}

#[test]
fn pretty_json_says_the_same_over_several_lines() {
    let case = Case::new();
    let ran = case.run_with(SCRIPT, PERMIT_ALL, &["-o", "pretty-json"]).expect_code(0);
    assert!(ran.stdout.lines().count() > 10);
    let plain = case.run(SCRIPT, PERMIT_ALL).report;
    let keys = |report: &Value| report.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((keys(&ran.report), &ran.report["output"]), (keys(&plain), &plain["output"]));
}

#[test]
fn human_output_is_the_result_and_everything_else_goes_to_standard_error() {
    let ran = Case::new().run_with(SCRIPT, PERMIT_ALL, &["-o", "human"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "out\nput\n"));
    assert_eq!(ran.stderr, "[INFO] i\n[WARN] w\n[ERROR] e\n[INFO] p\n");
}

#[test]
fn verbose_adds_the_whole_log_and_details_of_the_run() {
    let case = Case::new();
    let file = case.file("f", "");
    let script = format!("{SCRIPT}; try {{ rm(\"{file}\") }} catch {{}}; cat(\"{file}\")");
    let ran = case.run_with(&script, &case.permit(&["open", "read"], &[""]), &["-o", "human", "-v"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(ran.stderr.starts_with("[TRACE] t\n[DEBUG] "), "{}", ran.stderr);
    for line in ["decisions: 5 allowed, 1 denied", "denied: ", "time: ", "fuel: ", "peak memory: ", "calls: "] {
        assert!(ran.stderr.lines().any(|found| found.starts_with(line)), "no {line:?} in {}", ran.stderr);
    }
}

#[test]
fn the_variable_log_level_chooses_what_people_see() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    for (level, shown) in [("ERROR", 1), ("warn", 2), ("DEBUG", 5), ("TRACE", 6), ("nonsense", 4)] {
        let mut command = command(&["--script", SCRIPT, "-p", &policy, "-o", "human"]);
        let ran = finish(command.env("LOG_LEVEL", level).spawn().unwrap());
        assert_eq!(ran.stderr.lines().count(), shown, "{level}: {}", ran.stderr);
    }
}

#[test]
fn human_errors_have_the_same_codes() {
    let case = Case::new();
    let file = case.file("f", "");
    for (script, policy, options, code) in [
        ("throw 1", PERMIT_ALL, &[][..], 1),
        (&*format!("cat(\"{file}\")"), "forbid(principal, action, resource);", &[], 3),
        ("loop {}", PERMIT_ALL, &["--fuel", "1M"], 4),
        ("1", "permit", &[], 5),
        ("1", PERMIT_ALL, &["--audit-log", "/dev/full"], 7),
    ] {
        let ran = case.run_with(script, policy, &[&["-o", "human"], options].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{script}: {ran:?}");
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.lines().count() == 1, "{script}: {ran:?}");
    }
}

/// `LOG_LEVEL` is about what people see: programs get it all.
#[test]
fn a_log_entry_tells_its_level_line_and_time() {
    let ran = Case::new().run("\ninfo(1);\nwarn([1, \"x\"])", PERMIT_ALL).expect_code(0);
    let entry = |index: usize| &ran.report["logs"][index]["attributes"];
    assert_eq!((&entry(0)["level"], &entry(0)["message"], &entry(0)["line_number"]), (&"INFO".into(), &"1".into(), &"2".into()));
    assert_eq!(
        (&entry(1)["level"], &entry(1)["message"], &entry(1)["line_number"]),
        (&"WARN".into(), &"[1, \"x\"]".into(), &"3".into())
    );
    assert!(entry(0)["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_report_is_no_longer_than_max_output_and_says_what_was_cut() {
    let case = Case::new();
    let script = r#"
        for n in 0..2000 { info(`${n} some words that make the log long`); }
        let x = "0123456789abcdef\n\U0001F600";
        for n in 0..12 { x += x; }
        x"#;
    for limit in [4096, 24_000, 100_000] {
        let ran = case.run_with(script, PERMIT_ALL, &["--max-output", &limit.to_string()]).expect_code(0);
        assert!(ran.stdout.len() <= limit, "{} bytes", ran.stdout.len());
        let whole = 21 * 4096;
        let shown = ran.report["output"].as_str().unwrap().len();
        let cut = &ran.report["truncated"];
        assert_eq!(shown + cut["output_bytes"].as_u64().unwrap_or(0) as usize, whole, "{limit}");
        assert_eq!(ran.logs().len() + cut["log_entries"].as_u64().unwrap_or(0) as usize, 2000, "{limit}");
        assert_eq!(cut["result"].as_bool().unwrap_or(false), ran.report.get("result").is_none(), "{limit}");
    }
    // The default is what SSM takes.
    assert!(case.run(script, PERMIT_ALL).stdout.len() <= 24_000);
}

#[test]
fn pretty_json_is_no_longer_than_max_output_either() {
    let script = "for n in 0..2000 { info(`${n} some words that make the log long`); }";
    let ran = Case::new().run_with(script, PERMIT_ALL, &["-o", "pretty-json"]).expect_code(0);
    assert!(ran.stdout.len() <= 24_000, "{} bytes", ran.stdout.len());
}

#[test]
fn the_human_format_says_what_was_cut() {
    let script = "for n in 0..2000 { info(n); } let x = \"x\"; for n in 0..16 { x += x; } x";
    let ran = Case::new().run_with(script, PERMIT_ALL, &["-o", "human"]);
    assert!(ran.code == 0 && ran.stdout.len() < 24_000, "{}", ran.stdout.len());
    assert!(
        ran.stderr.contains("earlier log entries are left out") && ran.stderr.contains("bytes of the result are left out"),
        "{}",
        ran.stderr
    );
}

#[test]
fn many_denials_are_counted_and_the_first_are_listed() {
    let ran = Case::new()
        .run("for n in 0..500 { try { cat(`/x/${n}`) } catch {} }", "forbid(principal, action, resource);")
        .expect_code(0);
    assert_eq!(ran.report["decisions"]["denied"], 500);
    assert!(!ran.denials().is_empty());
    assert_eq!(ran.denials()[0]["decision"], 1);
    assert_eq!(ran.denials().len() as u64 + ran.report["truncated"]["denials"].as_u64().unwrap(), 500);
}

/// Whoever read it has gone away: no panic, and the code still tells.
#[test]
fn a_closed_standard_output_is_no_error() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    for (script, format, code) in
        [("1", "json", 0), ("1", "pretty-json", 0), ("1", "human", 0), ("throw 1", "json", 1), ("info(1); 1", "human", 0)]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = finish(command(&["--script", script, "-p", &policy, "-o", format]).stdout(writer).spawn().unwrap());
        assert_eq!(ran.code, code, "{script} {format}: {ran:?}");
        assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("error: B"), "{script} {format}: {ran:?}");
    }
}

#[test]
fn a_closed_standard_error_does_not_take_the_result_away() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = command(&["--script", "info(1); \"result\"", "-p", &policy, "-o", "human"]);
    let ran = finish(command.stderr(writer).spawn().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "result\n"), "{ran:?}");
}

#[test]
fn help_and_version_to_a_closed_pipe_do_not_panic() {
    for (arguments, code) in [(&["--help"][..], 0), (&["--version"], 0), (&["--bogus"], 2)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let errors = writer.try_clone().unwrap();
        let ran = finish(command(arguments).stdout(writer).stderr(errors).spawn().unwrap());
        assert_eq!(ran.code, code, "{arguments:?}");
    }
}

/// A service manager may start it with none of the three.
#[test]
fn closed_standard_streams_are_no_error() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let script = format!("touch(\"{}\")", case.path("ran"));
    let ran = finish(command_after("exec <&- >&- 2>&-", &["--script", &script, "-p", &policy]).spawn().unwrap());
    assert!(ran.code == 0 && case.exists("ran"), "{ran:?}");
}

#[test]
fn a_report_that_cannot_be_written_is_said() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = finish(command(&["--script", "1", "-p", &policy]).stdout(full).spawn().unwrap());
    assert!(ran.code == 6 && ran.stderr.contains("the report could not be written to standard output: "), "{ran:?}");
}

/// A script must not be able to paint a result that it did not have.
// Threat: T-GUEST-9
#[test]
fn a_log_message_cannot_forge_a_line_for_people() {
    let script = r#"info("a\x1b[31m\x1b]0;title\x07\rforged\u202E");"#;
    let ran = Case::new().run_with(script, PERMIT_ALL, &["-o", "human"]);
    assert!(ran.stderr.chars().all(|character| !character.is_control() || character == '\n'), "{:?}", ran.stderr);
    assert!(!ran.stderr.contains('\u{202e}'), "{:?}", ran.stderr);
}

#[test]
fn a_log_message_of_several_lines_cannot_look_like_several_entries() {
    let ran = Case::new().run_with("info(\"one\\n[ERROR] two\\nerror: three\")", PERMIT_ALL, &["-o", "human"]);
    assert!(!ran.stderr.lines().any(|line| line.starts_with("[ERROR]") || line.starts_with("error:")), "{:?}", ran.stderr);
}

#[test]
fn an_input_that_nobody_reads_is_no_error() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let mut child = command(&["--script", "1", "-p", &policy]).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(&vec![b'x'; 1 << 20]);
    finish(child).expect_code(0);
}
