//! Fields and lines of a text: the `awk_…` functions.
//!
//! As in the native peer, a field is what stands between two delimiters, two of them in a row have an empty one between them, and a line
//! that has too few is passed over.

use rhai::Map;

use super::invalid;
use crate::error::ApiResult;

/// Where a field stands in each line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'d> {
    index: usize,
    delimiter: &'d str,
}

impl<'d> Field<'d> {
    /// Numbers count from 1.
    pub(crate) fn new(number: i64, delimiter: &'d str) -> ApiResult<Self> {
        match usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) {
            Some(index) => Ok(Self { index, delimiter }),
            None => Err(invalid(format!("fields count from 1, and this is field {number}"))),
        }
    }

    fn of(self, line: &str) -> Option<&str> {
        line.split(self.delimiter).nth(self.index)
    }

    pub(crate) fn values(self, text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter_map(move |line| self.of(line))
    }

    /// The lines in which the field contains a text.
    pub(crate) fn lines_with<'t>(self, text: &'t str, part: &str) -> impl Iterator<Item = &'t str> {
        text.lines().filter(move |line| self.of(line).is_some_and(|value| value.contains(part)))
    }

    /// What is no number is passed over.
    pub(crate) fn sum(self, text: &str) -> f64 {
        // An empty `sum` is -0.0.
        self.values(text).filter_map(|value| value.trim().parse::<f64>().ok()).fold(0.0, |sum, value| sum + value)
    }

    /// How often each value occurs.
    pub(crate) fn counts(self, text: &str) -> Map {
        let mut counts = std::collections::BTreeMap::<&str, i64>::new();
        for value in self.values(text) {
            *counts.entry(value).or_default() += 1;
        }
        counts.into_iter().map(|(value, count)| (value.into(), count.into())).collect()
    }
}

/// Where the lines from `first` to `last` are: how many stand before them, and how many they are.
pub(crate) fn range(first: i64, last: i64) -> ApiResult<(usize, usize)> {
    let numbers = usize::try_from(first).ok().zip(usize::try_from(last).ok());
    match numbers.and_then(|(first, last)| Some((first.checked_sub(1)?, last.checked_sub(first)?.saturating_add(1)))) {
        Some(range) => Ok(range),
        None => Err(invalid(format!(
            "a range of lines begins at 1 or later and does not end before it begins, not {first} to {last}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a 10 x\nb 20.5\n\nc  z\na  nan?\n";

    fn field(number: i64) -> Field<'static> {
        Field::new(number, " ").unwrap()
    }

    #[test]
    fn fields_count_from_1_and_lines_without_are_passed_over() {
        assert_eq!(field(1).values(TEXT).collect::<Vec<_>>(), ["a", "b", "", "c", "a"]);
        assert_eq!(field(2).values(TEXT).collect::<Vec<_>>(), ["10", "20.5", "", ""]);
        assert_eq!(field(3).values(TEXT).collect::<Vec<_>>(), ["x", "z", "nan?"]);
        assert_eq!(field(i64::MAX).values(TEXT).count(), 0);
        for number in [0, -1, i64::MIN] {
            assert!(Field::new(number, " ").is_err());
        }
    }

    #[test]
    fn lines_are_chosen_by_a_field() {
        assert_eq!(field(1).lines_with(TEXT, "a").collect::<Vec<_>>(), ["a 10 x", "a  nan?"]);
        assert_eq!(field(3).lines_with(TEXT, "").collect::<Vec<_>>(), ["a 10 x", "c  z", "a  nan?"]);
    }

    #[test]
    fn numbers_are_added_and_the_rest_is_passed_over() {
        assert_eq!(field(2).sum(TEXT), 30.5);
        assert!(field(9).sum(TEXT).is_sign_positive());
        assert_eq!(Field::new(1, ",").unwrap().sum(" 1e2 ,\n-1,\n"), 99.0);
    }

    #[test]
    fn values_are_counted() {
        let counts = field(1).counts(TEXT);
        let count = |value: &str| counts.get(value).map(|count| count.as_int().unwrap());
        assert_eq!((count("a"), count("b"), count(""), count("x")), (Some(2), Some(1), Some(1), None));
    }

    #[test]
    fn both_ends_belong_to_a_range() {
        assert_eq!(range(1, 1).unwrap(), (0, 1));
        assert_eq!(range(2, 4).unwrap(), (1, 3));
        assert!(range(1, i64::MAX).is_ok());
        for (first, last) in [(0, 1), (-1, 1), (3, 2), (i64::MIN, i64::MAX)] {
            assert!(range(first, last).is_err(), "{first}, {last}");
        }
    }
}
