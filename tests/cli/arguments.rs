//! Where scripts and their variables come from.

use rex_tests::{Case, PERMIT_ALL, run};
use serde_json::json;

#[test]
fn a_script_from_a_file_from_standard_input_and_from_the_command_line() {
    let case = Case::new();
    let (script, policy) = (case.file("script", "40 + 2"), case.file("policy", PERMIT_ALL));
    for (arguments, input) in [
        (&["-s", &script, "-p", &policy][..], "not read"),
        (&["--script-file", &script, "--policy-file", &policy], ""),
        (&["-s", "-", "-p", &policy], "40 + 2"),
        (&["--script", "40 + 2", "-p", &policy], ""),
        (&["-s", &script, "-p", "-"], PERMIT_ALL),
    ] {
        assert_eq!(run(arguments, input).expect_code(0).result(), 42, "{arguments:?}");
    }
}

#[test]
fn each_type_of_the_argument_file() {
    let case = Case::new();
    let arguments = case.file(
        "arguments.json",
        r#"{
            "text": {"stringValue": "a \"b\"\n"},
            "small": {"integerValue": -2147483648},
            "large": {"longValue": 9223372036854775807},
            "half": {"doubleValue": 0.5},
            "yes": {"booleanValue": true},
            "list": {"listValue": [{"stringValue": "x"}, {"longValue": 1}, {"listValue": []}]},
            "map": {"mapValue": {"k": {"mapValue": {"deep": {"booleanValue": false}}}}}
        }"#,
    );
    let script = "[text, small, large, half, yes, list, map, type_of(small), type_of(half)]";
    let ran = case.run_with(script, PERMIT_ALL, &["-a", &arguments]).expect_code(0);
    let expected = json!(["a \"b\"\n", -2147483648_i64, i64::MAX, 0.5, true, ["x", 1, []], {"k": {"deep": false}}, "i64", "f64"]);
    assert_eq!(ran.result(), &expected);
}

#[test]
fn an_argument_is_a_text_up_to_its_end() {
    let case = Case::new();
    let ran = case.run_with("[a, b, c]", PERMIT_ALL, &["--arg", "a=1=2", "--arg", "b=", "--arg", "c= \"x\" "]).expect_code(0);
    assert_eq!(ran.result(), &json!(["1=2", "", " \"x\" "]));
}

#[test]
fn plain_json_as_arguments() {
    let json = r#"{"n": 1, "f": 1.5, "t": "x", "l": [1, [2]], "m": {"k": null}, "b": false}"#;
    let ran = Case::new().run_with("[n, f, t, l, m, b]", PERMIT_ALL, &["--args-json", json]).expect_code(0);
    assert_eq!(ran.result(), &json!([1, 1.5, "x", [1, [2]], {"k": null}, false]));
}

#[test]
fn the_three_ways_go_together() {
    let case = Case::new();
    let file = case.file("arguments", r#"{"a": {"longValue": 1}}"#);
    let ran = case.run_with("[a, b, c]", PERMIT_ALL, &["-a", &file, "--args-json", r#"{"b": 2}"#, "--arg", "c=3"]).expect_code(0);
    assert_eq!(ran.result(), &json!([1, 2, "3"]));
}

/// As in the peer, where they are variables and not constants.
#[test]
fn a_script_may_change_its_arguments() {
    let ran = Case::new().run_with("x += \"!\"; x", PERMIT_ALL, &["--arg", "x=a"]).expect_code(0);
    assert_eq!(ran.result(), "a!");
}

/// Whoever writes the arguments must not be able to add code to the script.
// Threat: T-GUEST-8
#[test]
fn an_argument_stays_a_value() {
    let text = "\"; touch(\"/tmp/x\"); \"${1 + 1}`";
    let ran = Case::new().run_with("x", PERMIT_ALL, &["--arg", &format!("x={text}")]).expect_code(0);
    assert_eq!((ran.result(), &ran.report["usage"]["calls"]), (&text.into(), &0.into()));
}

/// A variable may be called like a function: both can be used.
#[test]
fn an_argument_with_the_name_of_a_function_takes_nothing_away() {
    let case = Case::new();
    let file = case.file("f", "content");
    let ran = case.run_with("cat(cat)", PERMIT_ALL, &["--arg", &format!("cat={file}")]).expect_code(0);
    assert_eq!(ran.result(), "content");
}

#[test]
fn a_variable_that_was_not_given_is_an_error_before_anything_runs() {
    let case = Case::new();
    let ran = case.run(&format!("touch(\"{}\");\nif false {{ x }}", case.path("ran")), PERMIT_ALL).expect_code(1);
    assert_eq!((ran.report["outcome"].as_str(), &ran.report["error"]["line"]), (Some("syntax_error"), &2.into()));
    assert!(ran.error().contains('x') && !case.exists("ran"), "{ran:?}");
}

#[test]
fn amounts_with_and_without_units() {
    let case = Case::new();
    for options in [
        &["--timeout", "30"][..],
        &["--timeout", "30s"],
        &["--timeout", "30000ms"],
        &["--timeout", "1h"],
        &["--fuel", "1000000000"],
        &["--fuel", "1G"],
        &["--max-memory", "64MiB"],
        &["--max-memory", "67108864"],
        &["--max-output", "4096"],
        &["--max-output", "1GiB"],
        &["--max-call-bytes", "1KiB"],
        &["--max-handles", "1"],
        &["--max-record", "16KiB"],
    ] {
        case.run_with("1", PERMIT_ALL, options).expect_code(0);
    }
}

#[test]
fn the_version() {
    let ran = run(&["--version"], "");
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, concat!("rex-runner ", env!("CARGO_PKG_VERSION"), "\n"), "")
    );
}

#[test]
fn help_names_every_option_and_exit_code() {
    for arguments in [&["--help"][..], &["-h"]] {
        let ran = run(arguments, "");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        for word in [
            "--script-file",
            "--script",
            "--policy-file",
            "--script-arguments-file",
            "--arg",
            "--args-json",
            "--timeout",
            "--fuel",
            "--max-memory",
            "--max-output",
            "--max-call-bytes",
            "--max-handles",
            "--max-record",
            "--audit-log",
            "--audit-format",
            "--output-format",
            "--verbose",
            "check",
            "audit",
            "60s",
            "200G",
            "256MiB",
            "24000",
            "64MiB",
            "256",
            "7 the decision record",
        ] {
            // Help is wrapped to the width of the terminal.
            let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(word), "no {word:?} in {}", ran.stdout);
        }
    }
}
