//! JSON.

use rhai::Dynamic;

use super::{Flaw, too_deep, too_large};
use crate::value::{self, MAX_DEPTH};

pub(super) fn parse(text: &str) -> Result<Dynamic, Flaw> {
    let value = value::from_json(text).map_err(|error| {
        let message = error.to_string();
        let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
        let place = (error.line() > 0).then(|| (error.line(), Some(error.column().max(1))));
        Flaw { reason: reason.to_owned(), place }
    })?;
    check(text)?;
    Ok(value)
}

/// What the parser lets pass: large integers, of which it makes other numbers, and deep nesting. The text is JSON already.
fn check(text: &str) -> Result<(), Flaw> {
    let (mut depth, mut rest) = (0_usize, text.char_indices());
    while let Some((start, character)) = rest.next() {
        match character {
            '"' => {
                let mut escaped = false;
                rest.by_ref().find(|(_, character)| {
                    let end = *character == '"' && !escaped;
                    escaped = *character == '\\' && !escaped;
                    end
                });
            }
            '[' | '{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Flaw::at(text, start, too_deep()));
                }
            }
            ']' | '}' => depth -= 1,
            '-' | '0'..='9' => {
                let is_of_number = |character: char| character.is_ascii_digit() || "+-.eE".contains(character);
                let number = text.get(start..).unwrap_or_default();
                let number = number.split(|character| !is_of_number(character)).next().unwrap_or_default();
                if !number.contains(['.', 'e', 'E']) && number.parse::<i64>().is_err() {
                    return Err(Flaw::at(text, start, too_large(number)));
                }
                // The other characters of the number are of one byte each.
                for _ in 1..number.len() {
                    rest.next();
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flaw(text: &str) -> (String, usize, usize) {
        let flaw = parse(text).unwrap_err();
        let (line, column) = flaw.place.unwrap();
        (flaw.reason, line, column.unwrap())
    }

    #[test]
    fn any_value_is_taken() {
        for (text, value) in [
            ("1", "1"),
            (" [1.5, 0, true, null, \"a\\n\"] ", "[1.5, 0, true, (), \"a\\n\"]"),
            (r#"{"b": {"": []}, "a": "\u00e4\\"}"#, r##"#{"a": "ä\\", "b": #{"": []}}"##),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1e3", "1000.0"),
            (r#"["\"99999999999999999999", "\\", 1]"#, r#"["\"99999999999999999999", "\\", 1]"#),
        ] {
            assert_eq!(format!("{:?}", parse(text).unwrap()), value, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        assert_eq!(flaw("[1,\n 2"), ("EOF while parsing a list".to_owned(), 2, 2));
        assert_eq!(flaw("{}\nx"), ("trailing characters".to_owned(), 2, 1));
        assert!(parse("").is_err() && parse("{'a': 1}").is_err() && parse("#{}").is_err() && parse("[1,]").is_err());
    }

    #[test]
    fn integers_that_do_not_fit_are_no_other_numbers() {
        for text in ["9223372036854775808", "[1, -9223372036854775809]", "{\"a\": 99999999999999999999999999}"] {
            assert!(parse(text).unwrap_err().reason.starts_with("the integer "), "{text}");
        }
        assert_eq!(flaw("[\"\\\"\",\n -9223372036854775809]").2, 2);
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(value::to_json(&parse(&nested(MAX_DEPTH)).unwrap()).is_ok());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "[\\[\\]{}\",:\\\\0-9eE.+-ä ]{0,40}") {
            let _ = parse(&text);
        }
    }
}
