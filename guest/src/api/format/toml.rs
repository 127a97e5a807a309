//! TOML. Dates and times become texts, as they are written.

use rhai::{Array, Dynamic, Map};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Flaw, too_deep, too_large};
use crate::value::MAX_DEPTH;

pub(super) fn parse(text: &str) -> Result<Map, Flaw> {
    let table = DeTable::parse(text).map_err(|error| match error.span() {
        Some(span) => Flaw::at(text, span.start, error.message()),
        None => Flaw { reason: error.message().to_owned(), place: None },
    })?;
    members(text, table.get_ref(), 1)
}

fn members(text: &str, table: &DeTable, depth: usize) -> Result<Map, Flaw> {
    table.iter().map(|(name, member)| Ok((name.get_ref().as_ref().into(), value(text, member, depth + 1)?))).collect()
}

fn value(text: &str, value: &Spanned<DeValue>, depth: usize) -> Result<Dynamic, Flaw> {
    let flaw = |reason: String| Flaw::at(text, value.span().start, reason);
    if depth > MAX_DEPTH {
        return Err(flaw(too_deep()));
    }
    Ok(match value.get_ref() {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| flaw(too_large(integer)))?.into()
        }
        DeValue::Float(float) => match float.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() || float.as_str().ends_with(|last: char| last.is_ascii_alphabetic()) => {
                number.into()
            }
            _ => return Err(flaw(format!("the number {float} is too large"))),
        },
        DeValue::Boolean(boolean) => (*boolean).into(),
        DeValue::Datetime(datetime) => datetime.to_string().into(),
        DeValue::Array(array) => {
            array.iter().map(|element| self::value(text, element, depth + 1)).collect::<Result<Array, _>>()?.into()
        }
        DeValue::Table(table) => members(text, table, depth)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_type_has_its_value() {
        let text = r#"
            text = "a\n"
            whole = [1, -2, 0xff, 0o17, 0b11, 1_000, +5]
            broken = [1.5, 1e3, -0.0]
            yes = true
            when = [1979-05-27T07:32:00Z, 1979-05-27, 07:32:00]
            a.b = 1
            [a.c]
            d = {e = []}
            [[list]]
            n = 1
            [[list]]
        "#;
        let value = Dynamic::from(parse(text).unwrap()).to_string();
        assert_eq!(
            value,
            r##"#{"a": #{"b": 1, "c": #{"d": #{"e": []}}}, "broken": [1.5, 1000.0, -0.0], "list": [#{"n": 1}, #{}], "text": "a\n", "when": ["1979-05-27T07:32:00Z", "1979-05-27", "07:32:00"], "whole": [1, -2, 255, 15, 3, 1000, 5], "yes": true}"##
        );
        assert!(parse("x = nan").unwrap()["x"].as_float().unwrap().is_nan());
        assert_eq!(parse("x = -inf").unwrap()["x"].as_float().unwrap(), f64::NEG_INFINITY);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, reason, place) in [
            ("a = 1\nb = 9223372036854775808", "the integer 9223372036854775808 is beyond", (2, 5)),
            ("b = 0xffffffffffffffff", "is beyond", (1, 5)),
            ("a = 1\n\n  a = 2", "duplicate key", (3, 3)),
            ("a = 1e999", "too large", (1, 5)),
            ("a = ", "", (1, 5)),
            ("a", "", (1, 2)),
        ] {
            let flaw = parse(text).unwrap_err();
            assert!(flaw.reason.contains(reason), "{text}: {flaw:?}");
            assert_eq!(flaw.place, Some((place.0, Some(place.1))), "{text}: {flaw:?}");
        }
    }

    #[test]
    fn nesting_has_a_bound() {
        for open in ["x = ", "[a.a.a.a.a.a.a.a.a.a]\nx = "] {
            for depth in [60, 1000, 100_000] {
                let text = format!("{open}{}{}", "[".repeat(depth), "]".repeat(depth));
                assert_eq!(parse(&text).is_ok(), depth == 60 && open == "x = ", "{open}{depth}");
            }
        }
        assert!(parse(&format!("{}a = 1", "a.".repeat(100_000))).is_err());
        assert!(parse(&format!("[{}a]", "a.".repeat(100_000))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "[\\[\\]{}\"',=.#a0-9eE\\n:TZ+-ä ]{0,40}") {
            let _ = parse(&text);
        }
    }
}
