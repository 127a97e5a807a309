//! `rex-runner -s … -p …`

use std::io;
use std::iter::successors;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::arguments::{InputArguments, RunArguments};
use super::input::InputError;
use crate::audit::{Destination, Origin, Recording};
use crate::limits::Limits;
use crate::platform;
use crate::policy::Policy;
use crate::report::{Outcome, Report};
use crate::run::{Control, Job, Runner, RunnerError};

/// The sandbox, which a thread loads while arguments and policy are read: either takes some milliseconds.
pub(super) struct Loading(io::Result<JoinHandle<Result<Runner, RunnerError>>>);

impl Loading {
    pub(super) fn start() -> Self {
        Self(thread::Builder::new().name("sandbox".to_owned()).spawn(Runner::new))
    }

    fn end(self) -> Result<Runner, Outcome> {
        self.0
            .map_err(|error| Outcome::HostFailed(error.to_string()))?
            .join()
            .map_err(|_| Outcome::HostFailed("the sandbox could not be loaded; this is a fault of the host".to_owned()))?
            .map_err(|error| Outcome::HostFailed(error.to_string()))
    }
}

pub(super) fn run(arguments: &RunArguments, loading: Loading) -> Report {
    platform::prepare_process();
    // Not before there is something to end: until then a signal ends the process, and so it does without a handler. The thread that waits
    // for signals is behind the wall as well.
    let control = Control::new().when_ready(|interrupter| drop(ctrlc::set_handler(move || interrupter.interrupt())));
    let limits = arguments.limits.limits();
    let output = limits.output;
    match prepare(loading, &arguments.input, limits, arguments.recording(), &arguments.redaction_dictionary) {
        Ok((runner, job)) => runner.run(Job { harden: !arguments.no_harden, ..job }, control),
        Err(outcome) => Report::unstarted(outcome, output),
    }
}

/// Reads and checks all input. No script starts before the sandbox is there too.
pub(super) fn prepare(
    loading: Loading,
    input: &InputArguments,
    limits: Limits,
    audit: Recording,
    dictionary: &str,
) -> Result<(Runner, Job), Outcome> {
    let rejected = |error: InputError| match error.is_excess() {
        true => Outcome::Limit(error.to_string()),
        false => Outcome::Invalid(error.to_string()),
    };
    let text = input.policy().map_err(rejected)?;
    let script = input.script().map_err(rejected)?;
    let arguments = input.arguments().map_err(rejected)?;
    let policy = catch_unwind(|| Policy::parse_guarding(&text, own_files(&audit.destination, dictionary)))
        .map_err(|_| Outcome::HostFailed("the policy could not be read; this is a fault of the host".to_owned()))?
        .map_err(|error| Outcome::Invalid(format!("the policy {} is not valid: {error}", input.policy_name())))?;
    Ok((
        loading.end()?,
        Job {
            script,
            origin: input.origin(),
            arguments,
            policy: Arc::new(policy),
            limits,
            audit,
            redaction_dictionary: dictionary.to_owned(),
            harden: false,
        },
    ))
}

/// This program's file, the decision record and the dictionary of what is not redacted, under their canonical paths.
fn own_files(audit: &Destination, dictionary: &str) -> Vec<String> {
    let program = std::env::current_exe().ok();
    let record = if let Destination::File(path) = audit { Some(path.clone()) } else { None };
    let files = [program, record, Some(dictionary.into())].into_iter().flatten();
    files.flat_map(|path| way_to(&path)).filter_map(|path| path.into_os_string().into_string().ok()).collect()
}

/// The canonical paths of a file and of the links that lead to it one after the other, whether it is there or not.
fn way_to(path: &Path) -> Vec<PathBuf> {
    /// As many as the kernel follows.
    const MAX_LINKS: usize = 40;
    let canonical = |path: &Path| {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(above.canonicalize().ok()?.join(path.file_name()?))
    };
    let next = |link: &PathBuf| canonical(&link.parent()?.join(link.read_link().ok()?));
    successors(canonical(path), next).take(MAX_LINKS).collect()
}

impl RunArguments {
    fn recording(&self) -> Recording {
        // The SSM agent sets them for every step. No parameter of a document can: their names have no `_`.
        let variable = |name| std::env::var(name).ok();
        Recording {
            destination: self.destination(),
            format: self.audit_format,
            origin: Origin::new(variable("SSM_COMMAND_ID"), variable("AWS_SSM_INSTANCE_ID")),
        }
    }
}

impl InputArguments {
    fn policy_name(&self) -> String {
        self.policy_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    }
}
