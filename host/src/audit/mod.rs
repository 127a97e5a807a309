//! The record of decisions: JSON lines, each written before the effect that it is about, and each bound to the one before it.

mod chain;
mod ocsf;
mod verify;

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::ValueEnum;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use chain::Link;
use chain::{Tail, seal};
pub use verify::{Finding, Kind, Verified, verify};

use crate::policy::{Action, Decision, EntityType, Facts, Reason};

/// The version of the lines' form.
const VERSION: u32 = 1;

/// SHA-256 in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Bytes as hexadecimal digits, small ones.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    digits(bytes).map(char::from).collect()
}

fn digits(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' - 10 + half };
    bytes.iter().flat_map(move |byte| [digit(byte >> 4), digit(byte & 15)])
}

/// SHA-256 of what ran, in hexadecimal; empty for what could not be read.
#[derive(Debug, Clone, Default, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Digests {
    pub script_sha256: String,
    pub policy_sha256: String,
    pub schema_sha256: String,
    pub guest_sha256: String,
}

/// How a run is recorded.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// Where.
    pub destination: Destination,
    /// In which form.
    pub format: Format,
    /// What the run belongs to.
    pub origin: Origin,
}

/// The form of the lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Rex's own
    #[default]
    Rex,
    /// Events of the Open Cybersecurity Schema Framework, with Rex's own inside
    Ocsf,
}

/// The ids under which AWS Systems Manager knows a run, as they are recorded.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Origin {
    #[serde(rename = "ssm_command_id", skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(rename = "ssm_instance_id", skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
}

impl Origin {
    /// Takes the ids of the command and of the instance. What is none, by its characters or its length, is left out.
    #[must_use]
    pub fn new(command: Option<String>, instance: Option<String>) -> Self {
        let valid =
            |id: &String| (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        Self { command: command.filter(valid), instance: instance.filter(valid) }
    }
}

/// What is needed to find a run in its record, and to see that it is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The run's id.
    pub run: String,
    /// How many lines it has.
    pub lines: u64,
    /// The hash of the last one.
    pub sha256: Link,
}

/// Where the record goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere but into the report, which counts the decisions and lists the denials.
    #[default]
    Report,
    /// Standard error.
    StandardError,
    /// The end of a file, which is created if it does not exist, readable by its owner alone.
    File(PathBuf),
}

/// Why a line is not in the record.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields' names say it")]
pub enum AuditError {
    /// It could not be written.
    #[error("the decision record {destination} cannot be written: {cause}; nothing happens without it")]
    Unwritable { destination: String, cause: io::Error },
    /// The run may not write so many bytes.
    #[error("the run's decision record would have had more than {0} bytes (--max-record)")]
    Full(usize),
}

/// The record of one run. Copies of it write to the same place.
#[derive(Debug, Clone)]
pub struct Audit(Option<Arc<Writer>>);

#[derive(Debug)]
struct Writer {
    sink: Sink,
    format: Format,
    subject: Subject,
    /// Bytes that it may write.
    limit: usize,
    state: Mutex<State>,
}

const ON_STANDARD_ERROR: &str = "on standard error";

/// Room for the last line of a run, which stands in the record whatever came before it.
const END: usize = 4 << 10;

/// What all lines of a run are about.
#[derive(Debug)]
struct Subject {
    run: String,
    principal: String,
    digests: Digests,
    origin: Origin,
}

#[derive(Debug)]
enum Sink {
    StandardError,
    File { file: File, path: PathBuf },
}

/// How far the record has come.
#[derive(Debug, Default)]
struct State {
    /// Lines that were written.
    lines: u64,
    /// Their bytes.
    bytes: usize,
    /// The hash of the last one.
    last: Option<Link>,
    /// Whether the file ends in the middle of a line of somebody else.
    torn: bool,
    // INVARIANT: nothing is written any more: the run has ended, or a line is missing.
    closed: bool,
}

/// One decision.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DecisionRecord<'r> {
    pub action: Action,
    pub kind: EntityType,
    /// The canonical path.
    pub id: &'r str,
    pub facts: &'r Facts,
    /// The path that the script gave.
    pub asked: &'r str,
    pub decision: &'r Decision,
}

/// A line of the record.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'l> {
    RunStarted {
        #[serde(flatten)]
        digests: &'l Digests,
        principal: &'l str,
        #[serde(flatten)]
        origin: &'l Origin,
        /// The last line of the file before this one; nothing where that is not known, null where there was none.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Option<Link>>,
        /// Whether a line was cut off behind that one, so that this one begins with a line end.
        #[serde(skip_serializing_if = "is_false")]
        torn: bool,
    },
    Decision {
        decision: &'static str,
        principal: &'l str,
        #[serde(serialize_with = "as_text")]
        action: Action,
        resource: Described<'l>,
        #[serde(skip_serializing_if = "Option::is_none")]
        destination: Option<&'l str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        attribute: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        asked: Option<&'l str>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        policies: &'l [String],
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        errors: &'l [String],
        reason: String,
    },
    RunEnded {
        outcome: &'l str,
        exit_code: u8,
    },
}

#[derive(Serialize)]
struct Described<'l> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'l str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

fn as_text<T: std::fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[derive(Serialize)]
struct Envelope<'l> {
    v: u32,
    #[serde(serialize_with = "as_text")]
    time: jiff::Timestamp,
    run: &'l str,
    /// Counts from 0 in a run, so that decisions count from 1.
    number: u64,
    #[serde(flatten)]
    line: Line<'l>,
}

impl Audit {
    /// Opens the destination for the run of this id, and records that it begins, and with what. `limit` is how many bytes the run may write.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened for appending, or the line cannot be written; the run must not begin.
    pub fn start(
        recording: &Recording,
        limit: usize,
        run: String,
        principal: &str,
        digests: &Digests,
    ) -> Result<Self, AuditError> {
        let (sink, tail) = match &recording.destination {
            Destination::Report => return Ok(Self(None)),
            Destination::StandardError if crate::platform::errors_are_lost() => {
                let cause = io::Error::other("it is closed, or /dev/null");
                return Err(AuditError::Unwritable { destination: ON_STANDARD_ERROR.to_owned(), cause });
            }
            Destination::StandardError => (Sink::StandardError, None),
            Destination::File(path) => {
                let error = |cause| AuditError::Unwritable { destination: path.display().to_string(), cause };
                let mut options = OpenOptions::new();
                options.append(true).create(true);
                let file = crate::platform::private(&mut options).open(path).map_err(error)?;
                // Who may write the file need not be allowed to read it.
                let tail = if file.metadata().map_err(error)?.is_file() { Tail::read(path).ok() } else { None };
                (Sink::File { file, path: path.clone() }, tail)
            }
        };
        let torn = tail.as_ref().is_some_and(|tail| tail.torn);
        let writer = Writer {
            sink,
            format: recording.format,
            subject: Subject { run, principal: principal.to_owned(), digests: digests.clone(), origin: recording.origin.clone() },
            limit,
            state: Mutex::new(State { torn, ..State::default() }),
        };
        writer.write(Line::RunStarted {
            digests: &writer.subject.digests,
            principal,
            origin: &writer.subject.origin,
            after: tail.map(|tail| tail.link),
            torn,
        })?;
        Ok(Self(Some(Arc::new(writer))))
    }

    /// Whether anything is written at all.
    #[must_use]
    pub const fn is_written(&self) -> bool {
        self.0.is_some()
    }

    /// What was written so far. Nothing where nothing is written, or where a line is stuck on its way.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        let writer = self.0.as_ref()?;
        let state = writer.state.try_lock().ok()?;
        Some(Head { run: writer.subject.run.clone(), lines: state.lines, sha256: state.last? })
    }

    /// Records a decision.
    ///
    /// # Errors
    ///
    /// When the line cannot be written, or there is no room for it; what was decided must not happen.
    pub fn decision(&self, record: &DecisionRecord<'_>) -> Result<(), AuditError> {
        let Some(writer) = &self.0 else { return Ok(()) };
        let none = [].as_slice();
        let (decision, policies, errors) = match &record.decision.reason {
            Reason::Permitted(ids) => ("allow", ids.as_slice(), none),
            Reason::Forbidden(ids) => ("deny", ids.as_slice(), none),
            Reason::Failed(errors) => ("deny_by_error", none, errors.as_slice()),
            Reason::NotPermitted | Reason::Guarded(_) | Reason::Unnamed(_) => ("deny", none, none),
        };
        writer.write(Line::Decision {
            decision,
            principal: &writer.subject.principal,
            action: record.action,
            resource: Described { kind: record.kind.name(), id: record.id },
            destination: if let Facts::Destination(path) = record.facts { Some(path) } else { None },
            attribute: if let Facts::Attribute(name) = record.facts { Some(name) } else { None },
            asked: (record.asked != record.id).then_some(record.asked),
            policies,
            errors,
            reason: record.decision.reason.to_string(),
        })
    }

    /// Records how a run ended. Nothing can be recorded after it.
    ///
    /// # Errors
    ///
    /// When the line cannot be written, or one before it could not.
    pub fn ended(&self, outcome: &str, exit_code: u8) -> Result<(), AuditError> {
        self.0.as_ref().map_or(Ok(()), |writer| writer.write(Line::RunEnded { outcome, exit_code }))
    }
}

impl Writer {
    fn write(&self, line: Line<'_>) -> Result<(), AuditError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bounded = matches!(line, Line::Decision { .. });
        let ends = matches!(line, Line::RunEnded { .. });
        let written = self.seal(&state, line).and_then(|(text, link)| {
            let bytes = state.bytes.saturating_add(text.len());
            if bounded && bytes > self.limit.saturating_sub(END) {
                return Ok(None);
            }
            // One call for one line, so that several runs may share a file.
            match &self.sink {
                Sink::StandardError => io::stderr().write_all(&text)?,
                Sink::File { file, .. } => (&*file).write_all(&text)?,
            }
            Ok(Some(State { lines: state.lines + 1, bytes, last: Some(link), torn: false, closed: ends }))
        });
        match written {
            Ok(Some(next)) => {
                *state = next;
                Ok(())
            }
            Ok(None) => Err(AuditError::Full(self.limit)),
            Err(cause) => {
                state.closed = true;
                let destination = match &self.sink {
                    Sink::StandardError => ON_STANDARD_ERROR.to_owned(),
                    Sink::File { path, .. } => path.display().to_string(),
                };
                Err(AuditError::Unwritable { destination, cause })
            }
        }
    }

    /// The line as it is to be written, and its hash.
    fn seal(&self, state: &State, line: Line<'_>) -> io::Result<(Vec<u8>, Link)> {
        if state.closed {
            return Err(io::Error::other("it is closed"));
        }
        let envelope = Envelope { v: VERSION, time: jiff::Timestamp::now(), run: &self.subject.run, number: state.lines, line };
        let (mut text, braces) = match self.format {
            Format::Rex => (serde_json::to_vec(&envelope)?, 1),
            Format::Ocsf => (serde_json::to_vec(&ocsf::Event::new(&self.subject, &envelope))?, 2),
        };
        let link = seal(&mut text, braces, state.last.as_ref());
        if state.torn {
            text.insert(0, b'\n');
        }
        Ok((text, link))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As much as it likes, of what it may not even do.
    // Threat: T-AUDIT-10
    #[test]
    fn denials_without_end_do_not_fill_the_disk() {
        const LIMIT: usize = 100_000;
        let dir = tempfile::tempdir().unwrap();
        let denied = Decision { allowed: false, reason: Reason::NotPermitted };
        let record = DecisionRecord {
            action: Action::Stat,
            kind: EntityType::File,
            id: &"\u{1}".repeat(500),
            facts: &Facts::None,
            asked: "/x",
            decision: &denied,
        };
        for format in [Format::Rex, Format::Ocsf] {
            let path = dir.path().join(format!("{format:?}"));
            let recording = Recording { destination: Destination::File(path.clone()), format, ..Recording::default() };
            let audit = Audit::start(&recording, LIMIT, "run".to_owned(), &"x".repeat(256), &Digests::default()).unwrap();
            let refused = (0..1000).find_map(|_| audit.decision(&record).err()).unwrap();
            assert!(matches!(refused, AuditError::Full(LIMIT)), "{refused}");
            audit.ended("limit", 4).unwrap();
            let written = std::fs::read_to_string(&path).unwrap();
            assert!(written.len() <= LIMIT && written.len() > LIMIT / 2, "{}", written.len());
            assert!(written.lines().last().unwrap().contains("run_ended"), "{written}");
            assert!(verify(written.as_bytes(), &[]).unwrap().is_sound());
        }
    }
}
