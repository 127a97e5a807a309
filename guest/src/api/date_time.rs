//! `DateTime`: moments in UTC, with which times of files can be compared.

use jiff::civil;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::api::constant::{self, Constant};
use crate::bindings::rex::host::clock;
use crate::bindings::rex::host::types::Moment;
use crate::engine::Registrar;
use crate::error::{ApiResult, COMMON_KINDS, invalid_arguments, of_kind};

const FORMATS: &str = "DateTimeFormat";
const RFC3339: &str = "RFC3339";
const RFC2822: &str = "RFC2822";

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// A moment between the years -9999 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DateTime(Timestamp);

impl DateTime {
    fn from_parts(seconds: i64, nanoseconds: i64) -> ApiResult<Self> {
        let nanoseconds = i32::try_from(nanoseconds).map_err(|_| out_of_range(nanoseconds))?;
        Timestamp::new(seconds, nanoseconds).map(Self).map_err(out_of_range)
    }

    fn shifted(self, seconds: i64) -> ApiResult<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).map(Self).map_err(out_of_range)
    }

    fn civil(self) -> civil::DateTime {
        TimeZone::UTC.to_datetime(self.0)
    }

    fn month(self) -> &'static str {
        let month = usize::try_from(self.civil().month()).unwrap_or_default();
        MONTHS.get(month.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl From<Moment> for DateTime {
    fn from(moment: Moment) -> Self {
        let nanoseconds = i32::try_from(moment.nanoseconds).unwrap_or(0);
        // No file system reaches further.
        Self(Timestamp::new(moment.seconds, nanoseconds).unwrap_or(Timestamp::MAX))
    }
}

fn out_of_range(what: impl std::fmt::Display) -> Box<rhai::EvalAltResult> {
    invalid_arguments(COMMON_KINDS, format!("this is no moment: {what}"))
}

pub(super) fn register(registrar: &mut Registrar) {
    constant::register_family(registrar, FORMATS, &[RFC3339, RFC2822]);
    registrar.engine.register_type_with_name::<DateTime>("DateTime");
    registrar.function("DateTime", date_time);
    registrar.function("now", || DateTime::from(Moment { nanoseconds: 0, ..clock::now() }));
    registrar.function("now_nanos", || DateTime::from(clock::now()));
    registrar.function("from_epoch_seconds", |seconds: i64| DateTime::from_parts(seconds, 0));
    registrar.function("from_epoch_nanos", DateTime::from_parts);
    registrar.function("parse_datetime", parse);
    registrar.function("to_string", |at: &mut DateTime, format: Constant| show(*at, format));
    registrar.function("to_string", |at: &mut DateTime| at.0.to_string());
    registrar.function("to_debug", |at: &mut DateTime| at.0.to_string());
    registrar.function("epoch_seconds", |at: &mut DateTime| at.0.as_second());
    registrar.function("nanos", |at: &mut DateTime| i64::from(at.civil().subsec_nanosecond()));
    registrar.function("month_str", |at: &mut DateTime| at.month());
    registrar.function("month_str_short", |at: &mut DateTime| at.month().get(..3).unwrap_or_default());
    registrar.engine.register_get("year", |at: &mut DateTime| i64::from(at.civil().year()));
    registrar.engine.register_get("month", |at: &mut DateTime| i64::from(at.civil().month()));
    registrar.engine.register_get("day", |at: &mut DateTime| i64::from(at.civil().day()));
    registrar.engine.register_get("hour", |at: &mut DateTime| i64::from(at.civil().hour()));
    registrar.engine.register_get("minute", |at: &mut DateTime| i64::from(at.civil().minute()));
    registrar.engine.register_get("second", |at: &mut DateTime| i64::from(at.civil().second()));
    registrar.engine.register_get("nanosecond", |at: &mut DateTime| i64::from(at.civil().subsec_nanosecond()));
    registrar.function("+", |at: DateTime, seconds: i64| at.shifted(seconds));
    registrar.function("-", |at: DateTime, seconds: i64| at.shifted(seconds.saturating_neg()));
    registrar.function("-", |to: DateTime, from: DateTime| to.0.as_second() - from.0.as_second());
    registrar.function("==", |one: DateTime, other: DateTime| one == other);
    registrar.function("!=", |one: DateTime, other: DateTime| one != other);
    registrar.function("<", |one: DateTime, other: DateTime| one < other);
    registrar.function("<=", |one: DateTime, other: DateTime| one <= other);
    registrar.function(">", |one: DateTime, other: DateTime| one > other);
    registrar.function(">=", |one: DateTime, other: DateTime| one >= other);
}

fn date_time(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64, nanosecond: i64) -> ApiResult<DateTime> {
    let small = |number: i64| i8::try_from(number).map_err(out_of_range);
    let year = i16::try_from(year).map_err(out_of_range)?;
    let nanosecond = i32::try_from(nanosecond).map_err(out_of_range)?;
    let civil = civil::DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, nanosecond)
        .map_err(out_of_range)?;
    TimeZone::UTC.to_timestamp(civil).map(DateTime).map_err(out_of_range)
}

fn parse(text: &str, format: Constant) -> ApiResult<DateTime> {
    let parsed = match name_of(format)? {
        RFC2822 => rfc2822::parse(text).map(|zoned| zoned.timestamp()),
        _ => text.parse(),
    };
    parsed
        .map(DateTime)
        .map_err(|error| of_kind(COMMON_KINDS, "ParseError", format!("{text:?} is not {}: {error}", format.name())))
}

fn show(at: DateTime, format: Constant) -> ApiResult<String> {
    match name_of(format)? {
        RFC2822 => rfc2822::DateTimePrinter::new()
            .zoned_to_string(&at.0.to_zoned(TimeZone::UTC))
            .map_err(|error| of_kind(COMMON_KINDS, "FormatError", error.to_string())),
        _ => Ok(at.0.to_string()),
    }
}

fn name_of(format: Constant) -> ApiResult<&'static str> {
    [RFC3339, RFC2822]
        .into_iter()
        .find(|name| Constant::new(FORMATS, name) == format)
        .ok_or_else(|| invalid_arguments(COMMON_KINDS, format!("`{}` is no DateTimeFormat", format.name())))
}

#[cfg(test)]
mod tests {
    use rhai::Scope;

    use crate::engine::Language;

    #[test]
    fn moments_are_made_compared_and_shown() {
        for (script, result) in [
            ("DateTime(2024, 2, 29, 1, 2, 3, 4).to_string(DateTimeFormat::RFC3339)", "2024-02-29T01:02:03.000000004Z"),
            ("DateTime(2024, 2, 29, 1, 2, 3, 0).to_string(DateTimeFormat::RFC2822)", "Thu, 29 Feb 2024 01:02:03 +0000"),
            ("parse_datetime(\"2024-02-29T02:00:00+01:00\", DateTimeFormat::RFC3339).hour", "1"),
            ("parse_datetime(\"Thu, 29 Feb 2024 01:02:03 +0000\", DateTimeFormat::RFC2822).epoch_seconds()", "1709168523"),
            ("from_epoch_seconds(0).year", "1970"),
            ("from_epoch_nanos(1, 500).nanos()", "500"),
            ("from_epoch_seconds(-1).to_string()", "1969-12-31T23:59:59Z"),
            (
                "let d = DateTime(2024, 12, 31, 0, 0, 0, 0); `${d.month_str()} ${d.month_str_short()} ${d.month} ${d.day}`",
                "December Dec 12 31",
            ),
            ("(from_epoch_seconds(10) + 5) - from_epoch_seconds(3)", "12"),
            ("(from_epoch_seconds(10) - 5).second", "5"),
            ("from_epoch_seconds(1) < from_epoch_nanos(1, 1)", "true"),
            ("from_epoch_seconds(1) == from_epoch_seconds(1)", "true"),
            ("from_epoch_seconds(1) >= from_epoch_seconds(2)", "false"),
        ] {
            let value = Language::new().run(script, &mut Scope::new()).map_err(|error| error.message);
            assert_eq!(value.map(|value| value.to_string()).as_deref(), Ok(result), "{script}");
        }
    }

    /// The native peer ends with a panic on most of them.
    #[test]
    fn what_is_no_moment_is_an_error() {
        for script in [
            "DateTime(2023, 2, 29, 0, 0, 0, 0)",
            "DateTime(2024, 13, 1, 0, 0, 0, 0)",
            "DateTime(2024, 1, 1, 24, 0, 0, 0)",
            "DateTime(99999, 1, 1, 0, 0, 0, 0)",
            "DateTime(2024, 1, 1, 0, 0, 0, -1)",
            "from_epoch_seconds(9223372036854775807)",
            "from_epoch_nanos(0, 9223372036854775807)",
            "from_epoch_seconds(0) + 9223372036854775807",
            "from_epoch_seconds(0) - (-9223372036854775807 - 1)",
            "parse_datetime(\"yesterday\", DateTimeFormat::RFC3339)",
            "parse_datetime(\"\", DateTimeFormat::RFC2822)",
            "from_epoch_seconds(0).to_string(EntryType::FILE)",
        ] {
            let message = Language::new().run(script, &mut Scope::new()).unwrap_err().message;
            assert!(message.contains("CommonUtilsErrorKind: "), "{script}: {message}");
        }
    }
}
