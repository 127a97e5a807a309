//! Replacing in a text: `replace_text` and `sed`.

use regex::{Regex, RegexBuilder};

use crate::error::{ApiResult, invalid_pattern};

/// The bounds that the host sets for `grep`: bytes of a pattern, bytes of what it becomes, and groups in groups.
const MAX_PATTERN: usize = 4096;
const MAX_REGEX: usize = 4 << 20;
const MAX_REGEX_NESTING: u32 = 100;

#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// `old` is a regular expression, and `new` may name its groups.
    pub(crate) is_regex: bool,
    /// Every occurrence instead of the first.
    pub(crate) all: bool,
}

pub(crate) fn replace(text: &str, old: &str, new: &str, how: How) -> ApiResult<String> {
    let limit = usize::from(!how.all);
    Ok(match (how.is_regex, how.all) {
        // The regular expressions' limit of 0 stands for all.
        (true, _) => compile(old)?.replacen(text, limit, new).into_owned(),
        (false, true) => text.replace(old, new),
        (false, false) => text.replacen(old, new, limit),
    })
}

/// A pattern, ready to be searched for.
pub(crate) fn compile(pattern: &str) -> ApiResult<Regex> {
    if pattern.len() > MAX_PATTERN {
        return Err(invalid_pattern(format!("the pattern has {} bytes, and may have {MAX_PATTERN}", pattern.len())));
    }
    let regex = RegexBuilder::new(pattern).size_limit(MAX_REGEX).dfa_size_limit(MAX_REGEX).nest_limit(MAX_REGEX_NESTING).build();
    regex.map_err(|error| {
        // A syntax error is a drawing of several lines, the last of which says what is wrong.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default();
        invalid_pattern(format!("the pattern is no regular expression: {}", reason.strip_prefix("error: ").unwrap_or(reason)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str, old: &str, new: &str, is_regex: bool, all: bool) -> String {
        replace(text, old, new, How { is_regex, all }).unwrap()
    }

    #[test]
    fn the_first_or_all() {
        assert_eq!(replaced("a.a.a", "a", "b", false, false), "b.a.a");
        assert_eq!(replaced("a.a.a", "a", "b", false, true), "b.b.b");
        assert_eq!(replaced("a1 a2", r"a\d", "x", true, false), "x a2");
        assert_eq!(replaced("a1 a2", r"a\d", "x", true, true), "x x");
        for (is_regex, all) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(replaced("text", "none", "x", is_regex, all), "text");
        }
    }

    #[test]
    fn only_a_regular_expression_has_groups_and_special_characters() {
        assert_eq!(replaced("key=value", r"(\w+)=(\w+)", "$2=$1", true, false), "value=key");
        assert_eq!(replaced("key=value", "(?<k>key)", "${k}s", true, false), "keys=value");
        assert_eq!(replaced("a.b", ".", "$1", false, false), "a$1b");
        assert_eq!(replaced("Ähre ähre", "(?i)ä", "x", true, true), "xhre xhre");
        assert_eq!(replaced("ab1", r"\p{L}", "x", true, true), "xx1");
    }

    #[test]
    fn what_is_no_regular_expression_is_told_in_one_line() {
        let message = |pattern: &str| {
            let error = replace("", pattern, "", How { is_regex: true, all: false }).unwrap_err();
            crate::error::to_host(&error, crate::bindings::exports::rex::host::script::Fault::Runtime).message
        };
        for pattern in ["(", "a{1000}{1000}{1000}", &"(".repeat(101), &"x".repeat(MAX_PATTERN + 1)] {
            let message = message(pattern);
            assert!(message.contains("ValidationError: the pattern") && !message.contains('\n'), "{message}");
        }
        assert!(message("(").ends_with("no regular expression: unclosed group"));
    }
}
