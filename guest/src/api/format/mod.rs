//! Texts of common formats as values: `parse_json`, `read_toml`, `to_json` and the like.
//!
//! All of them refuse what cannot be said in the language's values, rather than change it: integers beyond 64 bits, names that are no
//! text, names that occur twice. Values may be nested as deeply as a result may be, so that whatever was read can be given back.

mod csv;
mod json;
mod toml;
mod yaml;

use rhai::{Array, Dynamic, EvalAltResult, Map};

use crate::api::{constant, file_system};
use crate::engine::Registrar;
use crate::error::{ApiResult, COMMON_KINDS, of_kind};
use crate::value::{self, MAX_DEPTH};

/// The kinds of the native peer's common functions.
const KINDS: &[&str] = &[INVALID_ARGUMENTS, PARSE_ERROR, FORMAT_ERROR, "Other"];
const INVALID_ARGUMENTS: &str = "InvalidArguments";
const PARSE_ERROR: &str = "ParseError";
const FORMAT_ERROR: &str = "FormatError";

pub(super) fn register(registrar: &mut Registrar) {
    constant::register_family(registrar, COMMON_KINDS, KINDS);

    // Rhai's own take nothing but maps, and what they write is no JSON where a text has control characters in it.
    registrar.addition("parse_json", |text: &str| parse(json::parse, text));
    registrar.function("to_json", |map: &mut Map| to_json(&map.clone().into()));
    registrar.function("to_json", |array: &mut Array| to_json(&array.clone().into()));
    registrar.function("to_json", |value: Dynamic| to_json(&value));
    registrar.addition("read_json", |path: &str| read(json::parse, path));

    registrar.addition("parse_toml", |text: &str| parse(toml::parse, text));
    registrar.addition("read_toml", |path: &str| read(toml::parse, path));

    registrar.addition("parse_yaml", |text: &str| parse(yaml::parse, text));
    registrar.addition("read_yaml", |path: &str| read(yaml::parse, path));

    registrar.addition("parse_csv", |text: &str| parse(csv::Layout::default().parser(), text));
    registrar.addition("parse_csv", |text: &str, options: Map| parse(csv::Layout::of(&options)?.parser(), text));
    registrar.addition("read_csv", |path: &str| read(csv::Layout::default().parser(), path));
    registrar.addition("read_csv", |path: &str, options: Map| read(csv::Layout::of(&options)?.parser(), path));
}

/// What is wrong with a text, and where.
#[derive(Debug, PartialEq, Eq)]
struct Flaw {
    reason: String,
    /// The line and the column, which count from 1; of a format with records the line alone.
    place: Option<(usize, Option<usize>)>,
}

impl Flaw {
    /// At a position of a text in bytes.
    fn at(text: &str, offset: usize, reason: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
        Self { reason: reason.into(), place: Some((line, Some(column))) }
    }

    /// In a file, or in a text that has no name.
    fn into_error(self, file: Option<&str>) -> Box<EvalAltResult> {
        let place = match self.place {
            Some((line, Some(column))) => format!("line {line}, column {column}: "),
            Some((line, None)) => format!("line {line}: "),
            None => String::new(),
        };
        let file = file.map(|path| format!("{path}: ")).unwrap_or_default();
        // Some reasons have several lines, and an error has one.
        of_kind(COMMON_KINDS, PARSE_ERROR, format!("{file}{place}{}", self.reason.trim_end().replace('\n', ", ")))
    }
}

fn parse<T: Into<Dynamic>>(parser: impl Fn(&str) -> Result<T, Flaw>, text: &str) -> ApiResult<Dynamic> {
    parser(without_mark(text)).map(Into::into).map_err(|flaw| flaw.into_error(None))
}

fn read<T: Into<Dynamic>>(parser: impl Fn(&str) -> Result<T, Flaw>, path: &str) -> ApiResult<Dynamic> {
    let text = file_system::read(path)?;
    parser(without_mark(&text)).map(Into::into).map_err(|flaw| flaw.into_error(Some(path)))
}

/// Some editors put a byte order mark in front of UTF-8, which belongs to no format.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn to_json(value: &Dynamic) -> ApiResult<String> {
    value::to_json(value).map_err(|reason| of_kind(COMMON_KINDS, FORMAT_ERROR, format!("the value cannot be JSON: {reason}")))
}

fn too_deep() -> String {
    format!("the values are nested deeper than {MAX_DEPTH} levels")
}

fn too_large(integer: impl std::fmt::Display) -> String {
    format!("the integer {integer} is beyond {} to {}", i64::MIN, i64::MAX)
}

#[cfg(test)]
mod tests {
    use rhai::Scope;

    use super::*;
    use crate::engine::Language;

    fn run(script: &str) -> Result<String, String> {
        Language::new().run(script, &mut Scope::new()).map(|value| value.to_string()).map_err(|error| error.message)
    }

    #[test]
    fn each_format_has_its_function() {
        for (script, result) in [
            (r#"parse_json("[1, {\"a\": null}]")"#, r#"[1, #{"a": ()}]"#),
            (r#"parse_json("\ufeff{}")"#, "#{}"),
            (r#"parse_toml("a = 1")"#, r#"#{"a": 1}"#),
            (r#"parse_yaml("- 1\n- a: x")"#, r#"[1, #{"a": "x"}]"#),
            (r#"parse_csv("a,b\n1,2\n")"#, r#"[#{"a": "1", "b": "2"}]"#),
            (r#"parse_csv("1;2\n", #{header: false, delimiter: ";"})"#, r#"[["1", "2"]]"#),
        ] {
            assert_eq!(run(script).unwrap(), result, "{script}");
        }
    }

    #[test]
    fn values_become_json() {
        for (script, result) in [
            ("#{b: 1, a: [#{}]}.to_json()", r#"{"a":[{}],"b":1}"#),
            ("[1, \"x\\x7f\\u0001\", ()].to_json()", "[1,\"x\u{7f}\\u0001\",null]"),
            ("\"x\".to_json()", "\"x\""),
            ("to_json(1.5)", "1.5"),
            ("let a = [1]; a.to_json(); a", "[1]"),
            ("parse_json(#{a: [1, \"\\u007f\"]}.to_json()).a[0]", "1"),
        ] {
            assert_eq!(run(script).unwrap(), result, "{script}");
        }
        let deep = "let a = []; for n in 0..70 { a = [a]; } a.to_json()";
        assert!(run(deep).unwrap_err().contains("CommonUtilsErrorKind: FormatError: the value cannot be JSON"));
    }

    #[test]
    fn an_error_has_kind_place_and_source() {
        let caught = |call: &str| {
            run(&format!(
                "let seen = (); try {{ {call} }} catch (e) {{ seen = [e.kind == CommonUtilsErrorKind::ParseError, e.source, e.message] }} seen"
            ))
        };
        assert_eq!(
            caught(r#"parse_json("{\n  \"a\": 1x")"#).unwrap(),
            r#"[true, "CommonUtilsErrorKind", "line 2, column 9: expected `,` or `}`"]"#
        );
        for (call, message) in [
            (r#"parse_json("{\n  \"a\": x}")"#, "line 2, column 8: expected value"),
            (r#"parse_json("[1,\n 9223372036854775808]")"#, "line 2, column "),
            (r#"parse_json("[1,\n -9223372036854775809]")"#, "line 2, column 2: the integer -9223372036854775809 is beyond "),
            (r#"parse_toml("a = 1\na = 2")"#, "line 2, column 1: duplicate key"),
            (r#"parse_toml("a = ")"#, "line 1, column "),
            (r#"parse_yaml("- 9223372036854775808")"#, "line 1, column 3: the integer 9223372036854775808 is beyond "),
            (r#"parse_yaml("a: 1\na: 2")"#, "line 2, column 1: the name `a` occurs twice in a map"),
            (r#"parse_yaml("a: [")"#, "line 2, column 1: "),
            (r#"parse_csv("a,b\n1,2\n3\n")"#, "line 3: the line has 1 fields, and the first has 2"),
        ] {
            let caught = caught(call).unwrap();
            assert!(caught.contains(&format!("\"{message}")) && !caught.contains("\\n"), "{call}: {caught}");
        }
        assert!(run(r#"parse_csv("", #{header: 1})"#).unwrap_err().contains("InvalidArguments"));
    }

    /// In time that grows with their length, and without the stack that their nesting would take.
    #[test]
    fn bombs_are_refused() {
        let deep = "[".repeat(200_000);
        for error in [
            yaml::parse(&deep).map(drop),
            yaml::parse(&"- ".repeat(20_000)).map(drop),
            json::parse(&deep).map(drop),
            json::parse(&r#"{"a":"#.repeat(100_000)).map(drop),
            toml::parse(&format!("a = {deep}")).map(drop),
        ] {
            assert!(error.is_err());
        }
    }

    #[test]
    fn places_count_from_1_in_characters() {
        let place = |offset| Flaw::at("ä\nbü!", offset, "").place;
        assert_eq!(place(0), Some((1, Some(1))));
        assert_eq!(place(2), Some((1, Some(2))));
        assert_eq!(place(3), Some((2, Some(1))));
        assert_eq!(place(6), Some((2, Some(3))));
        assert_eq!(place(99), Some((2, Some(4))));
    }
}
