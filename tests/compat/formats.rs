//! Texts of common formats as values, and values as JSON.

use rex_tests::Case;
use serde_json::{Value, json};

use crate::{run, value};

/// What a script gives when the text is in its variable `text`, and in the file `p + "/f"`.
#[track_caller]
fn with_text(text: &str, script: &str) -> Value {
    let case = Case::new();
    case.file("in/f", text);
    value(&case, &format!("let text = cat(p + \"/f\"); {script}"))
}

/// From a text and from a file it is the same.
#[track_caller]
fn parsed(format: &str, text: &str) -> Value {
    let value = with_text(text, &format!("parse_{format}(text)"));
    assert_eq!(with_text(text, &format!("read_{format}(p + \"/f\")")), value);
    value
}

#[test]
fn json() {
    for text in [r#"{"a": [1, -2.5, true, null, "ä\u0001\""], "": {}}"#, "[]", "\"x\"", "null", "-9223372036854775808"] {
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parsed("json", text), expected, "{text}");
        assert_eq!(parsed("json", &format!("\u{feff}{text}\n")), expected, "{text}");
    }
}

#[test]
fn toml() {
    let text = "title = \"x\"\n[a.b]\nn = 0xff\nwhen = 1979-05-27T07:32:00Z\n[[list]]\nf = 1.5\n[[list]]\nyes = true\n";
    assert_eq!(
        parsed("toml", text),
        json!({"title": "x", "a": {"b": {"n": 255, "when": "1979-05-27T07:32:00Z"}}, "list": [{"f": 1.5}, {"yes": true}]})
    );
    assert_eq!(parsed("toml", ""), json!({}));
}

#[test]
fn yaml() {
    let text = "a: &x\n  - 1\n  - yes\n  - ~\nb: *x\nc: |\n  line\n1: {d: 0o17, e: '1', f: !!str 1}\n";
    assert_eq!(
        parsed("yaml", text),
        json!({"a": [1, "yes", null], "b": [1, "yes", null], "c": "line\n", "1": {"d": 15, "e": "1", "f": "1"}})
    );
    assert_eq!(parsed("yaml", ""), Value::Null);
}

#[test]
fn csv() {
    assert_eq!(
        parsed("csv", "name,size\na,1\n\"b, \"\"c\"\"\",\n"),
        json!([{"name": "a", "size": "1"}, {"name": "b, \"c\"", "size": ""}])
    );
    assert_eq!(parsed("csv", ""), json!([]));
    for (options, text, result) in [
        ("#{}", "a\n1\n", json!([{"a": "1"}])),
        ("#{header: false}", "a,b\n1\n", json!([["a", "b"], ["1"]])),
        ("#{delimiter: \";\"}", "a;b\n1;2\n", json!([{"a": "1", "b": "2"}])),
        ("#{header: false, delimiter: \"\\t\"}", "a\tb\n", json!([["a", "b"]])),
    ] {
        assert_eq!(with_text(text, &format!("parse_csv(text, {options})")), result, "{options}");
        assert_eq!(with_text(text, &format!("read_csv(p + \"/f\", {options})")), result, "{options}");
    }
}

#[test]
fn an_error_names_the_place() {
    for (format, text, message) in [
        ("json", "{\n  \"a\": x}", "line 2, column 8: expected value"),
        ("json", "[1,\n 9223372036854775808]", "line 2, column "),
        ("json", "[1,\n -9223372036854775809]", "line 2, column 2: the integer -9223372036854775809 is beyond "),
        ("toml", "a = 1\na = 2", "line 2, column 1: duplicate key"),
        ("toml", "a = 9223372036854775808", "line 1, column 5: the integer 9223372036854775808 is beyond "),
        ("yaml", "a: 1\na: 2", "line 2, column 1: the name `a` occurs twice in a map"),
        ("yaml", "- 9223372036854775808", "line 1, column 3: the integer 9223372036854775808 is beyond "),
        ("csv", "a,b\n1,2\n3\n", "line 3: the line has 1 fields, and the first has 2"),
    ] {
        let caught = |call: &str| {
            format!(
                "let seen = (); try {{ {call}; }} catch (e) {{ seen = [e.kind == CommonUtilsErrorKind::ParseError, e.source, e.message]; }} seen"
            )
        };
        let seen = with_text(text, &caught(&format!("parse_{format}(text)")));
        assert_eq!((&seen[0], &seen[1]), (&true.into(), &"CommonUtilsErrorKind".into()), "{text:?}");
        assert!(seen[2].as_str().unwrap().starts_with(message), "{text:?}: {seen}");
        let seen = with_text(text, &caught(&format!("read_{format}(p + \"/f\")")));
        assert!(seen[2].as_str().unwrap().contains(&format!("/in/f: {message}")), "{text:?}: {seen}");
    }
}

#[test]
fn an_error_of_a_file_stays_one_of_files() {
    let case = Case::new();
    case.file("in/bytes", b"\xff");
    for format in ["json", "toml", "yaml", "csv"] {
        let error = |file: &str| run(&case, &format!("read_{format}(p + \"/{file}\")")).expect_code(1).error().to_owned();
        assert!(error("missing").starts_with("IoErrorKind: NotFound: "), "{format}");
        assert!(error("bytes").starts_with("IoErrorKind: Utf8Error: "), "{format}");
    }
}

#[test]
fn the_kinds_of_the_peers_common_functions() {
    let script = "[CommonUtilsErrorKind::InvalidArguments, CommonUtilsErrorKind::ParseError, CommonUtilsErrorKind::FormatError, CommonUtilsErrorKind::Other]";
    assert_eq!(value(&Case::new(), script), json!(["InvalidArguments", "ParseError", "FormatError", "Other"]));
    let ran = run(&Case::new(), "parse_csv(\"\", #{separator: \";\"})").expect_code(1);
    assert!(ran.error().starts_with("CommonUtilsErrorKind: InvalidArguments: `separator` is no option"), "{ran:?}");
}

#[test]
fn values_as_json() {
    for (script, text) in [
        ("#{b: 1, a: [#{c: ()}, 1.5]}.to_json()", r#"{"a":[{"c":null},1.5],"b":1}"#),
        ("[1, \"x\", [true]].to_json()", r#"[1,"x",[true]]"#),
        ("\"a\\n\".to_json()", r#""a\n""#),
        ("to_json(())", "null"),
        ("[IoErrorKind::NotFound].to_json()", r#"["NotFound"]"#),
    ] {
        assert_eq!(value(&Case::new(), script), text, "{script}");
    }
    // Control characters too, which the language's own function writes in a way that is no JSON.
    assert_eq!(value(&Case::new(), "parse_json(#{a: \"\\x01\\x7f\"}.to_json()).a == \"\\x01\\x7f\""), true);
}

/// None of them may take the run with it.
#[test]
fn texts_that_are_bombs() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(9);
        aliases.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let deep = "[".repeat(200_000);
    for (format, text) in [
        ("yaml", aliases),
        ("yaml", deep.clone()),
        ("yaml", "- ".repeat(20_000)),
        ("json", deep.clone()),
        ("json", r#"{"a":"#.repeat(100_000)),
        ("toml", format!("a = {deep}")),
        ("toml", format!("{}a = 1", "a.".repeat(100_000))),
        ("toml", format!("[{}a]", "a.".repeat(100_000))),
    ] {
        let case = Case::new();
        case.file("in/f", text);
        let ran = run(&case, &format!("read_{format}(p + \"/f\")")).expect_code(1);
        assert!(ran.error().starts_with("CommonUtilsErrorKind: ParseError: "), "{format}: {}", ran.error());
    }
}
