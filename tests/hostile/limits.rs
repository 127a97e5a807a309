//! Whatever a script does, it ends, with the right code and a whole report.

use std::time::{Duration, Instant};

use rex_tests::{Case, PERMIT_ALL, Ran};
use serde_json::json;

use crate::tools::permit_in;

#[track_caller]
fn limit(script: &str, options: &[&str], word: &str) -> Ran {
    let ran = Case::new().run_with(script, PERMIT_ALL, options).expect_code(4);
    assert!(ran.report["outcome"] == "limit" && ran.error().contains(word), "no {word:?} in {ran:#?}");
    ran
}

// Threat: T-RES-1
#[test]
fn scripts_that_never_end_end_with_the_time_limit() {
    for script in [
        "loop {}",
        "while true { let x = 1; }",
        "loop { try { throw 1 } catch { continue } }",
        "fn f() { loop {} } f()",
        "let f = || { loop {} }; f.call()",
        "[1].map(|x| { loop {} })",
        "sleep(1e9)",
        "sleep(9223372036854775807)",
        "sleep(1.0 / 0.0)",
        "loop { try { sleep(1000000000) } catch {} }",
        "loop { sleep(0) }",
        "loop { sleep(-1) }",
        "loop { timestamp() }",
        "loop { try { cat(\"/nothing\") } catch {} }",
        "loop { info(\"flood\") }",
    ] {
        let start = Instant::now();
        limit(script, &["--timeout", "500ms"], "--timeout");
        assert!(start.elapsed() < Duration::from_secs(11), "{script}: {:?}", start.elapsed());
    }
}

// Threat: T-RES-1
#[test]
fn scripts_that_never_end_end_with_the_fuel() {
    for script in [
        "loop {}",
        "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(60)",
        "loop { try { throw 1 } catch {} }",
        "loop { info(\"flood\") }",
    ] {
        for fuel in ["200k", "10M", "1G"] {
            let ran = limit(script, &["--fuel", fuel], "--fuel");
            assert!(ran.report["usage"]["fuel"].as_u64().unwrap() > 0);
        }
    }
}

/// Not even its compilation, nor the reading of its arguments.
#[test]
fn one_unit_of_fuel_is_enough_for_nothing() {
    limit("1", &["--fuel", "1"], "--fuel");
    limit("1", &["--fuel", "1", "--args-json", "{\"x\": [1, 2, 3]}"], "--fuel");
}

#[test]
fn a_very_small_time_limit_is_an_outcome_too() {
    for script in ["1", "loop {}"] {
        let ran = Case::new().run_with(script, PERMIT_ALL, &["--timeout", "1ms"]);
        assert!(matches!(ran.code, 0 | 4) && ran.report["exit_code"] == ran.code, "{ran:?}");
    }
}

#[test]
fn a_very_small_memory_limit_is_an_outcome_too() {
    for memory in ["1", "64KiB", "1MiB", "2MiB"] {
        let ran = Case::new().run_with("1", PERMIT_ALL, &["--max-memory", memory]);
        assert!(matches!(ran.code, 0 | 4) && ran.report["exit_code"] == ran.code, "{memory}: {ran:?}");
    }
}

/// A script that could catch them would go on.
#[test]
fn limits_of_the_run_cannot_be_caught() {
    for (script, options) in [
        ("loop { try { loop {} } catch { } }", &["--timeout", "500ms"][..]),
        ("try { loop {} } catch { } 1", &["--fuel", "10M"]),
        ("loop { try { let x = \"xxxxxxxx\"; loop { x += x; } } catch { } }", &["--max-memory", "32MiB"]),
    ] {
        Case::new().run_with(script, PERMIT_ALL, options).expect_code(4);
    }
}

#[test]
fn what_happened_before_the_limit_is_in_the_report() {
    let script = "info(\"first\"); try { cat(\"/etc/passwd\") } catch {} loop {}";
    let ran = Case::new().run_with(script, "forbid(principal, action, resource);", &["--timeout", "1s"]).expect_code(4);
    assert_eq!((ran.logs(), ran.denials().len()), (vec!["first"], 1));
    assert!(ran.report["usage"]["duration_ms"].as_u64().unwrap() >= 1000);
}

/// Limits that one call runs into can be caught, and what is thrown on is still a limit.
#[test]
fn a_call_of_too_many_bytes_is_a_limit_that_can_be_caught() {
    let case = Case::new();
    let file = case.file("in/f", "0123456789\n".repeat(1000));
    let options = &["--max-call-bytes", "1000", "--arg", &format!("p={file}")];
    for script in ["cat(p)", "tail([tail::from(1)], p)", "grep(\".\", p)", "write(p, cat(\"/dev/zero\"))"] {
        let ran = case.run_with(script, PERMIT_ALL, options).expect_code(4);
        assert!(
            ran.error().contains("FileContentTooLargeError") && ran.error().contains("--max-call-bytes"),
            "{script}: {ran:?}"
        );
        let ran = case
            .run_with(&format!("let kind = (); try {{ {script} }} catch (e) {{ kind = e.kind; }} kind"), PERMIT_ALL, options)
            .expect_code(0);
        assert_eq!(ran.result(), "FileContentTooLargeError");
    }
    case.run_with("try { cat(p) } catch (e) { throw e }", PERMIT_ALL, options).expect_code(4);
    // A part of it is no excess.
    assert_eq!(
        case.run_with("tail([tail::n(2)], p)", PERMIT_ALL, options).expect_code(0).result(),
        &json!(["0123456789", "0123456789"])
    );
    assert_eq!(case.run_with("wc(p).bytes", PERMIT_ALL, options).expect_code(0).result(), 11_000);
}

#[test]
fn a_text_of_too_many_bytes_is_not_written() {
    let case = Case::new();
    let file = case.file("in/f", "old");
    for flag in ["append", "replace"] {
        let script = format!("let x = \"0123456789\"; for n in 0..7 {{ x += x; }} write([write::{flag}], p, x)");
        case.run_with(&script, &permit_in(&case, "in"), &["--max-call-bytes", "1000", "--arg", &format!("p={file}")])
            .expect_code(4);
        assert_eq!(case.content("in/f").as_deref(), Some("old"));
    }
}

/// Nothing can be done any more that is not recorded, and the end of the run is.
// Threat: T-AUDIT-10
#[test]
fn a_record_that_is_full_ends_the_run_before_the_effect() {
    let case = Case::new();
    let (file, log) = (case.file("in/f", ""), case.path("log"));
    let options = &["--max-record", "32KiB", "--audit-log", &log, "--arg", &format!("p={file}")];
    let ran = case.run_with("loop { try { write([write::append], p, \"x\") } catch {} }", PERMIT_ALL, options).expect_code(4);
    assert!(ran.report["outcome"] == "limit" && ran.error().contains("32768 bytes (--max-record)"), "{ran:?}");
    let record = case.content("log").unwrap();
    assert!(record.len() <= 32 << 10 && record.lines().last().unwrap().contains("\"outcome\":\"limit\""), "{record}");
    assert_eq!(record.matches(r#"Action::\"write\""#).count(), case.content("in/f").unwrap().len());

    let script = "let p = \"\"; for n in 0..1000 { p += \"/\\x01\\x01\"; } loop { try { stat(p) } catch {} }";
    let options = &["--max-record", "1MiB", "--audit-log", "-"];
    let ran = case.run_with(script, "forbid(principal, action, resource);", options).expect_code(4);
    assert!(ran.stderr.len() <= 1 << 20 && ran.stderr.lines().last().unwrap().contains("run_ended"), "{}", ran.stderr.len());
}

// Threat: T-RES-6
#[test]
fn a_directory_of_too_many_names_is_a_limit() {
    let case = Case::new();
    for number in 0..200 {
        case.file(&format!("in/{number}"), "");
    }
    let ran = case
        .run_with("ls(p)", PERMIT_ALL, &["--max-call-bytes", "1000", "--arg", &format!("p={}", case.path("in"))])
        .expect_code(4);
    assert!(ran.error().contains("--max-call-bytes"), "{ran:?}");
}

// Threat: T-RES-8
#[test]
fn handles_come_to_an_end() {
    let case = Case::new();
    case.file("in/f", "x");
    let open = "let d = DirConfig().path(p).build().open(OpenDirOptions().build()); let all = [];";
    let arguments = format!("p={}", case.path("in"));
    let options = &["--max-handles", "10", "--arg", &arguments];
    let one = "d.open_file(\"f\", OpenFileOptions().read(true).build())";
    let ran = case.run_with(&format!("{open} loop {{ all.push({one}); }}"), PERMIT_ALL, options).expect_code(4);
    assert!(ran.error().contains("--max-handles"), "{ran:?}");
    // The usual number of them.
    case.run_with(&format!("{open} loop {{ all.push({one}); }}"), PERMIT_ALL, &["--arg", &arguments]).expect_code(4);
    // Caught, and given back, after which there are some again.
    let script =
        format!("{open} try {{ loop {{ all.push({one}); }} }} catch {{}} let n = all.len(); all.clear(); [n, {one}.read()]");
    assert_eq!(case.run_with(&script, PERMIT_ALL, options).expect_code(0).result(), &json!([9, "x"]));
    // Those that nobody keeps are given back at once.
    case.run_with("for n in 0..1000 { cat(p + \"/f\"); ls(p); }", PERMIT_ALL, options).expect_code(0);
}

#[test]
fn a_flood_of_log_entries_is_cut_and_said() {
    let ran = Case::new().run("for n in 0..100000 { info(n) }", PERMIT_ALL).expect_code(0);
    assert!(ran.stdout.len() <= 24_000 && ran.logs().last() == Some(&"99999"), "{ran:?}");
    assert_eq!(ran.logs().len() as u64 + ran.report["truncated"]["log_entries"].as_u64().unwrap(), 100_000);
}

#[test]
fn a_huge_log_message_is_cut_and_said() {
    let script = "let x = \"0123456789abcdef\"; for n in 0..20 { x += x; } info(x); print(x); debug(x);";
    let ran = Case::new().run(script, PERMIT_ALL).expect_code(0);
    assert!(ran.stdout.len() <= 24_000 && ran.logs().iter().all(|message| message.contains("bytes more")), "{ran:?}");
}

#[test]
fn a_huge_result_is_cut_and_said() {
    for script in [
        "let x = \"0123456789abcdef\"; for n in 0..20 { x += x; } x",
        "seq(1, 500000)",
        "let x = \"\\x00\"; for n in 0..20 { x += x; } x",
        "let m = #{}; for n in 0..20000 { m[`key ${n}`] = n; } m",
    ] {
        let ran = Case::new().run(script, PERMIT_ALL).expect_code(0);
        assert!(ran.stdout.len() <= 24_000 && ran.report.get("result").is_none(), "{script}");
        assert!(
            ran.report["truncated"]["output_bytes"].as_u64().unwrap() > 0 && ran.report["truncated"]["result"] == true,
            "{script}"
        );
    }
}

#[test]
fn a_huge_error_is_cut() {
    let long = "let x = \"0123456789abcdef\"; for n in 0..20 { x += x; }";
    for script in [
        "throw x",
        "throw #{kind: x, message: x, source: x}",
        "throw [x, x]",
        "cat(x)",
        "grep(x, \"/x\")",
        "x.no_such_function()",
    ] {
        let ran = Case::new().run(&format!("{long} {script}"), PERMIT_ALL).expect_code(1);
        assert!(ran.stdout.len() <= 24_000 && ran.error().len() <= 1100, "{script}");
    }
}

#[test]
fn numbers_at_the_edges_are_errors_or_results() {
    let case = Case::new();
    let file = case.file("in/f", "a\nb\nc\n");
    let edges = ["-9223372036854775807 - 1", "-1", "0", "1", "9223372036854775807", "4294967296", "4294967295", "2147483648"];
    let mut script = String::from(
        "let all = []; let o = OpenFileOptions().read(true).build(); let d = DirConfig().path(base).build().open(OpenDirOptions().build());\n",
    );
    for edge in edges {
        for call in [
            "tail([tail::n(X)], p)",
            "tail([tail::from(X)], p)",
            "tail([tail::range(X, X)], p)",
            "tail([tail::range(1, X)], p)",
            "tail([tail::range(X, 1)], p)",
            "tail([tail::n(X), tail::from(X)], p)",
            "grep([grep::max_count(X)], \"a\", p)",
            "d.open_file(\"f\", o).read_lines(ReadLinesOptions().count(X).build())",
            "d.open_file(\"f\", o).read_lines(ReadLinesOptions().start(X).build())",
            "d.open_file(\"f\", o).read_lines(ReadLinesOptions().start(X).count(X).build())",
            "d.open_file(\"f\", o).read_page(ReadPageOptions().num_lines(X).build())",
            "d.open_file(\"f\", OpenFileOptions().write(true).permissions(X).build())",
            "seq([seq::step(X)], 1, 3)",
            "seq([seq::step(9223372036854775807)], X, X)",
            "seq([seq::step(-9223372036854775807)], X, X)",
        ] {
            let call = call.replace('X', &format!("({edge})"));
            script.push_str(&format!("try {{ {call}; all.push(\"ok\") }} catch (e) {{ all.push(e.kind.to_string()) }}\n"));
        }
    }
    script.push_str("all");
    let arguments = json!({ "p": file, "base": case.path("in") }).to_string();
    let ran = case.run_with(&script, &permit_in(&case, "in"), &["--args-json", &arguments]).expect_code(0);
    for (index, kind) in ran.result().as_array().unwrap().iter().enumerate() {
        let edge = edges[index / 15];
        assert!(
            matches!(kind.as_str().unwrap(), "ok" | "InvalidArguments" | "InvalidFileMode"),
            "call {} with {edge}: {kind}",
            index % 15
        );
    }
}
