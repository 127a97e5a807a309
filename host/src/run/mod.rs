//! One script, from its text to its report.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::audit::{Audit, AuditError, Digests, Recording, digest, hexadecimal};
use crate::capability::State;
use crate::gate::Gate;
use crate::journal::{Cause, SharedJournal};
use crate::limits::{Limits, MAX_SCRIPT_BYTES, RunClock, Stop};
use crate::platform::{self, AbsolutePath, FileSystem};
use crate::policy::{Decider, Policy};
use crate::report::{Outcome, Report, Usage};
use crate::sandbox::bindings::exports::rex::host::script::{Fault, ScriptError};
use crate::sandbox::{Limit, Sandbox, SandboxError, Task, Verdict};

/// How long a run that has to end may take for it, before it is given up. A host call can be stuck in the kernel, on a dead network
/// file system for example, where nothing can wake it.
const GRACE: Duration = Duration::from_millis(300);

/// How long the last line of the record may take. Only a reader who never reads again takes longer: a machine on which much runs may well
/// take seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What runs scripts. It may be shared, and may run any number of them at the same time.
#[derive(Debug, Clone)]
pub struct Runner {
    sandbox: Arc<Sandbox>,
    files: Arc<FileSystem>,
    principal: String,
}

/// One script with all that belongs to it.
#[derive(Debug, Clone)]
pub struct Job {
    /// The script's text.
    pub script: String,
    /// Where it is from, for who is told that there is none.
    pub origin: String,
    /// A JSON object. Each of its members becomes a variable.
    pub arguments: String,
    /// What the script may do.
    pub policy: Arc<Policy>,
    /// What bounds it.
    pub limits: Limits,
    /// How decisions are recorded.
    pub audit: Recording,
    /// The absolute path of the dictionary of lines that may be shown of files that may be read redacted only.
    pub redaction_dictionary: String,
    /// Whether to give up, before the script starts, what the policy cannot need: of the calling thread and of those that are started
    /// from then on, so that it is for a process that does nothing else.
    pub harden: bool,
}

/// Where the dictionary is by default, as AWS Rex has it.
pub const REDACTION_DICTIONARY: &str = "/etc/opt/rex/rex_redaction.config";

/// Why nothing can be run at all.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// No sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The operating system offers no way to open files safely.
    #[error("{0}")]
    Platform(#[from] platform::Error),
}

/// The line on which a run hears that it has to end.
#[derive(Debug)]
pub struct Control {
    outlet: Outlet,
    inbox: Receiver<Event>,
}

/// The other end of it.
#[derive(Debug)]
struct Outlet {
    sender: Sender<Event>,
    ready: Option<Ready>,
}

/// Called when there is something to end.
struct Ready(Box<dyn FnOnce(Interrupter)>);

impl std::fmt::Debug for Ready {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Ready")
    }
}

/// Ends a run from another thread.
#[derive(Debug, Clone)]
pub struct Interrupter(Sender<Event>);

#[derive(Debug)]
enum Event {
    Interrupted,
    Finished(Outcome, Usage),
    /// The thread of the script panicked.
    BrokeDown,
}

/// Tells it when its thread panics. That the line is closed tells nothing: others hold its end too.
struct Witness(Sender<Event>);

impl Drop for Witness {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Event::BrokeDown);
        }
    }
}

impl Control {
    /// For one run.
    #[must_use]
    pub fn new() -> Self {
        let (sender, inbox) = channel();
        Self { outlet: Outlet { sender, ready: None }, inbox }
    }

    /// Has a function called before the script starts, but after all that can keep it from starting.
    #[must_use]
    pub fn when_ready(self, ready: impl FnOnce(Interrupter) + 'static) -> Self {
        Self { outlet: Outlet { ready: Some(Ready(Box::new(ready))), ..self.outlet }, ..self }
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl Interrupter {
    /// Ends the run at once. Does nothing when it is over.
    pub fn interrupt(&self) {
        let _ = self.0.send(Event::Interrupted);
    }
}

impl Runner {
    /// Loads what every run needs. The principal is the name of the operating system's user that this process runs as.
    ///
    /// # Errors
    ///
    /// See [`RunnerError`].
    pub fn new() -> Result<Self, RunnerError> {
        Self::with(Sandbox::load()?)
    }

    /// The same with a guest of one's own.
    ///
    /// # Errors
    ///
    /// See [`RunnerError`].
    pub fn with(sandbox: Sandbox) -> Result<Self, RunnerError> {
        Ok(Self { sandbox: Arc::new(sandbox), files: Arc::new(FileSystem::open()?), principal: platform::user_name() })
    }

    /// Runs a script. Always gives a report: within the job's time limit and a little more, whatever the script does.
    pub fn run(&self, job: Job, control: Control) -> Report {
        self.perform(Task::Run, job, control)
    }

    /// Compiles a script as a run would, and runs nothing.
    pub fn check(&self, job: Job, control: Control) -> Report {
        self.perform(Task::Check, job, control)
    }

    fn perform(&self, task: Task, job: Job, control: Control) -> Report {
        let clock = RunClock::start(job.limits.timeout);
        let journal = SharedJournal::default();
        let digests = Digests {
            script_sha256: digest(job.script.as_bytes()),
            policy_sha256: job.policy.digest().to_owned(),
            schema_sha256: crate::policy::schema::SHA256.to_owned(),
            guest_sha256: self.sandbox.guest_digest().to_owned(),
        };
        let limit = job.limits.output;
        let Control { outlet, inbox } = control;
        let (mut outcome, usage, audit) = match self.start(task, job, &clock, &journal, &digests, outlet) {
            Ok(audit) => {
                let (outcome, usage) = Self::watch(&inbox, &clock);
                (outcome, usage, Some(audit))
            }
            Err(outcome) => (outcome, Usage::default(), None),
        };
        if let Some(audit) = audit {
            // A record that broke has no end.
            if !matches!(outcome, Outcome::Unrecorded(_))
                && let Err(message) = record_end(audit.clone(), &outcome)
            {
                outcome = Outcome::Unrecorded(message);
            }
            journal.lock().record = audit.head();
        }
        let usage = Usage { duration_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX), ..usage };
        Report::new(outcome, usage, digests, &journal.lock(), limit)
    }

    /// Starts the thread that the script runs on.
    fn start(
        &self,
        task: Task,
        job: Job,
        clock: &RunClock,
        journal: &SharedJournal,
        digests: &Digests,
        Outlet { sender, ready }: Outlet,
    ) -> Result<Audit, Outcome> {
        if job.script.len() > MAX_SCRIPT_BYTES {
            return Err(Outcome::Limit(format!("the script has {} bytes, and may have {MAX_SCRIPT_BYTES}", job.script.len())));
        }
        if job.script.trim().is_empty() {
            return Err(Outcome::Invalid(format!("the script {} is empty", job.origin)));
        }
        let dictionary = AbsolutePath::parse(&job.redaction_dictionary)
            .map_err(|error| Outcome::Invalid(format!("the redaction dictionary: {error}")))?;
        let failed = |error: std::io::Error| Outcome::HostFailed(error.to_string());
        let unrecorded = |error: AuditError| Outcome::Unrecorded(error.to_string());
        // A check decides nothing.
        let recording = if task == Task::Run { &job.audit } else { &Recording::default() };
        let id = random_id().map_err(failed)?;
        let audit = Audit::start(recording, job.limits.record, id, &self.principal, digests).map_err(unrecorded)?;
        let decider = Decider::new(Arc::clone(&job.policy), &self.principal);
        let gate = Gate::new(decider, self.principal.clone(), journal.clone(), audit.clone(), clock.clone());
        let state = State::new(gate, journal.clone(), clock.clone(), job.limits.clone(), Arc::clone(&self.files), dictionary);
        if job.harden {
            // All that is to be opened by its path is open.
            let hardening = platform::harden(&job.policy.reach());
            journal.lock().hardening = Some(hardening);
        }
        if let Some(Ready(ready)) = ready {
            ready(Interrupter(sender.clone()));
        }
        let (sandbox, journal) = (Arc::clone(&self.sandbox), journal.clone());
        thread::Builder::new()
            .name("script".to_owned())
            .spawn(move || {
                let witness = Witness(sender);
                let (verdict, fuel) = sandbox.perform(task, state, &job.limits, &job.script, &job.arguments);
                let usage = Usage { fuel, ..Usage::default() };
                // Nobody listens when the run was given up.
                let _ = witness.0.send(Event::Finished(judge(verdict, &job.limits, &journal), usage));
            })
            .map(|_| audit)
            .map_err(failed)
    }

    /// Waits for the end of a run, and sees to it that it comes.
    fn watch(inbox: &Receiver<Event>, clock: &RunClock) -> (Outcome, Usage) {
        let reason = match inbox.recv_timeout(clock.remaining()) {
            Ok(Event::Finished(outcome, usage)) => return (outcome, usage),
            Ok(Event::Interrupted) => Stop::Signal,
            Err(RecvTimeoutError::Timeout) => Stop::Deadline,
            Ok(Event::BrokeDown) | Err(RecvTimeoutError::Disconnected) => return (thread_died(), Usage::default()),
        };
        clock.stop(reason);
        loop {
            match inbox.recv_timeout(GRACE) {
                Ok(Event::Finished(outcome, usage)) => return (outcome, usage),
                Ok(Event::Interrupted) => {}
                Ok(Event::BrokeDown) | Err(RecvTimeoutError::Disconnected) => return (thread_died(), Usage::default()),
                Err(RecvTimeoutError::Timeout) => {
                    let limit = if reason == Stop::Signal { Limit::Interrupted } else { Limit::Time };
                    return (
                        Outcome::Limit(format!("{}, in the middle of a call that could not be ended", describe(limit, None))),
                        Usage::default(),
                    );
                }
            }
        }
    }
}

/// Writes the last line of the record. Its reader may have stopped reading, and may not keep this process from ending.
fn record_end(audit: Audit, outcome: &Outcome) -> Result<(), String> {
    if !audit.is_written() {
        return Ok(());
    }
    let (sender, inbox) = channel();
    let (name, code) = (outcome.name(), outcome.exit_code());
    thread::spawn(move || sender.send(audit.ended(name, code)));
    match inbox.recv_timeout(PATIENCE) {
        Ok(written) => written.map_err(|error| error.to_string()),
        Err(_) => Err("the end of the run could not be recorded: nobody takes what is written".to_owned()),
    }
}

fn thread_died() -> Outcome {
    Outcome::HostFailed("the thread that ran the script broke down; this is a fault of the host".to_owned())
}

fn judge(verdict: Verdict, limits: &Limits, journal: &SharedJournal) -> Outcome {
    match verdict {
        Verdict::Answer(Ok(value)) => Outcome::Finished { text: value.text, json: value.json },
        Verdict::Compiles => Outcome::Finished { text: String::new(), json: "null".to_owned() },
        Verdict::Answer(Err(ScriptError { fault, message, position, cause })) => {
            let position = position.map(|position| (position.line, position.column));
            // The guest may claim what it likes: what happened is in the journal.
            let journal = journal.lock();
            match (fault, cause.and_then(|number| journal.cause(number))) {
                (Fault::Arguments, _) if journal.decisions.is_empty() => Outcome::Invalid(message),
                (Fault::Syntax, _) if journal.decisions.is_empty() => Outcome::SyntaxError { message, position },
                (_, Some(Cause::Denial)) => Outcome::Denied { message, position },
                (_, Some(Cause::Excess)) => Outcome::Limit(message),
                (_, None) => Outcome::ScriptError { message, position },
            }
        }
        Verdict::Limit(limit) => Outcome::Limit(describe(limit, Some(limits))),
        Verdict::Unrecorded(message) => Outcome::Unrecorded(message),
        Verdict::Crash(message) => {
            Outcome::GuestFailed(format!("the interpreter broke down: {message}; this is a fault of Rex, or an attack on it"))
        }
    }
}

fn describe(limit: Limit, limits: Option<&Limits>) -> String {
    match (limit, limits) {
        (Limit::Time, Some(limits)) => format!("the script ran for longer than {:?} (--timeout)", limits.timeout),
        (Limit::Time, None) => "the time limit was reached (--timeout)".to_owned(),
        (Limit::Fuel, Some(limits)) => format!("the script used up its {} units of fuel (--fuel)", limits.fuel),
        (Limit::Fuel, None) => "the script used up its fuel (--fuel)".to_owned(),
        (Limit::Memory, Some(limits)) => format!("the script needed more than {} bytes of memory (--max-memory)", limits.memory),
        (Limit::Memory, None) => "the script needed more memory than it may have (--max-memory)".to_owned(),
        (Limit::Stack, _) => "the script needed more stack than there is: its data or its calls are nested too deeply".to_owned(),
        (Limit::Value, _) => {
            "the interpreter gave up, as it does when a value would be larger than any memory (--max-memory)".to_owned()
        }
        (Limit::Call, _) => "a call had more bytes for the host than it may have (--max-call-bytes)".to_owned(),
        (Limit::Record, Some(limits)) => AuditError::Full(limits.record).to_string(),
        (Limit::Record, None) => "the run's decision record is full (--max-record)".to_owned(),
        (Limit::Places, _) => "as many scripts run at the same time as may; this one did not start".to_owned(),
        (Limit::Interrupted, _) => "the run was interrupted from outside".to_owned(),
    }
}

/// 128 bits that nobody has drawn before, in hexadecimal.
///
/// # Errors
///
/// When the operating system has no random numbers.
pub fn random_id() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(hexadecimal(&bytes))
}
