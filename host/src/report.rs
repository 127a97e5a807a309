//! What came of a run: for programs as one JSON object, for people as text.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::audit::{Digests, Head};
use crate::journal::{DenialRecord, Journal, Level, LogEntry};
use crate::platform::Hardening;

/// The version of the JSON's form.
const SCHEMA_VERSION: u32 = 1;
/// Bytes of an error's message, with its escapes.
const MAX_MESSAGE: usize = 1024;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields' names say it")]
pub enum Outcome {
    /// The script came to its end.
    Finished { text: String, json: String },
    /// The text is not a script.
    SyntaxError { message: String, position: Option<(u32, u32)> },
    /// The script threw, or something in it failed.
    ScriptError { message: String, position: Option<(u32, u32)> },
    /// An operation was denied, and the script did not catch that.
    Denied { message: String, position: Option<(u32, u32)> },
    /// A limit was reached.
    Limit(String),
    /// The policy or the input cannot be used. Nothing ran.
    Invalid(String),
    /// The guest broke down, and no script should be able to do that to it.
    GuestFailed(String),
    /// The host broke down.
    HostFailed(String),
    /// The decision record could not be written.
    Unrecorded(String),
}

impl Outcome {
    /// The process's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Finished { .. } => 0,
            Self::SyntaxError { .. } | Self::ScriptError { .. } => 1,
            Self::Denied { .. } => 3,
            Self::Limit(_) => 4,
            Self::Invalid(_) => 5,
            Self::GuestFailed(_) | Self::HostFailed(_) => 6,
            Self::Unrecorded(_) => 7,
        }
    }

    /// In one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Finished { .. } => "finished",
            Self::SyntaxError { .. } => "syntax_error",
            Self::ScriptError { .. } => "script_error",
            Self::Denied { .. } => "denied",
            Self::Limit(_) => "limit",
            Self::Invalid(_) => "invalid",
            Self::GuestFailed(_) => "guest_failed",
            Self::HostFailed(_) => "host_failed",
            Self::Unrecorded(_) => "unrecorded",
        }
    }

    /// As AWS Rex names the error.
    const fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::Finished { .. } => None,
            Self::SyntaxError { .. } | Self::ScriptError { .. } => Some("SCRIPT_EXCEPTION"),
            Self::Denied { .. } => Some("ACCESS_DENIED_EXCEPTION"),
            Self::Limit(_) => Some("LIMIT_EXCEPTION"),
            Self::Invalid(_) => Some("VALIDATION_EXCEPTION"),
            Self::GuestFailed(_) | Self::HostFailed(_) => Some("INTERNAL_EXCEPTION"),
            Self::Unrecorded(_) => Some("AUDIT_EXCEPTION"),
        }
    }

    /// What went wrong, for people.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Finished { .. } => None,
            Self::SyntaxError { message, .. } | Self::ScriptError { message, .. } | Self::Denied { message, .. } => Some(message),
            Self::Limit(message)
            | Self::Invalid(message)
            | Self::GuestFailed(message)
            | Self::HostFailed(message)
            | Self::Unrecorded(message) => Some(message),
        }
    }

    const fn position(&self) -> Option<(u32, u32)> {
        match self {
            Self::SyntaxError { position, .. } | Self::ScriptError { position, .. } | Self::Denied { position, .. } => *position,
            _ => None,
        }
    }

    /// As AWS Rex names the alarms.
    fn alarms(&self) -> &'static [&'static str] {
        match self {
            Self::Finished { .. } => &[],
            Self::SyntaxError { .. } => &["RexRunnerScriptCompilationFailure", "RexRunnerScriptExecutionFailure"],
            Self::Denied { .. } => &["RexRunnerPrivilegeEscalation"],
            Self::ScriptError { .. } | Self::Limit(_) => &["RexRunnerScriptExecutionFailure"],
            Self::Invalid(_) => &["RexRunnerScriptArgumentValidationFailure"],
            Self::GuestFailed(_) | Self::HostFailed(_) | Self::Unrecorded(_) => &["RexRunnerInternalAlarm"],
        }
    }
}

/// What a run used.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Usage {
    /// Wall-clock time in milliseconds.
    pub duration_ms: u64,
    /// Units of fuel, about one for each instruction.
    pub fuel: u64,
    /// High-water mark of the guest's memory, in bytes.
    pub peak_memory: usize,
    /// Calls from the guest to the host.
    pub calls: u64,
}

/// The result that people and programs get. It serialises to a JSON object with the verdict first.
#[derive(Debug, Serialize)]
pub struct Report {
    schema_version: u32,
    status: &'static str,
    outcome: &'static str,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorReport>,
    output: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    decisions: Decisions,
    usage: Usage,
    digests: Digests,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Head>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardening: Option<Hardening>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alarms: Vec<Alarm>,
    metrics: Vec<Metric>,
    logs: Vec<LogReport>,
    #[serde(skip_serializing_if = "Truncated::is_nothing")]
    truncated: Truncated,
    #[serde(skip)]
    limit: usize,
}

#[derive(Debug, Serialize)]
struct ErrorReport {
    error_type: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
}

#[derive(Debug, Default, Serialize)]
struct Decisions {
    allowed: u64,
    denied: u64,
    by_action: BTreeMap<String, Counts>,
    denials: Vec<DenialRecord>,
}

#[derive(Debug, Serialize)]
struct Counts {
    allowed: u64,
    denied: u64,
}

#[derive(Debug, Serialize)]
struct Alarm {
    alarm_type: &'static str,
    alarm_details: String,
}

#[derive(Debug, Serialize)]
struct Metric {
    metric_name: &'static str,
    metric_value: f64,
    metric_unit: &'static str,
    metric_timestamp: String,
}

#[derive(Debug)]
struct LogReport(LogEntry);

impl Serialize for LogReport {
    /// As AWS Rex has it: every attribute a string.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Attributes<'a> {
            timestamp: String,
            level: Level,
            message: &'a str,
            line_number: String,
        }
        #[derive(Serialize)]
        struct Entry<'a> {
            attributes: Attributes<'a>,
        }
        let Self(entry) = self;
        Entry {
            attributes: Attributes {
                timestamp: entry.time.to_string(),
                level: entry.level,
                message: &entry.message,
                line_number: entry.line.to_string(),
            },
        }
        .serialize(serializer)
    }
}

/// What was left out because the report would have been too long.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Truncated {
    #[serde(skip_serializing_if = "is_zero")]
    output_bytes: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    result: bool,
    #[serde(skip_serializing_if = "is_zero")]
    denials: usize,
    #[serde(skip_serializing_if = "is_zero")]
    log_entries: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Truncated {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Bytes that stay free for `truncated` and for commas.
const SLACK: usize = 256;

impl Report {
    /// Puts together what is known. The JSON has at most `limit` bytes, unless the verdict alone takes more.
    #[must_use]
    pub fn new(outcome: Outcome, usage: Usage, digests: Digests, journal: &Journal, limit: usize) -> Self {
        let mut report = Self::bare(&outcome, usage, digests, journal);
        report.limit = limit;
        if let Some(message) = outcome.message() {
            report.explain(message);
        }
        let mut room = limit.saturating_sub(report.size() + SLACK);

        // The smallest first, so that none with a long path keeps others out.
        let mut denials: Vec<_> = journal.denials.iter().map(|denial| (size(denial) + 1, denial)).collect();
        denials.sort_by_key(|(size, _)| *size);
        for (size, denial) in denials {
            if size > room / 2 {
                break;
            }
            room -= size;
            report.decisions.denials.push(denial.clone());
        }
        report.decisions.denials.sort_by_key(|denial| denial.decision);
        let kept = u64::try_from(report.decisions.denials.len()).unwrap_or(u64::MAX);
        report.truncated.denials = usize::try_from(report.decisions.denied.saturating_sub(kept)).unwrap_or(usize::MAX);

        if let Outcome::Finished { text, json } = outcome {
            let cut = escaped_prefix(&text, room);
            room -= size(&text.get(..cut).unwrap_or_default()) - 2;
            report.truncated.output_bytes = text.len() - cut;
            report.output = text.get(..cut).unwrap_or_default().to_owned();
            // The guest says that this is JSON. A guest can say anything.
            let raw = if json.len() + 12 <= room && is_readable(&json) { RawValue::from_string(json).ok() } else { None };
            room -= raw.as_ref().map_or(0, |raw| raw.get().len() + 12);
            report.truncated.result = raw.is_none();
            report.result = raw;
        }

        let mut entries = Vec::new();
        for entry in journal.log.iter().rev() {
            let entry = LogReport(entry.clone());
            let size = size(&entry) + 1;
            if size > room {
                break;
            }
            room -= size;
            entries.push(entry);
        }
        entries.reverse();
        let dropped = usize::try_from(journal.log_dropped).unwrap_or(usize::MAX);
        report.truncated.log_entries = (journal.log.len() - entries.len()).saturating_add(dropped);
        report.logs = entries;
        report
    }

    /// For a run that could not even begin.
    #[must_use]
    pub fn unstarted(outcome: Outcome, limit: usize) -> Self {
        Self::new(outcome, Usage::default(), Digests::default(), &Journal::default(), limit)
    }

    /// Says what went wrong, as far as there is room: it stands in each alarm too.
    fn explain(&mut self, message: &str) {
        let room = self.limit.saturating_sub(self.size() + SLACK) / (1 + self.alarms.len());
        let message = cut(message, room.min(MAX_MESSAGE));
        for alarm in &mut self.alarms {
            alarm.alarm_details.clone_from(&message);
        }
        if let Some(error) = &mut self.error {
            error.message = message;
        }
    }

    /// The verdict, without anything that a script makes longer.
    fn bare(outcome: &Outcome, usage: Usage, digests: Digests, journal: &Journal) -> Self {
        let position = outcome.position();
        let counts = journal.decisions.iter();
        let by_action: BTreeMap<_, _> = counts
            .map(|(action, (allowed, denied))| (action.to_string(), Counts { allowed: *allowed, denied: *denied }))
            .collect();
        let (success, failure) = if outcome.exit_code() == 0 { (1.0, 0.0) } else { (0.0, 1.0) };
        let now = jiff::Timestamp::now().to_string();
        let metric = |metric_name, metric_unit, metric_value| Metric {
            metric_name,
            metric_value,
            metric_unit,
            metric_timestamp: now.clone(),
        };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
        let nanoseconds = usage.duration_ms as f64 * 1e6;
        Self {
            schema_version: SCHEMA_VERSION,
            status: if outcome.exit_code() == 0 { "SUCCESS" } else { "ERROR" },
            outcome: outcome.name(),
            exit_code: outcome.exit_code(),
            error: outcome.error_type().map(|error_type| ErrorReport {
                error_type,
                message: String::new(),
                line: position.map(|(line, _)| line),
                column: position.map(|(_, column)| column),
            }),
            output: String::new(),
            result: None,
            decisions: Decisions {
                allowed: journal.decisions.values().map(|(allowed, _)| allowed).sum(),
                denied: journal.decisions.values().map(|(_, denied)| denied).sum(),
                by_action,
                denials: Vec::new(),
            },
            usage: Usage { peak_memory: journal.peak_memory, calls: journal.calls, ..usage },
            digests,
            record: journal.record.clone(),
            hardening: journal.hardening.clone(),
            alarms: outcome.alarms().iter().map(|alarm_type| Alarm { alarm_type, alarm_details: String::new() }).collect(),
            metrics: vec![
                metric("RexRunnerScriptExecutionTime", "TIME", nanoseconds),
                metric("RexRunnerScriptExecutionSuccessCount", "COUNT", success),
                metric("RexRunnerScriptExecutionFailureCount", "COUNT", failure),
            ],
            logs: Vec::new(),
            truncated: Truncated::default(),
            limit: 0,
        }
    }

    fn size(&self) -> usize {
        size(self)
    }

    /// The process's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// Bytes that the report may have.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// What the script gave, as text.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.output
    }

    /// What went wrong.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.message.as_str())
    }

    /// Log entries, oldest first.
    pub fn logs(&self) -> impl Iterator<Item = &LogEntry> {
        self.logs.iter().map(|LogReport(entry)| entry)
    }

    /// Denials, oldest first.
    #[must_use]
    pub fn denials(&self) -> &[DenialRecord] {
        &self.decisions.denials
    }

    /// Allowed and denied decisions.
    #[must_use]
    pub const fn decision_counts(&self) -> (u64, u64) {
        (self.decisions.allowed, self.decisions.denied)
    }

    /// What the run used.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Bytes of the script's text and log entries that are not here.
    #[must_use]
    pub const fn left_out(&self) -> (usize, usize) {
        (self.truncated.output_bytes, self.truncated.log_entries)
    }
}

/// Whether it is JSON on one line that is read as it stands there: not nested without end, no half of a character, no number beyond all.
fn is_readable(json: &str) -> bool {
    !json.contains(['\n', '\r']) && serde_json::from_str::<serde_json::Value>(json).is_ok()
}

/// Bytes of the value as JSON.
fn size(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(usize::MAX / 4, |text| text.len())
}

/// As much of a text as takes at most `limit` bytes in a JSON string.
fn cut(text: &str, limit: usize) -> String {
    const MARK: &str = "…";
    if escaped_prefix(text, limit) == text.len() {
        return text.to_owned();
    }
    let end = escaped_prefix(text, limit.saturating_sub(MARK.len()));
    format!("{}{MARK}", text.get(..end).unwrap_or_default())
}

/// How many bytes of a text become at most `room` bytes in a JSON string.
fn escaped_prefix(text: &str, room: usize) -> usize {
    let mut used = 0;
    for (index, character) in text.char_indices() {
        used += match character {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..='\u{1f}' => 6,
            other => other.len_utf8(),
        };
        if used > room {
            return index;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::Action;

    const LIMIT: usize = 24_000;

    fn finished(text: &str) -> Outcome {
        Outcome::Finished { text: text.to_owned(), json: serde_json::to_string(text).unwrap() }
    }

    fn json(outcome: Outcome, journal: &Journal) -> String {
        serde_json::to_string(&Report::new(outcome, Usage::default(), Digests::default(), journal, LIMIT)).unwrap()
    }

    #[test]
    fn the_verdict_comes_first() {
        let text = json(Outcome::Denied { message: "no".to_owned(), position: Some((2, 3)) }, &Journal::default());
        let start = r#"{"schema_version":1,"status":"ERROR","outcome":"denied","exit_code":3,"error":{"error_type":"ACCESS_DENIED_EXCEPTION","message":"no","line":2,"column":3}"#;
        assert!(text.starts_with(start), "{text}");
    }

    // Threat: T-GUEST-5
    #[test]
    fn a_result_that_is_no_json_is_left_out() {
        let outcome = Outcome::Finished { text: String::new(), json: "1}, \"status\": \"SUCCESS\"".to_owned() };
        let report: serde_json::Value = serde_json::from_str(&json(outcome, &Journal::default())).unwrap();
        assert_eq!(report["truncated"]["result"], true);
    }

    /// A line is what programs read, and what not every one of them can read is no use to any.
    #[test]
    fn a_result_that_would_break_the_report_is_left_out() {
        for result in ["{\"a\":\n1}", "[1,\r2]", "\"\\ud800\"", "1e999", &format!("{}{}", "[".repeat(200), "]".repeat(200))] {
            let outcome = Outcome::Finished { text: String::new(), json: result.to_owned() };
            let text = json(outcome, &Journal::default());
            let report: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(report["truncated"]["result"] == true && !text.contains(['\n', '\r']), "{text}");
        }
    }

    #[test]
    fn the_newest_log_entries_and_the_first_denials_stay() {
        let mut journal = Journal::default();
        for number in 0..100 {
            journal.log(Level::Info, 0, format!("{number} {}", "x".repeat(1000)));
            let decision = journal.count(Action::Read, false);
            journal.deny(DenialRecord {
                decision,
                principal: "root".to_owned(),
                action: Action::Read.to_string(),
                resource: "x".repeat(1000),
                reason: String::new(),
            });
        }
        let text = json(finished("short"), &journal);
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        let logs = report["logs"].as_array().unwrap();
        assert!(logs.last().unwrap()["attributes"]["message"].as_str().unwrap().starts_with("99 "));
        assert_eq!(logs.len() as u64 + report["truncated"]["log_entries"].as_u64().unwrap(), 100);
        let denials = report["decisions"]["denials"].as_array().unwrap();
        assert_eq!(denials[0]["decision"], 1);
        assert_eq!(denials.len() as u64 + report["truncated"]["denials"].as_u64().unwrap(), 100);
        assert_eq!((report["output"].as_str().unwrap(), text.len() <= LIMIT), ("short", true));
    }

    fn denial(decision: u64, resource: &str) -> DenialRecord {
        let [principal, action, reason] = ["root", "read", "no policy permits it"].map(str::to_owned);
        DenialRecord { decision, principal, action, resource: resource.to_owned(), reason }
    }

    // Threat: T-AUDIT-3
    #[test]
    fn a_denial_with_a_long_path_does_not_hide_the_others() {
        let mut journal = Journal::default();
        for path in ["/a", &"\u{1}".repeat(4000), "/b", &"\u{1}".repeat(1000), "/c"] {
            let decision = journal.count(Action::Read, false);
            journal.deny(denial(decision, path));
        }
        let report: serde_json::Value = serde_json::from_str(&json(finished(""), &journal)).unwrap();
        let shown: Vec<_> =
            report["decisions"]["denials"].as_array().unwrap().iter().map(|denial| denial["decision"].as_u64()).collect();
        assert_eq!((shown, report["truncated"]["denials"].as_u64()), (vec![Some(1), Some(3), Some(4), Some(5)], Some(1)));
    }

    /// With all that can stand in the verdict, in the smallest report that can be asked for.
    // Threat: T-RES-9
    #[test]
    fn a_message_of_escapes_does_not_make_the_report_longer() {
        const LIMIT: usize = 4096;
        let mut journal = Journal::default();
        for action in Action::ALL {
            journal.decisions.insert(*action, (1 << 40, 1 << 40));
        }
        journal.decisions.retain(|action, _| action.namespace() == "file_system");
        journal.hardening = Some(Hardening {
            landlock: "off: the policy names a special file system",
            capabilities: Some((0..41).map(|_| "CAP_DAC_READ_SEARCH".to_owned()).collect()),
            ..Hardening::default()
        });
        let [run, sha256] = [32, 64].map(|digits| "a".repeat(digits));
        journal.record = Some(Head { run, lines: 1 << 40, sha256: crate::audit::Link::parse(sha256.as_bytes()).unwrap() });
        let digests = Digests {
            script_sha256: sha256.clone(),
            policy_sha256: sha256.clone(),
            schema_sha256: sha256.clone(),
            guest_sha256: sha256,
        };
        let message = "\u{1}".repeat(MAX_MESSAGE);
        for outcome in [
            Outcome::SyntaxError { message: message.clone(), position: Some((u32::MAX, u32::MAX)) },
            Outcome::ScriptError { message: message.clone(), position: Some((u32::MAX, u32::MAX)) },
            Outcome::Limit(message.clone()),
        ] {
            let report = Report::new(outcome, Usage::default(), digests.clone(), &journal, LIMIT);
            let text = serde_json::to_string(&report).unwrap();
            assert!(text.len() <= LIMIT && report.error().unwrap().starts_with('\u{1}'), "{}", text.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        // Threat: T-RES-9
        #[test]
        fn every_report_fits_and_is_whole(text in "(\\PC|[\0-\u{1f}]){0,30000}", messages in prop::collection::vec("\\PC{0,3000}", 0..20)) {
            let mut journal = Journal::default();
            for message in messages {
                journal.log(Level::Info, 1, message);
            }
            let report = json(finished(&text), &journal);
            prop_assert!(report.len() <= LIMIT, "{}", report.len());
            let report: serde_json::Value = serde_json::from_str(&report).unwrap();
            let output = report["output"].as_str().unwrap();
            prop_assert!(text.starts_with(output));
            prop_assert_eq!((text.len() - output.len()) as u64, report["truncated"]["output_bytes"].as_u64().unwrap_or(0));
        }
    }
}
