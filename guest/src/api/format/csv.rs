//! Comma-separated values. Every field is text.

use ::csv::{ErrorKind, ReaderBuilder, StringRecord};
use rhai::{Array, Dynamic, Map};

use super::{COMMON_KINDS, Flaw, INVALID_ARGUMENTS};
use crate::error::{ApiResult, of_kind};

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// The first line has the names of the fields.
    header: bool,
    delimiter: u8,
}

impl Default for Layout {
    fn default() -> Self {
        Self { header: true, delimiter: b',' }
    }
}

impl Layout {
    /// From a script's `#{header: true, delimiter: ","}`, either of which may be left out.
    pub(super) fn of(options: &Map) -> ApiResult<Self> {
        let refuse = |reason: String| of_kind(COMMON_KINDS, INVALID_ARGUMENTS, reason);
        let mut layout = Self::default();
        for (name, value) in options {
            match name.as_str() {
                "header" => {
                    layout.header =
                        value.as_bool().map_err(|type_name| refuse(format!("`header` is true or false, not a {type_name}")))?;
                }
                "delimiter" => layout.delimiter = delimiter(value).map_err(refuse)?,
                other => return Err(refuse(format!("`{other}` is no option for CSV: there are `header` and `delimiter`"))),
            }
        }
        Ok(layout)
    }

    pub(super) fn parser(self) -> impl Fn(&str) -> Result<Array, Flaw> {
        move |text| {
            if self.header { self.maps(text) } else { self.records(text, false)?.map(|record| Ok(array(&record?))).collect() }
        }
    }

    fn maps(self, text: &str) -> Result<Array, Flaw> {
        let mut records = self.records(text, true)?;
        let Some(names) = records.next().transpose()? else { return Ok(Array::new()) };
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(Flaw {
                reason: format!("two fields have the name `{twice}`: read them with `header: false`"),
                place: Some((1, None)),
            });
        }
        let map = |record: StringRecord| -> Map {
            names.iter().zip(&record).map(|(name, field)| (name.into(), field.into())).collect()
        };
        records.map(|record| Ok(map(record?).into())).collect()
    }

    fn records(self, text: &str, same_length: bool) -> Result<impl Iterator<Item = Result<StringRecord, Flaw>>, Flaw> {
        let reader =
            ReaderBuilder::new().has_headers(false).delimiter(self.delimiter).flexible(!same_length).from_reader(text.as_bytes());
        Ok(reader.into_records().map(|record| record.map_err(|error| flaw(&error))))
    }
}

/// One character of ASCII, given as text or as a character, that has no other meaning.
fn delimiter(value: &Dynamic) -> Result<u8, String> {
    let text = value.as_char().map(String::from).or_else(|_| value.clone().into_string());
    match text.as_deref().map(str::as_bytes) {
        Ok([byte]) if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => {
            Err("`delimiter` is one character of ASCII, such as \";\" or \"\\t\", and neither a quote nor a line end".to_owned())
        }
    }
}

fn array(record: &StringRecord) -> Dynamic {
    record.iter().map(Into::into).collect::<Array>().into()
}

fn flaw(error: &::csv::Error) -> Flaw {
    let line = error.position().and_then(|position| usize::try_from(position.line()).ok());
    let reason = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the line has {len} fields, and the first has {expected_len}")
        }
        _ => error.to_string(),
    };
    Flaw { reason, place: line.map(|line| (line, None)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str, header: bool, delimiter: u8) -> String {
        Dynamic::from(Layout { header, delimiter }.parser()(text).unwrap()).to_string()
    }

    #[test]
    fn lines_are_maps_or_arrays() {
        assert_eq!(
            parsed("b,a\n1,x y\n,\"q\"\"\n,\"\n", true, b','),
            r##"[#{"a": "x y", "b": "1"}, #{"a": "q\"\n,", "b": ""}]"##
        );
        assert_eq!(parsed("1;2\r\n3\r\n", false, b';'), r#"[["1", "2"], ["3"]]"#);
        for text in ["", "a,b", "a,b\n"] {
            assert_eq!(parsed(text, true, b','), "[]", "{text:?}");
        }
        assert_eq!(parsed("", false, b','), "[]");
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let flaw = |text: &str| Layout::default().parser()(text).unwrap_err();
        assert_eq!(
            flaw("a,b\n1,2\n3\n"),
            Flaw { reason: "the line has 1 fields, and the first has 2".to_owned(), place: Some((3, None)) }
        );
        assert!(flaw("a,a\n1,2").reason.contains("two fields have the name `a`"));
    }

    #[test]
    fn options_are_checked() {
        let layout = |script: &str| Layout::of(&rhai::Engine::new().eval::<Map>(script).unwrap());
        assert_eq!(layout("#{}").unwrap(), Layout::default());
        assert_eq!(layout("#{header: false, delimiter: \"\\t\"}").unwrap(), Layout { header: false, delimiter: b'\t' });
        assert_eq!(layout("#{delimiter: '|'}").unwrap().delimiter, b'|');
        for script in [
            "#{header: 1}",
            "#{delimiter: \"\"}",
            "#{delimiter: \";;\"}",
            "#{delimiter: \"ä\"}",
            "#{delimiter: 1}",
            "#{delimiter: \"\\n\"}",
            "#{delimeter: \";\"}",
        ] {
            assert!(layout(script).is_err(), "{script}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "[\",a\\n\\rä ]{0,40}", header: bool) {
            let _ = Layout { header, delimiter: b',' }.parser()(&text);
        }
    }
}
