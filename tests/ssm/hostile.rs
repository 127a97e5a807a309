//! Values that want to be something else than a value. Each reaches the runner byte for byte, or is refused before anything runs.

use proptest::prelude::*;
use rex_tests::{Case, Ran};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{committed, invoke, read, report, script, step};

/// Ways out of whatever a value might be put into. `P` is a command.
const WAYS_OUT: &[&str] = &[
    "'; P; '",
    "\"; P; \"",
    "$(P)",
    "`P`",
    "'$(P)'",
    "\"$(P)\"",
    "\"`P`\"",
    "\nP\n",
    "'\nP\n'",
    "\"\nP\n\"",
    "\r\nP\r\n",
    "\rP\r",
    "; P",
    "; P #",
    "| P",
    "|| P",
    "&& P",
    "& P",
    "&P&",
    "\\'; P; \\'",
    "\\\"; P; \\\"",
    "$((`P`))",
    "${x:-$(P)}",
    "<(P)",
    "(P)",
    "{ P; }",
    ") P",
    ";; esac\nP",
    "fi\nP",
    "done\nP",
    "}\nP\n{",
    "EOF\nP\n",
    "END\nP\n",
    "DELIMITER\nP\n",
    "\nDELIMITER\nP\n: <<'DELIMITER'\n",
    "'@\nP\n@'",
    "\"@\nP\n@\"",
    "\u{2019}; P; \u{2018}",
    "\u{201d}; P; \u{201c}",
    "\u{201a}; P; \u{201b}",
    "$env:x; P",
    "'); P; ('",
    "' | Invoke-Expression; P",
    "\u{feff}'; P",
    "\u{2028}P\u{2028}",
    "'; eval \"P\"; '",
    "; } P; {",
    "$'\\n'P",
    "() { :; }; P",
    "() { P; }",
];

/// What would leave a mark.
const COMMANDS: &[&str] = &["touch CANARY", "sh -c 'echo x >CANARY'"];

/// Values that are only odd.
fn odd() -> Vec<String> {
    let fixed = [
        "",
        " ",
        "  x  ",
        "\n",
        "x\n",
        "x\n\n\n",
        "\nx",
        "\t",
        "\r\n",
        "a\r\nb\r\n",
        "-",
        "--",
        "-s",
        "--help",
        "--version",
        "--script=1",
        "-p /dev/null",
        "--policy-digest",
        "$",
        "$$",
        "a$$b",
        "$$$$",
        "$SSM_script",
        "${SSM_script}",
        "$0 $@ $*",
        "$IFS",
        "%s%n%d",
        "\\",
        "\\\\",
        "\\n",
        "\\0",
        "\\x41",
        "!",
        "!!",
        "*",
        "?",
        "[a-z]*",
        "~",
        "#",
        "#!/bin/sh",
        "{",
        "}",
        "}}",
        "{ {",
        "{}",
        "'",
        "\"",
        "`",
        "''",
        "\"\"",
        "'\"'\"'",
        "\u{7f}",
        "\u{80}",
        "é",
        "e\u{301}",
        "日本語",
        "😀",
        "👩\u{200d}👩\u{200d}👧",
        "\u{202e}abc",
        "\u{200b}",
        "\u{feff}",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{fffe}",
        "‘’‚‛“”„",
        "{{",
        "{{ssm:x}}",
        "{{ ssm:/prod/secret }}",
        "{{ script }}",
        "{{script}}",
        "{{ arguments }}",
        "{{{",
        "a{{b",
        "{{ssm:x}}\n'; touch CANARY",
        "{{ssm-secure:x}}",
        "{{ platformType }}",
        "{ssm:x}",
        "{%ssm:x%}",
        "SSM_script=x",
        "1 + 1",
        "let x = \"{\"; x",
        "exit(194)",
        "x; exit 194",
        "exit 168",
        "true",
        "null",
    ];
    let mut all: Vec<_> = fixed.map(str::to_owned).into();
    all.extend((1..32).map(|code| format!("a{}b", char::from(code))));
    all.extend(["\0", "a\0b", "\0'; touch CANARY"].map(str::to_owned));
    all.extend([
        "x".repeat(8000),
        "'".repeat(8000),
        "😀".repeat(4000),
        "x".repeat(8001),
        "é".repeat(100_000),
        "x".repeat(100 << 10),
        // What overflows a stack would end with a code that no document chose.
        "(".repeat(8000),
        "!".repeat(8000),
        "#{a:".repeat(2000),
        "if x { ".repeat(1100),
        "\"$(".repeat(33_000),
    ]);
    all
}

/// Every value, with paths of this case in it.
fn values(case: &Case) -> Vec<String> {
    let delimiter = delimiter();
    let ways = WAYS_OUT.iter().flat_map(|way| COMMANDS.iter().map(|command| way.replace('P', command)));
    let all: Vec<_> = ways.chain(odd()).collect();
    all.iter().map(|value| value.replace("DELIMITER", &delimiter).replace("CANARY", &case.path("canary"))).collect()
}

/// The line that ends the policy in the document.
fn delimiter() -> String {
    let document = read(&committed("Rex-RO"));
    let lines = document["mainSteps"][0]["inputs"]["runCommand"].as_array().unwrap();
    let line = lines.iter().filter_map(Value::as_str).find_map(|line| line.split_once("3<<'")).unwrap();
    line.1.trim_end_matches('\'').to_owned()
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the service or the agent refused the values, so that no step was looked at.
fn refused(ran: &Ran) -> bool {
    ran.code == 5 && ran.report["error"].is_string() && ran.report.get("steps").is_none()
}

/// Whether the document should take a script.
fn acceptable(value: &str) -> bool {
    !value.is_empty() && !value.contains("{{") && !value.contains('\0') && value.encode_utf16().count() <= 8000
}

#[track_caller]
fn reaches_or_is_refused(case: &Case, value: &str) {
    let ran = invoke(case, &committed("Rex-RO"), &script(value), &[]);
    if acceptable(value) {
        assert_eq!(report(&ran)["digests"]["script_sha256"], digest(value), "{value:?}: {ran:#?}");
    } else {
        assert!(refused(&ran), "{value:?}: {ran:#?}");
    }
    assert!(!case.exists("canary"), "{value:?} broke out");
}

#[test]
fn there_are_many_values() {
    let case = Case::new();
    let mut values = values(&case);
    values.sort();
    values.dedup();
    assert!(values.len() >= 200, "{}", values.len());
    assert!(values.iter().filter(|value| acceptable(value)).count() >= 200);
}

// Threat: T-SSM-1
#[test]
fn every_script_arrives_or_is_refused() {
    let case = Case::new();
    for value in values(&case) {
        reaches_or_is_refused(&case, &value);
    }
}

// Threat: T-SSM-2
#[test]
fn an_older_agent_runs_none_of_them() {
    let case = Case::new();
    for value in values(&case) {
        let ran = invoke(&case, &committed("Rex-RO"), &script(&value), &["--agent", "older"]);
        if acceptable(&value) {
            let step = step(&ran);
            assert_eq!((&step["status"], &step["code"]), (&json!("Failed"), &json!(5)), "{value:?}: {ran:#?}");
            let output = step["stdout"].as_str().unwrap();
            assert!(output.contains("older than 3.3.2746.0") && !output.contains("digests"), "{value:?}: {ran:#?}");
        } else {
            assert!(refused(&ran), "{value:?}: {ran:#?}");
        }
        assert!(!case.exists("canary"), "{value:?} broke out");
    }
}

/// The shell of Amazon Linux, Red Hat and macOS.
#[test]
fn every_script_arrives_through_bash_too() {
    let case = Case::new();
    let mut document = read(&committed("Rex-RO"));
    let first = &mut document["mainSteps"][0]["inputs"]["runCommand"][0];
    assert_eq!(*first, "#!/bin/sh");
    *first = json!("#!/bin/bash --posix");
    let document = case.file("document.json", document.to_string());
    for value in values(&case).iter().filter(|value| acceptable(value)) {
        let ran = invoke(&case, &document, &script(value), &[]);
        assert_eq!(report(&ran)["digests"]["script_sha256"], digest(value), "{value:?}: {ran:#?}");
        assert!(!case.exists("canary"), "{value:?} broke out");
    }
}

/// Several in each run: they stand in one text, and one that broke out of it would spoil the others.
// Threat: T-SSM-1
#[test]
fn every_argument_arrives_or_is_refused() {
    let case = Case::new();
    let document = committed("Rex-RO");
    let (good, bad): (Vec<_>, Vec<_>) = values(&case).into_iter().partition(|value| {
        let text = json!({ "x": [value] }).to_string();
        !text.contains("{{") && text.len() < 1000
    });
    assert!(good.len() >= 200);
    for values in good.chunks(10) {
        let parameters = json!({ "script": ["x"], "arguments": [json!({ "x": values }).to_string()] });
        let ran = invoke(&case, &document, &parameters.to_string(), &[]);
        assert_eq!(report(&ran)["result"], json!(values), "{ran:#?}");
        assert!(!case.exists("canary"), "one of {values:?} broke out");
    }
    for value in bad {
        let parameters = json!({ "script": ["x"], "arguments": [json!({ "x": value }).to_string()] });
        let ran = invoke(&case, &document, &parameters.to_string(), &[]);
        let fits = parameters["arguments"][0].as_str().unwrap();
        let fits = !fits.contains("{{") && fits.encode_utf16().count() <= 4000;
        assert!(if fits { report(&ran)["result"] == json!(value) } else { refused(&ran) }, "{value:?}: {ran:#?}");
    }
}

/// The text of the arguments itself, which is no JSON then.
#[test]
fn arguments_that_are_no_object_are_refused() {
    let case = Case::new();
    for value in [
        "",
        "[]",
        "1",
        "x",
        "'; touch CANARY; '",
        "{",
        "{\"x\": 1",
        "{{ssm:x}}",
        "{{}}",
        " {\"x\":1}}",
        "{'x': 1}",
        "{\"x\":1,\"x\":2}",
        "{\"x y\":1}",
        "{\"x;touch\":1}",
        "{\"\":1}",
        "{\"let\":1}",
        "{\"x\":1e999}",
        "{\"x\":\"\\ud800\"}",
        &format!("{{\"x\":{}{}}}", "[".repeat(1900), "]".repeat(1900)),
    ] {
        let parameters = json!({ "script": [format!("touch(\"{}\")", case.path("ran"))], "arguments": [value] });
        let ran = invoke(&case, &committed("Rex-RO"), &parameters.to_string(), &[]);
        assert!(refused(&ran) || report(&ran)["outcome"] == "invalid", "{value:?}: {ran:#?}");
        assert_eq!(ran.code, 5, "{value:?}: {ran:#?}");
    }
}

/// JSON can say it, UTF-8 cannot.
#[test]
fn half_a_character_is_refused() {
    for text in [r#"{"script": ["\ud800"]}"#, r#"{"script": ["\udc00x"]}"#, r#"{"script": ["x\ud83d"]}"#] {
        let ran = invoke(&Case::new(), &committed("Rex-RO"), text, &[]);
        assert!(refused(&ran), "{text}: {ran:#?}");
    }
}

// Threat: T-SSM-1
#[test]
fn no_other_parameter_is_a_way_in() {
    let case = Case::new();
    for value in ["0", "3601", "60s", "60; id", "$(id)", "60\n", "", "-1", "1e2", "{{ssm:x}}", "٦٠", "99999999999999999999"] {
        let parameters = json!({ "script": ["1"], "timeoutSeconds": [value] }).to_string();
        assert!(refused(&invoke(&case, &committed("Rex-RO"), &parameters, &[])), "{value:?}");
    }
    for value in ["../../tmp/x", "/x", "a/b", "a.b", "-x", ".x", "a b", "a;id", "$(id)", "", "x\n", "{{ssm:x}}", &"x".repeat(65)]
    {
        let parameters = json!({ "name": [value] }).to_string();
        assert!(refused(&invoke(&case, &committed("Rex-Stored"), &parameters, &[])), "{value:?}");
    }
    for parameters in
        [r#"{"script": ["1"], "policy": ["permit(principal, action, resource);"]}"#, r#"{"script": ["1", "2"]}"#, "{}"]
    {
        assert!(refused(&invoke(&case, &committed("Rex-RO"), parameters, &[])), "{parameters}");
    }
}

/// The patterns are the service's and the agent's. The step does not rely on them.
#[test]
fn the_step_checks_again() {
    let case = Case::new();
    for (name, parameter, values) in [
        ("Rex-RO", "timeoutSeconds", &["0", "3601", "60s", "-1", "9999999", "$(touch CANARY)", "1\n", "", "1 -p /dev/null"][..]),
        ("Rex-Stored", "name", &["../x", "/x", "a/b", "-x", ".x", "a b", "$(touch CANARY)", "x\n", "", "é"]),
    ] {
        let mut document = read(&committed(name));
        for limit in ["allowedPattern", "minChars", "maxChars"] {
            document["parameters"][parameter].as_object_mut().unwrap().remove(limit);
        }
        let document = case.file("document.json", document.to_string());
        for value in values {
            let value = value.replace("CANARY", &case.path("canary"));
            let mut parameters = json!({ parameter: [value] });
            if name == "Rex-RO" {
                parameters["script"] = json!(["1"]);
            }
            let ran = invoke(&case, &document, &parameters.to_string(), &[]);
            assert_eq!((ran.code, report(&ran).get("digests")), (5, None), "{value:?}: {ran:#?}");
            assert!(!case.exists("canary"), "{value:?} broke out");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    // Threat: T-SSM-1
    #[test]
    fn any_script_arrives_or_is_refused(value in "([\\x00-\\x7f]|[$`'\"\\\\{}();|&<>\n\r#!*?~=-]|\\PC|[\u{2018}-\u{201f}]){0,80}") {
        reaches_or_is_refused(&Case::new(), &value);
    }
}
