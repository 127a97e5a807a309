//! The functions on texts and on the lines of files.

use std::os::unix::fs::symlink;

use rex_tests::Case;
use serde_json::json;

use crate::{run, value};

const FIELDS: &str = "a 10 x\nb 20.5\n\nc  z\na  nan?\n";

fn case() -> Case {
    let case = Case::new();
    case.file("in/f", "one two\ntwo two\n");
    case.file("in/fields", FIELDS);
    case
}

#[test]
fn sed() {
    let case = case();
    let sed = |arguments: &str| value(&case, &format!("sed({arguments}, p + \"/f\")"));
    assert_eq!(sed("\"two\", \"2\""), "one 2\ntwo two\n");
    assert_eq!(sed("[], \"two\", \"2\""), "one 2\ntwo two\n");
    assert_eq!(sed("\"none\", \"2\""), "one two\ntwo two\n");
    // Neither a regular expression nor groups without the flag.
    assert_eq!(sed("\"t.o\", \"2\""), "one two\ntwo two\n");
    assert_eq!(sed("\"one\", \"$1\""), "$1 two\ntwo two\n");
    for flag in ["all", "g"] {
        assert_eq!(sed(&format!("[sed::{flag}], \"two\", \"2\"")), "one 2\n2 2\n");
    }
    assert_eq!(sed("[sed::regex], \"t(.)o\", \"<$1>\""), "one <w>\ntwo two\n");
    assert_eq!(sed("[sed::regex, sed::all], \"(?m)^(\\\\w+) (\\\\w+)$\", \"$2 $1\""), "two one\ntwo two\n");
    assert_eq!(case.content("in/f").as_deref(), Some("one two\ntwo two\n"));
    let ran = run(&case, "sed([sed::regex], \"(\", \"\", p + \"/f\")").expect_code(1);
    assert!(ran.error().starts_with("IoErrorKind: ValidationError: the pattern is no regular expression"), "{ran:?}");
}

#[test]
fn sed_in_place() {
    let case = case();
    for (flag, content) in [("in_place", "one 2\ntwo two\n"), ("i", "one 2\n2 two\n")] {
        assert_eq!(value(&case, &format!("sed([sed::{flag}], \"two\", \"2\", p + \"/f\")")), content);
        assert_eq!(case.content("in/f").as_deref(), Some(content));
    }
    symlink("f", case.path("in/link")).unwrap();
    value(&case, "sed([sed::in_place, sed::all], \"2\", \"x\", p + \"/link\")");
    assert_eq!(case.content("in/f").as_deref(), Some("one x\nx two\n"));
    assert!(std::fs::symlink_metadata(case.path("in/link")).unwrap().is_symlink());
    run(&case, "sed([sed::i], \"a\", \"b\", p + \"/missing\")").expect_code(1);
    assert!(!case.exists("in/missing"));
}

/// Reading is enough for the new text, and writing is needed to keep it.
#[test]
fn sed_in_place_needs_writing() {
    let case = case();
    let policy = case.permit(&["open", "read"], &["in"]);
    let script = |flags: &str| format!("sed([{flags}], \"two\", \"2\", \"{}\")", case.path("in/f"));
    assert_eq!(case.run(&script(""), &policy).expect_code(0).result(), "one 2\ntwo two\n");
    let ran = case.run(&script("sed::in_place"), &policy).expect_code(3);
    assert_eq!(ran.denials()[0]["action"], r#"file_system::Action::"write""#, "{ran:?}");
    assert_eq!(case.content("in/f").as_deref(), Some("one two\ntwo two\n"));
}

#[test]
fn replace_text() {
    let case = Case::new();
    for (options, result) in
        [("", "x.b a.b"), (".is_regex(false).replace_all(false)", "x.b a.b"), (".replace_all(true)", "x.b x.b")]
    {
        let script = format!("replace_text(\"a.b a.b\", \"a\", \"x\", ReplacementOptions(){options}.build())");
        assert_eq!(value(&case, &script), result);
    }
    let script = "let options = ReplacementOptions().is_regex(true).replace_all(true).build(); \
                  replace_text(\"execfn: 'myapp' execfn: 'b'\", \"execfn: '([^']+)'\", \"$1\", options)";
    assert_eq!(value(&case, script), "myapp b");
}

#[test]
fn awk() {
    let case = case();
    let awk = |call: &str| value(&case, &call.replace("FILE", "p + \"/fields\""));
    assert_eq!(value(&case, "awk_split(\"hello world  foo\", \" \")"), json!(["hello", "world", "", "foo"]));
    assert_eq!(awk("awk_field(1, \" \", FILE)"), json!(["a", "b", "", "c", "a"]));
    // Lines that have no such field are passed over.
    assert_eq!(awk("awk_field(3, \" \", FILE)"), json!(["x", "z", "nan?"]));
    assert_eq!(awk("awk_field(99, \" \", FILE)"), json!([]));
    assert_eq!(awk("awk_filter(\"a\", FILE)"), json!(["a 10 x", "a  nan?"]));
    assert_eq!(awk("awk_filter(\".\", FILE)"), json!(["b 20.5"]));
    assert_eq!(awk("awk_filter_field(3, \" \", \"z\", FILE)"), json!(["c  z"]));
    assert_eq!(awk("awk_sum(2, \" \", FILE)"), json!(30.5));
    assert_eq!(awk("awk_sum(9, \" \", FILE)"), json!(0.0));
    assert_eq!(awk("type_of(awk_sum(2, \" \", FILE))"), "f64");
    assert_eq!(awk("awk_count_unique(1, \" \", FILE)"), json!({"": 1, "a": 2, "b": 1, "c": 1}));
    assert_eq!(awk("awk_count_unique(1, \" \", FILE)[\"a\"] + 1"), 3);
    assert_eq!(awk("awk_filter_range(2, 4, FILE)"), json!(["b 20.5", "", "c  z"]));
    assert_eq!(awk("awk_filter_range(5, 99, FILE)"), json!(["a  nan?"]));
    assert_eq!(awk("awk_filter_range(99, 99, FILE)"), json!([]));
    for call in [
        "awk_field(0, \" \", FILE)",
        "awk_filter_field(-1, \" \", \"\", FILE)",
        "awk_sum(0, \" \", FILE)",
        "awk_count_unique(0, \" \", FILE)",
        "awk_filter_range(0, 1, FILE)",
        "awk_filter_range(2, 1, FILE)",
    ] {
        let ran = run(&case, &call.replace("FILE", "p + \"/fields\"")).expect_code(1);
        assert!(ran.error().starts_with("IoErrorKind: InvalidArguments: "), "{call}: {ran:?}");
    }
}

#[test]
fn head() {
    let case = Case::new();
    let lines: Vec<_> = (1..=12).map(|number| number.to_string()).collect();
    case.file("in/f", lines.join("\n"));
    assert_eq!(value(&case, "head(p + \"/f\")"), json!(lines[..10]));
    assert_eq!(value(&case, "head([], p + \"/f\")"), json!(lines[..10]));
    assert_eq!(value(&case, "head([head::n(2)], p + \"/f\")"), json!(["1", "2"]));
    assert_eq!(value(&case, "head([head::n(0)], p + \"/f\")"), json!([]));
    assert_eq!(value(&case, "head([head::n(99)], p + \"/f\")"), json!(lines));
    run(&case, "head([head::n(-1)], p + \"/f\")").expect_code(1);
}

#[test]
fn sort() {
    let case = Case::new();
    case.file("in/f", "10 b\n9 a\n10 b\n-1\n");
    let sort = |flags: &str| value(&case, &format!("sort({flags}p + \"/f\")"));
    assert_eq!(sort(""), json!(["-1", "10 b", "10 b", "9 a"]));
    assert_eq!(sort("[], "), json!(["-1", "10 b", "10 b", "9 a"]));
    for flag in ["reverse", "r"] {
        assert_eq!(sort(&format!("[sort::{flag}], ")), json!(["9 a", "10 b", "10 b", "-1"]));
    }
    for flag in ["numeric", "n"] {
        assert_eq!(sort(&format!("[sort::{flag}], ")), json!(["-1", "9 a", "10 b", "10 b"]));
    }
    for flag in ["unique", "u"] {
        assert_eq!(sort(&format!("[sort::{flag}], ")), json!(["-1", "10 b", "9 a"]));
    }
    assert_eq!(sort("[sort::n, sort::r, sort::u], "), json!(["10 b", "9 a", "-1"]));
    assert!(run(&case, "sort(\"relative\")").expect_code(1).error().contains("InvalidPath"));
    assert!(run(&case, "sort([sort::r], \"relative\")").expect_code(1).error().contains("InvalidPath"));
}

/// What the peer lacks takes no name from its scripts.
#[test]
fn scripts_keep_their_own_functions_and_the_languages() {
    let case = Case::new();
    case.dir("in");
    for (script, result) in [
        ("let a = [3, 1, 2]; a.sort(); a", json!([1, 2, 3])),
        ("fn down(x, y) { y - x } let a = [3, 1, 2]; a.sort(\"down\"); a", json!([3, 2, 1])),
        ("let a = [3, 1, 2]; a.sort(|x, y| y - x); a", json!([3, 2, 1])),
        ("fn head(lines) { lines[0] } head([7])", json!(7)),
        ("fn sort(values) { values.sort(); values } sort([2, 1])", json!([1, 2])),
        ("fn tree(path) { \"mine\" } tree(\"/\")", json!("mine")),
        ("fn parse_csv(text) { text.split(\",\") } parse_csv(\"a,b\")", json!(["a", "b"])),
    ] {
        assert_eq!(value(&case, script), result, "{script}");
    }
    assert!(run(&case, "fn sed(a, b, c) { 1 } 1").expect_code(1).error().contains("redefine"));
}

#[test]
fn each_of_them_asks_for_what_cat_asks_for() {
    let case = case();
    let path = case.path("in/fields");
    for call in [
        "head(F)",
        "sort(F)",
        "sed(\"a\", \"b\", F)",
        "awk_field(1, \" \", F)",
        "awk_filter(\"a\", F)",
        "awk_sum(1, \" \", F)",
        "awk_count_unique(1, \" \", F)",
        "awk_filter_range(1, 1, F)",
        "awk_filter_field(1, \" \", \"a\", F)",
        "read_csv(F)",
        "read_json(F)",
    ] {
        let script = call.replace('F', &format!("\"{path}\""));
        let ran = case.run(&script, &case.permit(&["open"], &["in"])).expect_code(3);
        assert_eq!(ran.denials()[0]["action"], r#"file_system::Action::"read""#, "{call}: {ran:?}");
        let ran = case.run(&script, &case.permit(&["read"], &["in"])).expect_code(3);
        assert_eq!(ran.denials()[0]["action"], r#"file_system::Action::"open""#, "{call}: {ran:?}");
    }
}
