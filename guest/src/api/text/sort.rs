//! Ordering the lines of a text: `sort`.

use std::cmp::Ordering;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Order {
    pub(crate) reverse: bool,
    /// By the number that a line begins with, 0 where it begins with none.
    pub(crate) numeric: bool,
    /// One of the lines that are equal in this order, the first.
    pub(crate) unique: bool,
}

/// The lines as sort(1) orders them in the locale C: by their bytes, and where numbers are equal by the whole lines.
pub(crate) fn sorted(text: &str, order: Order) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().map(|line| (order.numeric.then(|| Number::of(line)), line)).collect();
    let compare = |(a, a_line): &(Option<Number>, &str), (b, b_line): &(Option<Number>, &str)| {
        let by_key = if order.numeric { a.cmp(b) } else { a_line.cmp(b_line) };
        let ordering = if order.unique { by_key } else { by_key.then_with(|| a_line.cmp(b_line)) };
        if order.reverse { ordering.reverse() } else { ordering }
    };
    lines.sort_by(compare);
    if order.unique {
        lines.dedup_by(|a, b| compare(a, b) == Ordering::Equal);
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

/// A decimal number of any length, which no other type would hold exactly.
#[derive(Debug, PartialEq, Eq)]
struct Number<'l> {
    negative: bool,
    /// Without zeros in front.
    whole: &'l str,
    /// Without zeros at the end.
    fraction: &'l str,
}

impl<'l> Number<'l> {
    /// What a line begins with after blanks.
    fn of(line: &'l str) -> Self {
        let text = line.trim_start();
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (whole, rest) = digits(text);
        let fraction = rest.strip_prefix('.').map_or("", |rest| digits(rest).0);
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        Self { negative: negative && !(whole.is_empty() && fraction.is_empty()), whole, fraction }
    }

    fn size(&self, other: &Self) -> Ordering {
        self.whole
            .len()
            .cmp(&other.whole.len())
            .then_with(|| self.whole.cmp(other.whole))
            .then_with(|| self.fraction.cmp(other.fraction))
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.size(other),
            (true, true) => other.size(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The digits in front, and what follows.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(flags: &str) -> Order {
        Order { reverse: flags.contains('r'), numeric: flags.contains('n'), unique: flags.contains('u') }
    }

    #[test]
    fn lines_are_ordered_as_by_the_command() {
        for (flags, text, lines) in [
            ("", "b\na\n\nB\nä", "|B|a|b|ä"),
            ("", "10\n9\n", "10|9"),
            ("n", "10\n9\n-1\nx\n 2", "-1|x| 2|9|10"),
            ("n", "1.5\n1.45\n1.50\n-1.5\n-2", "-2|-1.5|1.45|1.5|1.50"),
            (
                "n",
                "99999999999999999999\n100000000000000000000\n0099999999999999999998",
                "0099999999999999999998|99999999999999999999|100000000000000000000",
            ),
            ("r", "a\nc\nb", "c|b|a"),
            ("rn", "2\n10\n2b", "10|2b|2"),
            ("u", "b\na\nb\na", "a|b"),
            ("un", "02\n1\n2\n-0\n0", "-0|1|02"),
            ("unr", "02\n1\n2", "02|1"),
            ("", "b\r\na\r\n", "a|b"),
        ] {
            assert_eq!(sorted(text, order(flags)).join("|"), lines, "{flags} {text:?}");
        }
        assert!(sorted("", order("")).is_empty());
    }
}
