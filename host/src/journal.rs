//! What is known of a run while it goes on. The thread that runs the script writes it; the thread that watches reads it, also when the
//! first one is stuck.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::audit::Head;
use crate::platform::Hardening;
use crate::policy::Action;

/// Log entries that are kept, the newest ones.
const MAX_LOG_ENTRIES: usize = 1000;
/// Bytes of one log message.
const MAX_LOG_MESSAGE: usize = 2048;
/// Denials that are kept, the first ones.
const MAX_DENIALS: usize = 100;

/// Excesses count from here, so that the decisions of a run have all numbers from 1 on.
const FIRST_EXCESS: u64 = 1 << 62;

/// How grave a log entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// From the value of the variable `LOG_LEVEL`; what is not a level means the usual one.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "TRACE" => Self::Trace,
            "DEBUG" => Self::Debug,
            "WARN" => Self::Warn,
            "ERROR" => Self::Error,
            _ => Self::Info,
        }
    }

    /// In capitals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// What a script, or the host about it, had to say.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LogEntry {
    pub time: jiff::Timestamp,
    pub level: Level,
    /// The line of the script, 0 where it is not known.
    pub line: u32,
    pub message: String,
}

/// An operation that was denied, as the caller is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DenialRecord {
    pub decision: u64,
    pub principal: String,
    pub action: String,
    pub resource: String,
    pub reason: String,
}

impl std::fmt::Display for DenialRecord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} for {}: {}", self.action, self.resource, self.reason)
    }
}

/// What ended a run, or would have if the script had not caught it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A decision of this run was a denial.
    Denial,
    /// A limit that a script can catch was exceeded.
    Excess,
}

/// The journal of one run.
#[derive(Debug, Default)]
pub struct Journal {
    /// Entries, oldest first.
    pub log: VecDeque<LogEntry>,
    /// Entries that were dropped for newer ones.
    pub log_dropped: u64,
    /// Allowed and denied decisions by action.
    pub decisions: BTreeMap<Action, (u64, u64)>,
    /// What the process gave up before the script started.
    pub hardening: Option<Hardening>,
    /// The first denials.
    pub denials: Vec<DenialRecord>,
    /// Calls from the guest.
    pub calls: u64,
    /// High-water mark of the guest's memory, in bytes.
    pub peak_memory: usize,
    /// The end of the decision record.
    pub record: Option<Head>,
    numbers: u64,
    last_denial: Option<u64>,
    last_excess: u64,
}

impl Journal {
    /// Adds a log entry; cuts a long one and drops the oldest when there are too many.
    pub fn log(&mut self, level: Level, line: u32, mut message: String) {
        if message.len() > MAX_LOG_MESSAGE {
            let end = message.floor_char_boundary(MAX_LOG_MESSAGE);
            let cut = message.len() - end;
            message.truncate(end);
            message.push_str(&format!("… ({cut} bytes more)"));
            // What was cut away would stay allocated for as long as the entry is kept.
            message.shrink_to_fit();
        }
        if self.log.len() >= MAX_LOG_ENTRIES {
            self.log.pop_front();
            self.log_dropped += 1;
        }
        self.log.push_back(LogEntry { time: jiff::Timestamp::now(), level, line, message });
    }

    /// Counts a decision and gives it its number.
    pub fn count(&mut self, action: Action, allowed: bool) -> u64 {
        let (allowances, denials) = self.decisions.entry(action).or_default();
        *(if allowed { allowances } else { denials }) += 1;
        self.numbers += 1;
        self.numbers
    }

    /// Keeps a denial.
    pub fn deny(&mut self, denial: DenialRecord) {
        self.last_denial = Some(denial.decision);
        if self.denials.len() < MAX_DENIALS {
            self.denials.push(denial);
        }
    }

    /// Counts an excess and gives it its number.
    pub fn exceed(&mut self) -> u64 {
        self.last_excess += 1;
        FIRST_EXCESS + self.last_excess
    }

    /// What happened under this number. The guest names the number, so that it can claim nothing that did not happen.
    #[must_use]
    pub fn cause(&self, number: u64) -> Option<Cause> {
        if self.last_denial == Some(number) || self.denials.iter().any(|denial| denial.decision == number) {
            return Some(Cause::Denial);
        }
        (1..=self.last_excess).contains(&number.wrapping_sub(FIRST_EXCESS)).then_some(Cause::Excess)
    }
}

/// A journal that two threads share.
#[derive(Debug, Clone, Default)]
pub struct SharedJournal(Arc<Mutex<Journal>>);

impl SharedJournal {
    /// Held for moments only. A thread that panicked while it held the journal left it whole: every change is made by one call.
    pub fn lock(&self) -> MutexGuard<'_, Journal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Threat: T-RES-9
    #[test]
    fn long_messages_are_cut_between_characters() {
        let mut journal = Journal::default();
        journal.log(Level::Info, 1, format!("x{}", "é".repeat(2000)));
        let message = &journal.log[0].message;
        assert!(message.len() < MAX_LOG_MESSAGE + 40 && message.ends_with("(1954 bytes more)"), "{message}");
    }

    // Threat: T-RES-9
    #[test]
    fn what_was_cut_away_takes_no_memory() {
        let mut journal = Journal::default();
        journal.log(Level::Info, 1, "x".repeat(1 << 20));
        assert!(journal.log[0].message.capacity() < 2 * MAX_LOG_MESSAGE, "{}", journal.log[0].message.capacity());
    }

    #[test]
    fn the_oldest_entries_make_room() {
        let mut journal = Journal::default();
        for number in 0..MAX_LOG_ENTRIES + 5 {
            journal.log(Level::Info, 0, number.to_string());
        }
        assert_eq!((journal.log.len(), journal.log_dropped, journal.log[0].message.as_str()), (MAX_LOG_ENTRIES, 5, "5"));
    }

    // Threat: T-GUEST-4
    #[test]
    fn a_cause_is_only_what_happened() {
        let mut journal = Journal::default();
        let allowed = journal.count(Action::Read, true);
        assert_eq!(journal.cause(allowed), None);
        let excess = journal.exceed();
        assert_eq!((journal.cause(excess), journal.cause(99)), (Some(Cause::Excess), None));
    }
}
