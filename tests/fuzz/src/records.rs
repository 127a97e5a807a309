//! What Rex writes of a run: the record of decisions and the report. Whatever texts go in, programs can read what comes out.

use std::io::Write as _;

use arbitrary::{Arbitrary, Unstructured};
use rex_runner::audit::{Audit, DecisionRecord, Destination, Digests, Format, Head, Origin, Recording, verify};
use rex_runner::journal::{DenialRecord, Journal, Level};
use rex_runner::policy::{Action, Decision, EntityType, Facts, Reason};
use rex_runner::report::{Outcome, Report, Usage};
use serde_json::Value;

/// One run as somebody with strange names would have it.
#[derive(Debug, Arbitrary)]
struct Run<'d> {
    ocsf: bool,
    principal: &'d str,
    command: Option<&'d str>,
    instance: Option<&'d str>,
    /// What stands in the file before.
    before: &'d [u8],
    /// Where the record is damaged, and how.
    damage: (u16, u8),
    decisions: Vec<Decided<'d>>,
    outcome: u8,
    text: &'d str,
    json: &'d str,
    position: Option<(u32, u32)>,
    usage: (u64, u64, u32, u64),
    logs: Vec<(u8, u32, &'d str)>,
    limit: u16,
}

#[derive(Debug, Arbitrary)]
struct Decided<'d> {
    action: u8,
    directory: bool,
    id: &'d str,
    asked: Option<&'d str>,
    destination: Option<&'d str>,
    reason: u8,
    reasons: Vec<&'d str>,
}

impl Decided<'_> {
    fn action(&self) -> Action {
        Action::ALL[usize::from(self.action) % Action::ALL.len()]
    }

    fn kind(&self) -> EntityType {
        if self.directory { EntityType::Dir } else { EntityType::File }
    }

    fn asked(&self) -> &str {
        self.asked.unwrap_or(self.id)
    }

    fn decision(&self) -> Decision {
        let reasons = self.reasons.iter().map(|reason| (*reason).to_owned()).collect();
        let reason = match self.reason % 6 {
            0 => Reason::Permitted(reasons),
            1 => Reason::Forbidden(reasons),
            2 => Reason::Failed(reasons),
            3 => Reason::NotPermitted,
            4 => Reason::Guarded("ssh"),
            _ => Reason::Unnamed("/proc"),
        };
        Decision { allowed: matches!(reason, Reason::Permitted(_)), reason }
    }
}

/// Takes the data for a run, or, after a byte of zero, for a record.
pub fn check(data: &[u8]) {
    if let Some((0, record)) = data.split_first() {
        let verified = verify(record, &[]).unwrap();
        assert!(verified.findings.len() <= 1000);
        return;
    }
    let Ok(run) = Run::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let _alone = crate::alone();
    let head = run.recorded();
    run.reported(head);
}

impl Run<'_> {
    fn outcome(&self) -> Outcome {
        let (message, position) = (self.text.to_owned(), self.position);
        match self.outcome % 8 {
            0 => Outcome::Finished { text: message, json: self.json.to_owned() },
            1 => Outcome::SyntaxError { message, position },
            2 => Outcome::ScriptError { message, position },
            3 => Outcome::Denied { message, position },
            4 => Outcome::Limit(message),
            5 => Outcome::Invalid(message),
            6 => Outcome::HostFailed(message),
            _ => Outcome::Unrecorded(message),
        }
    }

    /// The record is JSON line by line, says what was given, is found sound, and not once anything of it was changed.
    fn recorded(&self) -> Head {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(self.before).unwrap();
        let recording = Recording {
            destination: Destination::File(file.path().to_owned()),
            format: if self.ocsf { Format::Ocsf } else { Format::Rex },
            origin: Origin::new(self.command.map(str::to_owned), self.instance.map(str::to_owned)),
        };
        let audit = Audit::start(&recording, usize::MAX, "0123456789abcdef".to_owned(), self.principal, &Digests::default()).unwrap();
        for decided in &self.decisions {
            let facts = decided.destination.map_or(Facts::None, |path| Facts::Destination(path.to_owned()));
            let record = DecisionRecord {
                action: decided.action(),
                kind: decided.kind(),
                id: decided.id,
                facts: &facts,
                asked: decided.asked(),
                decision: &decided.decision(),
            };
            audit.decision(&record).unwrap();
        }
        let outcome = self.outcome();
        audit.ended(outcome.name(), outcome.exit_code()).unwrap();
        audit.ended(outcome.name(), outcome.exit_code()).expect_err("the record of a run that has ended goes on");

        let content = std::fs::read(file.path()).unwrap();
        let mut written = content.strip_prefix(self.before).expect("what stood there before still does");
        if self.before.last().is_some_and(|last| *last != b'\n') {
            written = written.strip_prefix(b"\n").expect("a line that was cut off is ended");
        }
        let lines: Vec<_> = written.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), self.decisions.len() + 2);
        for (number, line) in lines.iter().enumerate() {
            let line: Value = serde_json::from_slice(line).unwrap();
            let line = if self.ocsf { &line["unmapped"] } else { &line };
            assert_eq!(line["number"], number);
            if let Some(decided) = number.checked_sub(1).and_then(|index| self.decisions.get(index)) {
                assert_eq!((&line["resource"]["id"], &line["principal"]), (&decided.id.into(), &self.principal.into()));
                assert_eq!(line["asked"], decided.asked.filter(|asked| *asked != decided.id).map_or(Value::Null, Value::from));
                assert_eq!(line["decision"] == "allow", decided.decision().allowed);
                assert_eq!(line["action"], decided.action().to_string());
            }
        }
        let head = audit.head().unwrap();
        assert_eq!(head.lines, lines.len() as u64);
        verify(&*content, &[head.sha256]).unwrap();

        // On its own, it is whole; and it is seen if it is not.
        if self.before.is_empty() {
            let verified = verify(written, &[head.sha256]).unwrap();
            assert!(verified.is_sound() && verified.runs == 1, "{verified:?}");
            let place = usize::from(self.damage.0) % written.len();
            let cut = verify(&written[..place], &[head.sha256]).unwrap();
            assert!(!cut.is_sound(), "cut off at {place}");
            let mut altered = written.to_vec();
            altered[place] ^= self.damage.1.max(1);
            assert!(!verify(&*altered, &[head.sha256]).unwrap().is_sound(), "altered at {place}");
        }
        head
    }

    /// The report is one JSON object, no longer than it may be, and what it leaves out is counted in it.
    fn reported(&self, head: Head) {
        let mut journal = Journal::default();
        journal.record = Some(head);
        for (level, line, message) in &self.logs {
            let level = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error][usize::from(*level) % 5];
            journal.log(level, *line, (*message).to_owned());
        }
        for decided in &self.decisions {
            let decision = decided.decision();
            let number = journal.count(decided.action(), decision.allowed);
            if !decision.allowed {
                journal.deny(DenialRecord {
                    decision: number,
                    principal: self.principal.to_owned(),
                    action: decided.action().to_string(),
                    resource: decided.asked().to_owned(),
                    reason: decision.reason.to_string(),
                });
            }
        }
        let usage = Usage {
            duration_ms: self.usage.0,
            fuel: self.usage.1,
            peak_memory: usize::try_from(self.usage.2).unwrap(),
            calls: self.usage.3,
        };
        let make = |limit| Report::new(self.outcome(), usage, Digests::default(), &journal, limit);
        let limit = usize::from(self.limit);
        let report = make(limit);
        let text = serde_json::to_string(&report).unwrap();
        // Three times are in it, whose digits are as many as they need.
        let verdict = serde_json::to_string(&make(0)).unwrap().len() + 3 * ".123456789".len();
        assert!(text.len() <= limit.max(verdict), "{} bytes, of {limit} or {verdict}", text.len());
        assert!(!text.contains('\n'), "more than one line: {text}");
        let json: Value = serde_json::from_str(&text).unwrap();
        let outcome = self.outcome();
        assert_eq!((&json["outcome"], &json["exit_code"]), (&outcome.name().into(), &outcome.exit_code().into()));
        assert_eq!(json["output"], report.output());
        let (cut, dropped) = report.left_out();
        if let Outcome::Finished { text, json: given } = &outcome {
            assert_eq!(text.get(..text.len() - cut), Some(report.output()));
            let given = serde_json::from_str::<Value>(given).ok();
            match json.get("result") {
                Some(result) => assert_eq!(Some(result), given.as_ref()),
                None => assert_eq!(json["truncated"]["result"], true),
            }
        }
        assert_eq!(report.logs().count() + dropped, self.logs.len());
        let (_, denied) = report.decision_counts();
        let left_out = json["truncated"]["denials"].as_u64().unwrap_or_default();
        assert_eq!(report.denials().len() as u64 + left_out, denied);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_any_bytes_are_recorded_and_reported() {
        for seed in 0..40_u8 {
            let data: Vec<_> = (0..400_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8 ^ seed).collect();
            check(&data);
            check(&[&[0], &*data].concat());
        }
    }
}
