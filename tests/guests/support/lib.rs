//! Guests that attack the host, each with what it needs for that, and how a run of one has to end whatever it does.

mod code;
pub mod process;
pub mod scripts;

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rex_runner::audit::{Destination, Recording, verify};
use rex_runner::limits::Limits;
use rex_runner::policy::Policy;
use rex_runner::report::Report;
use rex_runner::run::{Control, Job, REDACTION_DICTIONARY, Runner};
use rex_runner::sandbox::{Sandbox, SandboxError};
use rex_tests::Case;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;
use serde_json::Value;

pub use code::{FUNCTIONS, REFUSED, load, names, unbounded};

/// Takes a guest into a sandbox.
pub fn sandbox(guest: &str) -> Result<Sandbox, SandboxError> {
    let (engine, component) = load(guest);
    Sandbox::new(engine, &component, format!("the guest {guest}"))
}

/// What runs a guest.
#[track_caller]
pub fn runner(guest: &str) -> Runner {
    let sandbox = sandbox(guest).unwrap_or_else(|error| panic!("{guest} is no guest of this world: {error}"));
    Runner::with(sandbox).expect("files can be opened safely")
}

/// What runs ordinary scripts.
pub fn ordinary() -> &'static Runner {
    static RUNNER: OnceLock<Runner> = OnceLock::new();
    RUNNER.get_or_init(|| Runner::new().expect("the embedded guest loads"))
}

/// What came of a script.
#[derive(Debug)]
pub struct Came {
    pub outcome: String,
    pub code: u8,
    /// The error's message.
    pub message: String,
    /// The report as its readers get it.
    pub report: Value,
}

/// Runs a job and reads its report.
pub fn run(runner: &Runner, job: Job) -> Came {
    let report: Report = runner.run(job, Control::new());
    let code = report.exit_code();
    let report = serde_json::to_value(&report).expect("a report is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Came { outcome: text(&report["outcome"]), code, message: text(&report["error"]["message"]), report }
}

/// Two directories of a test's own: the policy permits everything in one, and nothing in the other.
pub struct Ground {
    case: Case,
    policy: Arc<Policy>,
    /// What lies in the other directory.
    outside: BTreeMap<PathBuf, Vec<u8>>,
    /// Tells of everything that is opened there.
    watch: OwnedFd,
}

/// Bounds that no harmless run of a test comes near, but that are reached in a moment.
pub fn limits() -> Limits {
    Limits { fuel: 2_000_000_000, handles: 256, ..Limits::default() }
}

impl Ground {
    #[expect(clippy::new_without_default, reason = "it makes directories")]
    pub fn new() -> Self {
        let case = Case::new();
        case.file("in/file", "one\ntwo\nthree\n");
        case.file("out/secret", "a secret that nobody may read");
        case.dir("out/empty");
        let policy = format!(r#"permit(principal, action, resource in file_system::Dir::"{}");"#, case.path("in"));
        case.file("policy.cedar", &policy);
        let policy = Arc::new(Policy::parse(&policy).expect("a policy"));
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("a watch");
        let mut ground = Self { case, policy, outside: BTreeMap::new(), watch };
        ground.outside = ground.around();
        for directory in ["out", "out/empty"] {
            inotify::add_watch(&ground.watch, ground.path(directory), WatchFlags::ALL_EVENTS).expect("a watch");
        }
        ground
    }

    /// The path of a file that the guest may do everything with.
    pub fn file(&self) -> String {
        self.case.path("in/file")
    }

    /// A path in the directory that the guest may do everything in, or beside it.
    pub fn path(&self, name: &str) -> String {
        self.case.path(name)
    }

    /// A job for this place, of which the decisions are recorded.
    pub fn job(&self, script: impl Into<String>) -> Job {
        Job {
            script: script.into(),
            arguments: "{}".to_owned(),
            policy: Arc::clone(&self.policy),
            limits: limits(),
            audit: Recording { destination: Destination::File(self.record()), ..Recording::default() },
            origin: "here".to_owned(),
            redaction_dictionary: REDACTION_DICTIONARY.to_owned(),
            harden: false,
        }
    }

    /// The policy, in a file.
    pub fn policy_file(&self) -> String {
        self.case.path("policy.cedar")
    }

    /// The names of what is in the directory of the guest.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.case.path("in")).expect("a directory");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    fn record(&self) -> PathBuf {
        self.case.path("record").into()
    }

    /// Everything that is not in the directory where the guest may do what it likes, and no record.
    fn around(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![PathBuf::from(self.case.path(""))];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                let status = path.symlink_metadata().expect("it is there");
                if path == self.record() || path == Path::new(&self.case.path("in")) {
                    continue;
                }
                let content = if status.is_file() { fs::read(&path).expect("a file") } else { Vec::new() };
                if status.is_dir() {
                    open.push(path.clone());
                }
                found.insert(path, content);
            }
        }
        found
    }

    /// Waits until no thread works for this place any more: one that went on when its time was up would do so for as long as its fuel
    /// lasts, which may be hours.
    #[track_caller]
    pub fn is_quiet(&self) {
        rex_tests::eventually("the guest ends", || Arc::strong_count(&self.policy) == 1);
    }

    /// Fails unless the record is whole, of so many runs, and of nothing that was permitted but what the policy permits; and unless
    /// nothing around the directory of the guest was read or changed. To be asked once.
    #[track_caller]
    pub fn is_unharmed(&self, runs: u64) {
        let text = fs::read_to_string(self.record()).expect("a record");
        let verified = verify(BufReader::new(text.as_bytes()), &[]).expect("it can be read");
        assert!(verified.is_sound() && verified.runs == runs, "{:?} of {} runs", verified.findings, verified.runs);
        let inside = self.case.path("in");
        for line in
            text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
        {
            let id = line["resource"]["id"].as_str().unwrap_or_default();
            let within = id == inside || id.starts_with(&format!("{inside}/"));
            assert!(line["decision"] != "allow" || within, "{line}");
        }
        let mut events = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.watch, &mut events);
        assert_eq!(reader.next().err(), Some(Errno::AGAIN), "nothing outside was opened, listed or changed");
        assert_eq!(self.around(), self.outside, "nothing has changed outside");
    }

    /// Fails unless an ordinary script does what it should, in the process that was attacked.
    #[track_caller]
    pub fn ordinary_scripts_run(&self) {
        self.case.file("in/ordinary", "as ever");
        let path = self.case.path("in/ordinary");
        let mut job = self.job(format!("cat({path:?}) + 1"));
        job.audit = Recording::default();
        let came = run(ordinary(), job);
        assert_eq!((came.code, came.report["output"].as_str()), (0, Some("as ever1")), "{came:#?}");
        let mut job = self.job(format!("cat({:?})", self.case.path("out/secret")));
        job.audit = Recording::default();
        assert_eq!(run(ordinary(), job).outcome, "denied");
    }
}
