//! The record of decisions: JSON lines, each written before the effect that it is about.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::policy::{Action, Decision, EntityType, Facts, Reason};

/// The version of the lines' form.
const VERSION: u32 = 1;

/// SHA-256 in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
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

/// A line could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the decision record {destination} cannot be written: {cause}; nothing happens without it")]
pub struct AuditError {
    destination: String,
    cause: io::Error,
}

/// The record of one run. Copies of it write to the same place.
#[derive(Debug, Clone)]
pub struct Audit {
    sink: Sink,
    run: String,
}

#[derive(Debug, Clone)]
enum Sink {
    None,
    StandardError,
    File { file: Arc<File>, path: PathBuf },
}

/// One decision.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DecisionRecord<'r> {
    /// Counts from 1 in a run.
    pub number: u64,
    pub principal: &'r str,
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
        script_sha256: &'l str,
        policy_sha256: &'l str,
        guest_sha256: &'l str,
        principal: &'l str,
    },
    Decision {
        number: u64,
        decision: &'static str,
        principal: &'l str,
        action: String,
        resource: Described<'l>,
        #[serde(skip_serializing_if = "Option::is_none")]
        destination: Option<&'l str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        attribute: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        asked: Option<&'l str>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        policies: &'l [String],
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

#[derive(Serialize)]
struct Envelope<'l> {
    v: u32,
    time: String,
    run: &'l str,
    #[serde(flatten)]
    line: Line<'l>,
}

impl Audit {
    /// Opens the destination for the run of this id.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened for appending.
    pub fn open(destination: &Destination, run: String) -> Result<Self, AuditError> {
        let sink = match destination {
            Destination::Report => Sink::None,
            Destination::StandardError => Sink::StandardError,
            Destination::File(path) => {
                let mut options = OpenOptions::new();
                options.append(true).create(true);
                let file = crate::platform::private(&mut options)
                    .open(path)
                    .map_err(|cause| AuditError { destination: path.display().to_string(), cause })?;
                Sink::File { file: Arc::new(file), path: path.clone() }
            }
        };
        Ok(Self { sink, run })
    }

    /// Whether anything is written at all.
    #[must_use]
    pub const fn is_written(&self) -> bool {
        !matches!(self.sink, Sink::None)
    }

    /// Records that a run begins, and with what.
    ///
    /// # Errors
    ///
    /// When the line cannot be written; the run must not begin.
    pub fn started(&self, script: &str, policy: &str, guest: &str, principal: &str) -> Result<(), AuditError> {
        self.write(Line::RunStarted { script_sha256: script, policy_sha256: policy, guest_sha256: guest, principal })
    }

    /// Records a decision.
    ///
    /// # Errors
    ///
    /// When the line cannot be written; what was decided must not happen.
    pub fn decision(&self, record: &DecisionRecord<'_>) -> Result<(), AuditError> {
        if !self.is_written() {
            return Ok(());
        }
        let (decision, policies) = match &record.decision.reason {
            Reason::Permitted(ids) => ("allow", ids.as_slice()),
            Reason::Forbidden(ids) => ("deny", ids.as_slice()),
            Reason::Failed(_) => ("deny_by_error", [].as_slice()),
            Reason::NotPermitted | Reason::Guarded(_) | Reason::Unnamed(_) => ("deny", [].as_slice()),
        };
        self.write(Line::Decision {
            number: record.number,
            decision,
            principal: record.principal,
            action: record.action.to_string(),
            resource: Described { kind: record.kind.name(), id: record.id },
            destination: if let Facts::Destination(path) = record.facts { Some(path) } else { None },
            attribute: if let Facts::Attribute(name) = record.facts { Some(name) } else { None },
            asked: (record.asked != record.id).then_some(record.asked),
            policies,
            reason: record.decision.reason.to_string(),
        })
    }

    /// Records how a run ended.
    ///
    /// # Errors
    ///
    /// When the line cannot be written.
    pub fn ended(&self, outcome: &str, exit_code: u8) -> Result<(), AuditError> {
        self.write(Line::RunEnded { outcome, exit_code })
    }

    fn write(&self, line: Line<'_>) -> Result<(), AuditError> {
        let destination = match &self.sink {
            Sink::None => return Ok(()),
            Sink::StandardError => "on standard error".to_owned(),
            Sink::File { path, .. } => path.display().to_string(),
        };
        let envelope = Envelope { v: VERSION, time: jiff::Timestamp::now().to_string(), run: &self.run, line };
        let mut text = serde_json::to_vec(&envelope)
            .map_err(|error| AuditError { destination: destination.clone(), cause: io::Error::other(error) })?;
        text.push(b'\n');
        // One call for one line, so that several runs may share a file.
        let written = match &self.sink {
            Sink::None => Ok(()),
            Sink::StandardError => io::stderr().write_all(&text),
            Sink::File { file, .. } => (&**file).write_all(&text),
        };
        written.map_err(|cause| AuditError { destination, cause })
    }
}
