//! YAML 1.2 in its core schema: `yes` and `0o17` mean what they mean there, and `<<` is a name like any other.

use std::collections::BTreeMap;

use rhai::{Array, Dynamic, Map};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{Flaw, too_deep, too_large};
use crate::value::MAX_DEPTH;

/// Values that aliases stand for, in all. Ten lines of aliases for aliases would otherwise be more than any memory holds.
const MAX_ALIASED: usize = 100_000;

pub(super) fn parse(text: &str) -> Result<Dynamic, Flaw> {
    let mut document = Document::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| flaw_at(error.marker(), error.info()))?;
        document.take(event).map_err(|reason| flaw_at(&span.start, &reason))?;
    }
    Ok(document.root.map(|node| node.value).unwrap_or_default())
}

fn flaw_at(marker: &Marker, reason: &str) -> Flaw {
    Flaw { reason: reason.to_owned(), place: Some((marker.line(), Some(marker.col() + 1))) }
}

/// What has been read so far.
#[derive(Default)]
struct Document {
    root: Option<Node>,
    /// The arrays and maps that have begun and not ended.
    open: Vec<Collection>,
    anchors: BTreeMap<usize, Node>,
    aliased: usize,
}

/// A value with what a bound has to know of it.
#[derive(Clone)]
struct Node {
    value: Dynamic,
    /// How it was written, if it is no collection: names in maps are texts.
    name: Option<String>,
    /// Values in it, itself included.
    size: usize,
    /// Collections in collections, itself included.
    depth: usize,
}

struct Collection {
    anchor: usize,
    content: Content,
    size: usize,
    depth: usize,
}

enum Content {
    Sequence(Array),
    /// The members, and the name whose member comes next.
    Mapping(Map, Option<String>),
}

impl Document {
    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err("a second document begins here, and a value is made of one".to_owned())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref())?;
                self.put(Node { value, name: Some(text.into_owned()), size: 1, depth: 0 }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).ok_or("the alias stands for something that it is part of")?;
                self.aliased = self.aliased.saturating_add(node.size);
                if self.aliased > MAX_ALIASED {
                    return Err(format!("the aliases stand for more than {MAX_ALIASED} values"));
                }
                self.put(node.clone(), 0)
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, Content::Sequence(Array::new())),
            Event::MappingStart(anchor, _) => self.begin(anchor, Content::Mapping(Map::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Collection { anchor, content, size, depth }) = self.open.pop() else { return Ok(()) };
                let value = match content {
                    Content::Sequence(array) => array.into(),
                    Content::Mapping(map, _) => map.into(),
                };
                self.put(Node { value, name: None, size: size + 1, depth: depth + 1 }, anchor)
            }
        }
    }

    fn begin(&mut self, anchor: usize, content: Content) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.open.push(Collection { anchor, content, size: 0, depth: 0 });
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if self.open.len() + node.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        // 0 stands for none.
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(collection) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        collection.size = collection.size.saturating_add(node.size);
        collection.depth = collection.depth.max(node.depth);
        match &mut collection.content {
            Content::Sequence(array) => array.push(node.value),
            Content::Mapping(map, next) => match next.take() {
                Some(name) => {
                    map.insert(name.into(), node.value);
                }
                None => {
                    let name = node.name.ok_or("the name of a member is an array or a map, and has to be a text")?;
                    if map.contains_key(name.as_str()) {
                        return Err(format!("the name `{name}` occurs twice in a map"));
                    }
                    *next = Some(name);
                }
            },
        }
        Ok(())
    }
}

/// A tag of YAML's own decides what a scalar is; tags of an application say nothing here.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Dynamic, String> {
    let refuse = |type_name: &str| format!("`{text}` is no {type_name}");
    match tag.filter(|tag| tag.is_yaml_core_schema()).map(|tag| tag.suffix.as_str()) {
        Some("str") => Ok(text.into()),
        Some("null") => if_null(text).ok_or_else(|| refuse("null")),
        Some("bool") => if_boolean(text).ok_or_else(|| refuse("boolean")),
        Some("int") => if_integer(text)?.ok_or_else(|| refuse("integer")),
        Some("float") => if_float(text)?.ok_or_else(|| refuse("number")),
        None if style == ScalarStyle::Plain && tag.is_none() => plain(text),
        _ => Ok(text.into()),
    }
}

fn plain(text: &str) -> Result<Dynamic, String> {
    if let Some(value) = if_null(text).or_else(|| if_boolean(text)) {
        return Ok(value);
    }
    if let Some(value) = if_integer(text)? {
        return Ok(value);
    }
    Ok(if_float(text)?.unwrap_or_else(|| text.into()))
}

fn if_null(text: &str) -> Option<Dynamic> {
    matches!(text, "" | "~" | "null" | "Null" | "NULL").then_some(Dynamic::UNIT)
}

fn if_boolean(text: &str) -> Option<Dynamic> {
    match text {
        "true" | "True" | "TRUE" => Some(true.into()),
        "false" | "False" | "FALSE" => Some(false.into()),
        _ => None,
    }
}

fn if_integer(text: &str) -> Result<Option<Dynamic>, String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => (digits, 16),
        (_, Some(digits)) => (digits, 8),
        _ => (unsigned, 10),
    };
    if digits.is_empty() || !digits.chars().all(|character| character.is_digit(radix)) {
        return Ok(None);
    }
    let number = if radix == 10 { text } else { digits };
    i64::from_str_radix(number, radix).map(|integer| Some(integer.into())).map_err(|_| too_large(text))
}

fn if_float(text: &str) -> Result<Option<Dynamic>, String> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (-1.0, unsigned),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Ok(Some((sign * f64::INFINITY).into())),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Ok(Some(f64::NAN.into())),
        _ => {}
    }
    // Rust's numbers have words of their own, such as `infinity`.
    let begins = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    match unsigned.parse::<f64>() {
        Ok(number) if begins && number.is_finite() => Ok(Some((sign * number).into())),
        Ok(_) if begins => Err(format!("the number {text} is too large")),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        format!("{:?}", parse(text).unwrap())
    }

    #[test]
    fn each_type_has_its_value() {
        for (text, value) in [
            ("", "()"),
            ("# nothing", "()"),
            ("---\n...\n", "()"),
            ("[~, null, x]", "[(), (), \"x\"]"),
            ("[true, False, TRUE, yes, off]", "[true, false, true, \"yes\", \"off\"]"),
            ("[1, -2, +3, 0o17, 0xfF, 017, 1_000, -x]", "[1, -2, 3, 15, 255, 17, \"1_000\", \"-x\"]"),
            (
                "[1.5, .5, 1., 1e3, -1.5e-1, ., e5, inf, nan, 1.2.3]",
                "[1.5, 0.5, 1.0, 1000.0, -0.15, \".\", \"e5\", \"inf\", \"nan\", \"1.2.3\"]",
            ),
            ("['1', \"true\", !!str 1, !!int '1', !own 1]", "[\"1\", \"true\", \"1\", 1, \"1\"]"),
            ("a: |\n  x\n  y\nb: >\n  x\n  y\n", r##"#{"a": "x\ny\n", "b": "x y\n"}"##),
            ("1: a\ntrue: b\n~: c\n", r##"#{"1": "a", "true": "b", "~": "c"}"##),
            ("a:\n- b: 1\n  c: {d: []}\n-\n", r##"#{"a": [#{"b": 1, "c": #{"d": []}}, ()]}"##),
            ("a: &x [1]\nb: *x\n<<: 1\n", r##"#{"<<": 1, "a": [1], "b": [1]}"##),
            ("&k a: 1\nb: *k\n", r##"#{"a": 1, "b": "a"}"##),
            ("2001-12-14", "\"2001-12-14\""),
        ] {
            assert_eq!(parsed(text), value, "{text:?}");
        }
        assert_eq!(parse("-.inf").unwrap().as_float().unwrap(), f64::NEG_INFINITY);
        assert!(parse(".nan").unwrap().as_float().unwrap().is_nan());
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, reason, place) in [
            ("a: 1\nb: 9223372036854775808", "the integer 9223372036854775808 is beyond", (2, 4)),
            ("0xffffffffffffffff", "is beyond", (1, 1)),
            ("1e999", "too large", (1, 1)),
            ("a: 1\na: 2", "`a` occurs twice", (2, 1)),
            ("[a]: 1", "name of a member", (1, 1)),
            ("- 1\n---\n- 2", "second document", (2, 1)),
            ("&a [*a]", "part of", (1, 5)),
            ("!!int x", "is no integer", (1, 7)),
        ] {
            let flaw = parse(text).unwrap_err();
            assert!(flaw.reason.contains(reason), "{text:?}: {flaw:?}");
            assert_eq!(flaw.place.unwrap().0, place.0, "{text:?}: {flaw:?}");
        }
        for text in ["*unknown", "a: [", "\"", "a: b: c", "\tx: 1\n y"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn aliases_of_aliases_are_no_bomb() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let before = format!("*a{}, ", level - 1).repeat(9);
            bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        assert!(parse(&bomb).unwrap_err().reason.contains("the aliases stand for more"));
        let mut chain = "- &a0 [x]\n".to_owned();
        for level in 1..100 {
            chain.push_str(&format!("- &a{level} [*a{}]\n", level - 1));
        }
        assert!(parse(&chain).unwrap_err().reason.contains("nested deeper"));
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(crate::value::to_json(&parse(&nested(MAX_DEPTH)).unwrap()).is_ok());
        for depth in [MAX_DEPTH + 1, 10_000] {
            assert!(parse(&nested(depth)).is_err() && parse(&"- ".repeat(depth)).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "[\\[\\]{}\"',:?&*!|>%@#~<a0\\n\\t ä-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
