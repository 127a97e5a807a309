//! Input that cannot be used gets one clear message and the right code, and nothing runs.

use rex_tests::{Case, PERMIT_ALL, Ran, run};

/// A case with a good script, which would leave something behind, and a good policy.
fn case() -> (Case, String, String) {
    let case = Case::new();
    let script = case.file("good.rhai", format!(r#"touch("{}")"#, case.path("ran")));
    let policy = case.file("good.cedar", PERMIT_ALL);
    (case, script, policy)
}

/// Nothing ran, and a message in one line says what is wrong, with these words in it.
#[track_caller]
fn refused(case: &Case, ran: Ran, code: i32, words: &[&str]) {
    let ran = ran.expect_code(code);
    for word in words {
        assert!(ran.error().contains(word), "no {word:?} in {ran:#?}");
    }
    assert!(!ran.error().contains('\n') && !ran.error().is_empty(), "{ran:#?}");
    assert!(ran.report["usage"]["calls"] == 0 && !case.exists("ran"), "{ran:#?}");
}

#[test]
fn a_file_that_is_missing() {
    let (case, script, policy) = case();
    let nothing = case.path("nothing");
    let words: &[&str] = &[&nothing, "No such file"];
    refused(&case, run(&["-s", &nothing, "-p", &policy], ""), 5, &[words, &["script"]].concat());
    refused(&case, run(&["-s", &script, "-p", &nothing], ""), 5, &[words, &["policy"]].concat());
    refused(&case, run(&["-s", &script, "-p", &policy, "-a", &nothing], ""), 5, &[words, &["argument"]].concat());
}

#[test]
fn a_directory_instead_of_a_file() {
    let (case, script, policy) = case();
    let directory = case.dir("directory");
    let words: &[&str] = &[&directory, "directory"];
    refused(&case, run(&["-s", &directory, "-p", &policy], ""), 5, words);
    refused(&case, run(&["-s", &script, "-p", &directory], ""), 5, words);
    refused(&case, run(&["-s", &script, "-p", &policy, "-a", &directory], ""), 5, words);
}

#[test]
fn a_file_that_is_not_utf_8() {
    let (case, script, policy) = case();
    let bytes = case.file("bytes", b"ab\xff");
    let words: &[&str] = &[&bytes, "not UTF-8", "byte 2"];
    refused(&case, run(&["-s", &bytes, "-p", &policy], ""), 5, words);
    refused(&case, run(&["-s", &script, "-p", &bytes], ""), 5, words);
    refused(&case, run(&["-s", &script, "-p", &policy, "-a", &bytes], ""), 5, words);
}

#[test]
fn an_empty_script() {
    let (case, _, policy) = case();
    for text in ["", " \n\t", "\u{feff}"] {
        let script = case.file("empty", text);
        let ran = run(&["-s", &script, "-p", &policy], "");
        // A byte order mark is not white space, and no script either.
        if text == "\u{feff}" {
            assert!(matches!(ran.code, 1 | 5), "{ran:?}")
        } else {
            refused(&case, ran, 5, &["script", "empty"])
        }
    }
    refused(&case, run(&["-s", "-", "-p", &policy], ""), 5, &["the script on standard input is empty"]);
    refused(&case, run(&["--script", "", "-p", &policy], ""), 5, &["the script of --script is empty"]);
}

#[test]
fn an_empty_policy() {
    let (case, script, _) = case();
    for text in ["", "\n", "// nothing but a comment\n"] {
        let policy = case.file("empty", text);
        refused(&case, run(&["-s", &script, "-p", &policy], ""), 5, &["policy", &policy, "empty"]);
    }
}

#[test]
fn a_policy_with_a_mistake_has_its_place() {
    let (case, script, _) = case();
    for (text, words) in [
        ("permit(principal, action, resource);\npermit(principal, action, ressource);", ["line 2, column 27", "ressource"]),
        ("permit(principal, action == file_system::Action::\"raed\", resource);", ["line 1, column", "raed"]),
        ("permit(principal, action, resource)\nwhen { resource.paht == \"x\" };", ["line 2, column", "paht"]),
        ("permit(principal == ?principal, action, resource);", ["template", "principal"]),
        ("permit(principal, action, resource);\n}", ["line 2, column 1", "}"]),
    ] {
        let policy = case.file("bad", text);
        refused(&case, run(&["-s", &script, "-p", &policy], ""), 5, &[&words[..], &[&policy]].concat());
    }
}

#[test]
fn an_argument_file_that_is_no_json_object() {
    let (case, script, policy) = case();
    for text in ["", "[]", "1", "\"x\"", "null", "{", "{\"a\": {\"stringValue\": \"x\"}} trailing"] {
        let arguments = case.file("arguments", text);
        refused(&case, run(&["-s", &script, "-p", &policy, "-a", &arguments], ""), 5, &["arguments", &arguments]);
    }
}

#[test]
fn an_argument_of_another_type_than_it_says() {
    let (case, script, policy) = case();
    for value in [
        r#"{"stringValue": 1}"#,
        r#"{"integerValue": "1"}"#,
        r#"{"integerValue": 1.5}"#,
        r#"{"booleanValue": "true"}"#,
        r#"{"doubleValue": "1.0"}"#,
        r#"{"listValue": {}}"#,
        r#"{"listValue": [1]}"#,
        r#"{"mapValue": []}"#,
        r#"{"mapValue": {"k": "v"}}"#,
        r#"{"textValue": "x"}"#,
        r#"{"stringValue": "x", "longValue": 1}"#,
        r#"{}"#,
        r#""x""#,
        r#"null"#,
    ] {
        let arguments = case.file("arguments", format!(r#"{{"x": {value}}}"#));
        refused(
            &case,
            run(&["-s", &script, "-p", &policy, "-a", &arguments], ""),
            5,
            &["arguments", &arguments, "line 1 column"],
        );
    }
}

#[test]
fn an_integer_that_does_not_fit() {
    let (case, script, policy) = case();
    for value in [
        r#"{"integerValue": 2147483648}"#,
        r#"{"integerValue": -2147483649}"#,
        r#"{"longValue": 9223372036854775808}"#,
        r#"{"longValue": 1e30}"#,
    ] {
        let arguments = case.file("arguments", format!(r#"{{"x": {value}}}"#));
        refused(&case, run(&["-s", &script, "-p", &policy, "-a", &arguments], ""), 5, &["arguments", &arguments]);
    }
    refused(
        &case,
        run(&["-s", &script, "-p", &policy, "--args-json", r#"{"x": 9223372036854775808}"#], ""),
        5,
        &["9223372036854775808"],
    );
}

#[test]
fn args_json_that_is_no_object() {
    let (case, script, policy) = case();
    for text in ["", "[1]", "x", "{'a': 1}", r#"{"a": 1,}"#] {
        refused(&case, run(&["-s", &script, "-p", &policy, "--args-json", text], ""), 5, &["--args-json"]);
    }
}

#[test]
fn an_argument_that_is_given_twice() {
    let (case, script, policy) = case();
    let file = case.file("arguments", r#"{"x": {"stringValue": "1"}}"#);
    let twice = case.file("twice", r#"{"x": {"stringValue": "1"}, "x": {"stringValue": "2"}}"#);
    for options in [
        &["--arg", "x=1", "--arg", "x=2"][..],
        &["-a", &file, "--arg", "x=2"],
        &["-a", &file, "--args-json", r#"{"x": 2}"#],
        &["--args-json", r#"{"x": 1, "x": 2}"#],
        &["-a", &twice],
    ] {
        refused(&case, run(&[&["-s", &script, "-p", &policy], options].concat(), ""), 5, &["`x`", "twice"]);
    }
}

#[test]
fn an_argument_whose_name_is_no_identifier() {
    let (case, script, policy) = case();
    for name in ["", "1x", "a b", "a-b", "a.b", "a::b", "x;touch", "é", "_", "let", "if", "fn", "this", "eval", "throw", "true"]
    {
        let json = serde_json::json!({ name: 1 }).to_string();
        refused(&case, run(&["-s", &script, "-p", &policy, "--args-json", &json], ""), 5, &["variable"]);
    }
}

#[test]
fn an_unknown_flag_or_a_bad_value_is_a_usage_error() {
    let (case, script, policy) = case();
    for (options, word) in [
        (&["--bogus"][..], "--bogus"),
        (&["extra"], "extra"),
        (&["--timeout", "0"], "--timeout"),
        (&["--timeout", "-1"], "-1"),
        (&["--timeout", "1.5s"], "--timeout"),
        (&["--timeout", "1d"], "--timeout"),
        (&["--timeout", ""], "--timeout"),
        (&["--timeout", "99999999999999999999"], "--timeout"),
        (&["--fuel", "0"], "from 1 to 18446744073709551615"),
        (&["--fuel", "1MiB"], "--fuel"),
        (&["--fuel", "99999999999G"], "--fuel"),
        (&["--max-memory", "lots"], "--max-memory"),
        (&["--max-memory", "1MB"], "--max-memory"),
        (&["--max-output", "4095"], "--max-output"),
        (&["--max-output", "0"], "--max-output"),
        (&["--max-call-bytes", "0"], "--max-call-bytes"),
        (&["--max-handles", "0"], "--max-handles"),
        (&["--max-handles", "x"], "from 1 to 100000"),
        (&["--max-handles", "100001"], "--max-handles"),
        (&["--max-record", "16383"], "16384"),
        (&["--arg", "x"], "--arg"),
        (&["-o", "xml"], "xml"),
    ] {
        let ran = run(&[&["-s", &script, "-p", &policy], options].concat(), "");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{options:?}: {ran:?}");
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains(word), "{options:?}: {ran:?}");
        assert!(!case.exists("ran"), "{options:?}");
    }
}

/// The second of them would be found empty.
#[test]
fn two_inputs_from_standard_input_are_a_usage_error() {
    let (case, script, policy) = case();
    for (arguments, names) in [
        (&["-s", "-", "-p", "-"][..], "-s - and -p -"),
        (&["check", "-s", "-", "-p", "-"], "-s - and -p -"),
        (&["-s", "-", "-p", &policy, "-a", "-"], "-s - and -a -"),
        (&["-s", &script, "-p", "-", "-a", "-"], "-p - and -a -"),
    ] {
        let ran = run(arguments, "1");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(names) && !case.exists("ran"), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn plain_json_in_an_argument_file_is_told_where_it_goes() {
    let (case, script, policy) = case();
    let arguments = case.file("arguments", r#"{"x": 3}"#);
    let words = &[&*arguments, r#"{"name": {"stringValue": "x"}}"#, "--args-json"];
    refused(&case, run(&["-s", &script, "-p", &policy, "-a", &arguments], ""), 5, words);
}

#[test]
fn no_script_and_two_scripts_are_usage_errors() {
    let (case, script, policy) = case();
    for arguments in [
        &["-p", &policy][..],
        &["-s", &script],
        &[],
        &["-s", &script, "--script", "1", "-p", &policy],
        &["-s", &script, "-s", &script, "-p", &policy],
        &["check"],
        &["check", "-p", &policy],
        &["check", "-s", &script],
        &["check", "-s", &script, "-p", &policy, "--timeout", "1s"],
    ] {
        let ran = run(arguments, "");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.starts_with("error: "), "{arguments:?}: {ran:?}");
    }
    assert!(!case.exists("ran"));
}

/// Clap could not show it, and a lossy copy would be another script.
#[test]
fn a_script_text_that_is_not_utf_8_is_a_usage_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let (_case, _, policy) = case();
    let mut command = rex_tests::command(&["-p", &policy, "--script"]);
    let ran = rex_tests::finish(command.arg(OsStr::from_bytes(b"\"\xff\"")).spawn().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
}

// Threat: T-RES-10
#[test]
fn input_that_is_too_long_is_a_limit() {
    let (case, script, policy) = case();
    let long = case.file("long", " ".repeat((4 << 20) + 1));
    refused(&case, run(&["-s", &long, "-p", &policy], ""), 4, &["script", &long, "bytes"]);
    refused(&case, run(&["-s", &script, "-p", &long], ""), 4, &["policy", &long, "bytes"]);
    refused(&case, run(&["-s", &script, "-p", &policy, "-a", &long], ""), 4, &["argument", &long, "bytes"]);
    refused(&case, run(&["-s", &script, "-p", &policy, "-a", "/dev/zero"], ""), 4, &["argument", "/dev/zero", "bytes"]);
}

/// Human output has nothing on standard output that a program could take for a result.
#[test]
fn the_human_format_says_it_on_standard_error() {
    let (case, script, _) = case();
    let ran = run(&["-s", &script, "-p", &case.path("nothing"), "-o", "human"], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""));
    assert!(ran.stderr.starts_with("error: the policy ") && ran.stderr.lines().count() == 1, "{ran:?}");
}
