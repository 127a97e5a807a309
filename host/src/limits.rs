//! What bounds a run, and the clock that ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The bounds of one run. Each has its own outcome in the report.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Wall-clock time from the start of the run, host calls included.
    pub timeout: Duration,
    /// Units of wasmtime's fuel, about one for each WebAssembly instruction.
    pub fuel: u64,
    /// Bytes of the guest's linear memory.
    pub memory: usize,
    /// Bytes that one call may bring from the machine into the guest or the reverse.
    pub call_bytes: usize,
    /// Open files and directories at one time.
    pub handles: usize,
    /// Bytes of the report.
    pub output: usize,
    /// Bytes that the run adds to the decision record.
    pub record: usize,
}

/// A script may be this long, in bytes.
pub const MAX_SCRIPT_BYTES: usize = 1 << 20;
/// A policy may be this long, in bytes.
pub const MAX_POLICY_BYTES: usize = 4 << 20;
/// Arguments may be this long as JSON, in bytes.
pub const MAX_ARGUMENT_BYTES: usize = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            fuel: 200_000_000_000,
            memory: 256 << 20,
            call_bytes: 64 << 20,
            handles: 256,
            output: 24_000,
            record: 256 << 20,
        }
    }
}

/// Why a run ends before its script does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The time is up.
    Deadline,
    /// The process was told to end, by Ctrl-C or by SIGTERM.
    Signal,
}

impl std::fmt::Display for Stop {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Deadline => "the time limit was reached",
            Self::Signal => "the run was interrupted",
        })
    }
}

impl std::error::Error for Stop {}

/// The clock of one run, shared between the thread that runs the script and the one that watches it.
#[derive(Debug, Clone)]
pub struct RunClock {
    started: Instant,
    deadline: Instant,
    stopped: Arc<AtomicU8>,
}

/// How long a waiting thread goes without looking whether the run was stopped.
const NAP: Duration = Duration::from_millis(10);

impl RunClock {
    /// Starts now.
    #[must_use]
    pub fn start(timeout: Duration) -> Self {
        let started = Instant::now();
        // A time-out beyond what the clock can tell is as good as a century.
        let deadline = started.checked_add(timeout).unwrap_or(started + Duration::from_secs(100 * 365 * 86_400));
        Self { started, deadline, stopped: Arc::default() }
    }

    /// A clock for a part of the run, with a time limit of its own. What stops the run stops the part.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        let part = Self::start(timeout);
        Self { deadline: part.deadline.min(self.deadline), stopped: Arc::clone(&self.stopped), ..part }
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Time that is left.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Ends the run from another thread. The first reason is the one that counts.
    pub fn stop(&self, reason: Stop) {
        let code = match reason {
            Stop::Deadline => 1,
            Stop::Signal => 2,
        };
        let _ = self.stopped.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Fails once the run has to end. Whatever works for long asks this again and again, and every effect right before it happens.
    ///
    /// # Errors
    ///
    /// Why the run has to end.
    pub fn check(&self) -> Result<(), Stop> {
        match self.stopped.load(Ordering::SeqCst) {
            1 => Err(Stop::Deadline),
            2 => Err(Stop::Signal),
            _ if self.remaining().is_zero() => Err(Stop::Deadline),
            _ => Ok(()),
        }
    }

    /// The longest that a call which waits may wait before it asks [`Self::check`] again.
    #[must_use]
    pub fn nap(&self) -> Duration {
        self.remaining().min(NAP)
    }

    /// Waits.
    ///
    /// # Errors
    ///
    /// Why the run has to end, if that is before the wait is over.
    pub fn sleep(&self, duration: Duration) -> Result<(), Stop> {
        let start = Instant::now();
        loop {
            self.check()?;
            match duration.checked_sub(start.elapsed()) {
                Some(rest) if !rest.is_zero() => thread::sleep(rest.min(self.nap())),
                _ => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Threat: T-RES-2
    #[test]
    fn a_wait_ends_with_the_time_that_is_left() {
        let clock = RunClock::start(Duration::from_millis(20));
        assert_eq!(clock.sleep(Duration::from_secs(3600)), Err(Stop::Deadline));
        assert!(clock.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_part_ends_with_the_whole() {
        let whole = RunClock::start(Duration::MAX);
        let part = whole.within(Duration::from_secs(3600));
        assert_eq!(whole.within(Duration::ZERO).check(), Err(Stop::Deadline));
        whole.stop(Stop::Signal);
        assert_eq!(part.check(), Err(Stop::Signal));
        assert_eq!(RunClock::start(Duration::ZERO).within(Duration::MAX).check(), Err(Stop::Deadline));
    }

    #[test]
    fn the_first_reason_counts() {
        let clock = RunClock::start(Duration::MAX);
        assert_eq!(clock.check(), Ok(()));
        clock.stop(Stop::Signal);
        clock.stop(Stop::Deadline);
        assert_eq!(clock.sleep(Duration::from_secs(3600)), Err(Stop::Signal));
    }
}
