//! A document, run on this machine as the service and the SSM agent would run it.
//!
//! It is a model, written after the agent's source (3.3.1142.0) and the documentation of what came later. It refuses what it does not model.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Map, Value};

use super::document::{Document, DocumentError, MAX_CONTENT, PLATFORM_TYPE, Platform, SHELL, Step, VARIABLE};
use super::parameters::{ParameterError, STORE, Setting, matches, settings, substitute, substitute_lines};
use crate::limits::{RunClock, Stop};
use crate::platform::{self, Finished, ShellScript};

/// Bytes that the agent keeps of each stream.
const MAX_OUTPUT: usize = 24_000;
/// What it appends to what it cut.
const CUT: &str = "--output truncated--";
/// Where the agent's service starts.
const DIRECTORY: &str = "/usr/bin";
/// Seconds of a step that says nothing that the agent takes.
const DEFAULT_TIMEOUT: u64 = 3600;

/// Which agent is modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Agent {
    /// One that sets variables: 3.3.2746.0 and newer
    #[value(name = "3.3.2746.0")]
    Current,
    /// One that ignores interpolationType
    Older,
}

/// What is run, and how.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The document's text, JSON or YAML.
    pub document: &'a str,
    /// The parameters as the service takes them: each a list of texts.
    pub parameters: &'a Map<String, Value>,
    /// The platform that the machine is taken for.
    pub platform: Platform,
    /// The agent.
    pub agent: Agent,
    /// What a step finds under the name rex-runner.
    pub program: &'a Path,
}

/// How a step or a whole document ended, in the words of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the words are the service's")]
pub enum Status {
    Success,
    Skipped,
    Failed,
    TimedOut,
    Cancelled,
    SuccessAndReboot,
}

/// What became of a step.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StepResult {
    pub name: String,
    pub status: Status,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// What became of a document.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Invoked {
    pub status: Status,
    pub steps: Vec<StepResult>,
}

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvokeError {
    #[error("the document cannot be read: {0}")]
    Document(#[from] DocumentError),
    #[error("the schema {0} is not run here, only 2.2")]
    Schema(String),
    #[error("the document and its parameters have {0} bytes, and may have {MAX_CONTENT}")]
    TooLarge(usize),
    #[error("{0}")]
    Parameters(#[from] ParameterError),
    #[error("the step {step} has {what}, which is not modelled here")]
    NotModelled { step: String, what: String },
    #[error("the step {0} reads Parameter Store ({{{{ssm:…}}}}), which is not there")]
    Store(String),
    #[error("the step {step} runs on {platform}, and this machine is another: nothing was run")]
    Elsewhere { step: String, platform: &'static str },
    #[error("the step {step} cannot be run: {cause}")]
    Platform { step: String, cause: platform::Error },
}

impl InvokeError {
    /// Whether this machine is at fault, and not what it was given.
    #[must_use]
    pub const fn is_of_host(&self) -> bool {
        matches!(self, Self::Platform { .. })
    }
}

/// Runs a document. `stop` ends it, as the cancellation of a command does.
///
/// # Errors
///
/// When the service or the agent would refuse it before any of its steps, or when it needs what is not modelled.
pub fn invoke(invocation: &Invocation<'_>, stop: &RunClock) -> Result<Invoked, InvokeError> {
    let document = Document::parse(invocation.document)?;
    if document.schema_version != "2.2" {
        return Err(InvokeError::Schema(document.schema_version));
    }
    let settings = settings(&document, invocation.parameters)?;
    let values: usize = settings.values().flat_map(Setting::texts).map(String::len).sum();
    let size = invocation.document.len() + values;
    if size > MAX_CONTENT {
        return Err(InvokeError::TooLarge(size));
    }
    // Everything is looked at before anything runs.
    let steps: Vec<_> =
        document.main_steps.iter().map(|step| prepare(step, &settings, invocation.platform)).collect::<Result<_, _>>()?;
    let environment = environment(&document, &settings, invocation);
    let mut results = Vec::new();
    let mut over = false;
    for step in steps {
        let skipped = over || !step.applies;
        let result = if skipped { step.skipped() } else { step.run(invocation.program, &environment, stop)? };
        // The agent reads three codes as the end of the document.
        over |= !skipped && (matches!(result.1, 168 | 169 | 194) || result.0.status == Status::Cancelled);
        results.push(result.0);
    }
    let worst = [Status::Cancelled, Status::TimedOut, Status::Failed, Status::SuccessAndReboot, Status::Success];
    let status = worst.into_iter().find(|status| results.iter().any(|result| result.status == *status));
    Ok(Invoked { status: status.unwrap_or(Status::Success), steps: results })
}

/// A step with its values in it.
struct Prepared {
    name: String,
    applies: bool,
    text: String,
    directory: String,
    timeout: Duration,
}

fn prepare(step: &Step, settings: &BTreeMap<String, Setting>, platform: Platform) -> Result<Prepared, InvokeError> {
    let not_modelled = |what: String| InvokeError::NotModelled { step: step.name.clone(), what };
    let applies = applies(step, settings, platform)
        .ok_or_else(|| not_modelled("a precondition other than StringEquals with two operands".to_owned()))?;
    let inputs = &step.inputs;
    let text = substitute_lines(&inputs.run_command, settings).join("\n");
    let directory = inputs.working_directory.as_deref().map(|directory| substitute(directory, settings));
    let timeout = inputs.timeout_seconds.as_deref().map(|seconds| substitute(seconds, settings));
    if applies {
        if let Some(name) = inputs.other.keys().find(|name| NOT_MODELLED.contains(&name.as_str())) {
            return Err(not_modelled(format!("the input {name}")));
        }
        if directory.as_ref().is_some_and(|directory| !directory.is_empty() && !directory.starts_with('/')) {
            return Err(not_modelled("a relative workingDirectory".to_owned()));
        }
        if [Some(&text), directory.as_ref()].into_iter().flatten().any(|text| matches(&STORE, text)) {
            return Err(InvokeError::Store(step.name.clone()));
        }
        if Platform::current() != Some(platform) {
            return Err(InvokeError::Elsewhere { step: step.name.clone(), platform: platform.name() });
        }
        if step.action != SHELL {
            return Err(not_modelled(format!("the action {} on {}", step.action, platform.name())));
        }
    }
    let seconds = timeout.and_then(|seconds| seconds.parse().ok()).filter(|seconds| (5..=172_800).contains(seconds));
    Ok(Prepared {
        name: step.name.clone(),
        applies,
        text,
        directory: directory.filter(|directory| !directory.is_empty()).unwrap_or_else(|| DIRECTORY.to_owned()),
        timeout: Duration::from_secs(seconds.unwrap_or(DEFAULT_TIMEOUT)),
    })
}

/// Inputs that change what a step does. The agent ignores those that it does not know.
const NOT_MODELLED: &[&str] = &["environment", "finallyStep", "onFailure", "onSuccess"];

/// Whether the step runs on this platform; nothing if its precondition is of an unknown form.
fn applies(step: &Step, settings: &BTreeMap<String, Setting>, platform: Platform) -> Option<bool> {
    if step.precondition.is_empty() {
        return Some(true);
    }
    let operands = step.precondition.get("StringEquals").filter(|_| step.precondition.len() == 1)?;
    let [left, right] = operands.as_slice() else { return None };
    Some(match (left.as_str(), right.as_str()) {
        (PLATFORM_TYPE, name) | (name, PLATFORM_TYPE) => name.eq_ignore_ascii_case(platform.name()),
        (left, right) => substitute(left, settings) == substitute(right, settings),
    })
}

/// What the agent adds to its own environment, which here is nothing.
fn environment(document: &Document, settings: &BTreeMap<String, Setting>, invocation: &Invocation<'_>) -> Vec<(String, String)> {
    let of_agent = [
        ("SSM_COMMAND_ID", "00000000-0000-0000-0000-000000000000"),
        ("AWS_SSM_INSTANCE_ID", "mi-00000000000000000"),
        ("AWS_SSM_REGION_NAME", "local"),
        ("AWS_SSM_PLATFORM_NAME", invocation.platform.name()),
        ("AWS_SSM_PLATFORM_VERSION", ""),
    ];
    let mut environment: Vec<_> = of_agent.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    if invocation.agent == Agent::Current {
        let variables = document.parameters.iter().filter(|(_, parameter)| parameter.is_variable());
        environment.extend(variables.filter_map(|(name, _)| match settings.get(name) {
            Some(Setting::Text(text)) => Some((format!("{VARIABLE}{name}"), text.clone())),
            _ => None,
        }));
    }
    environment
}

impl Prepared {
    fn skipped(self) -> (StepResult, i32) {
        let (stdout, stderr) = (String::new(), String::new());
        (StepResult { name: self.name, status: Status::Skipped, code: 0, stdout, stderr }, 0)
    }

    /// The result, and the code that the step itself ended with.
    fn run(self, program: &Path, environment: &[(String, String)], stop: &RunClock) -> Result<(StepResult, i32), InvokeError> {
        let directory = Path::new(&self.directory);
        let script = ShellScript { text: &self.text, environment, directory, program };
        // One byte more, to know that something was cut.
        let finished = match platform::run_shell_script(&script, MAX_OUTPUT + 1, &stop.within(self.timeout)) {
            Ok(finished) => finished,
            // The agent cannot start it either.
            Err(platform::Error::Io(cause))
                if matches!(cause.kind(), ErrorKind::InvalidInput | ErrorKind::ArgumentListTooLong) =>
            {
                Finished { code: Some(1), stopped: None, stdout: Vec::new(), stderr: cause.to_string().into_bytes() }
            }
            Err(cause) => return Err(InvokeError::Platform { step: self.name, cause }),
        };
        Ok(judge(self.name, &finished))
    }
}

/// What the agent makes of a step's end.
fn judge(name: String, finished: &Finished) -> (StepResult, i32) {
    let own = finished.code.unwrap_or(-1);
    let (status, code) = match (finished.stopped, own) {
        (Some(Stop::Signal), _) => (Status::Cancelled, 137),
        (Some(Stop::Deadline), _) | (None, 137) => (Status::TimedOut, 137),
        (None, 0 | 168) => (Status::Success, 0),
        (None, 194) => (Status::SuccessAndReboot, 194),
        (None, code) => (Status::Failed, code),
    };
    let mut stderr = if own == 168 { String::new() } else { kept(&finished.stderr) };
    if finished.stopped.is_none() && !matches!(own, 0 | 168 | 194) {
        stderr.push_str(&format!("failed to run commands: exit status {own}"));
    }
    (StepResult { name, status, code, stdout: kept(&finished.stdout), stderr }, own)
}

fn kept(bytes: &[u8]) -> String {
    match bytes.get(..MAX_OUTPUT).filter(|_| bytes.len() > MAX_OUTPUT) {
        Some(beginning) => format!("{}{CUT}", String::from_utf8_lossy(beginning)),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(code: Option<i32>, stopped: Option<Stop>) -> (Status, i32, String) {
        let finished = Finished { code, stopped, stdout: vec![b'x'; MAX_OUTPUT + 1], stderr: b"e;".to_vec() };
        let (result, _) = judge("s".to_owned(), &finished);
        assert_eq!(result.stdout.len(), MAX_OUTPUT + CUT.len());
        (result.status, result.code, result.stderr)
    }

    #[test]
    fn codes_mean_what_they_mean_to_the_agent() {
        assert_eq!(end(Some(0), None), (Status::Success, 0, "e;".to_owned()));
        assert_eq!(end(Some(3), None), (Status::Failed, 3, "e;failed to run commands: exit status 3".to_owned()));
        assert_eq!(end(Some(168), None), (Status::Success, 0, String::new()));
        assert_eq!(end(Some(169), None).0, Status::Failed);
        assert_eq!(end(Some(194), None).0, Status::SuccessAndReboot);
        assert_eq!((end(Some(137), None).0, end(None, None).1), (Status::TimedOut, -1));
        assert_eq!(end(None, Some(Stop::Deadline)), (Status::TimedOut, 137, "e;".to_owned()));
        assert_eq!(end(None, Some(Stop::Signal)).0, Status::Cancelled);
    }

    #[test]
    fn a_precondition_has_one_form() {
        let step = |precondition: &str| -> Step {
            serde_json::from_str(&format!(r#"{{"action": "a", "name": "n", "precondition": {precondition}}}"#)).unwrap()
        };
        let none = BTreeMap::new();
        for (precondition, expected) in [
            ("{}", Some(true)),
            (r#"{"StringEquals": ["platformType", "linux"]}"#, Some(true)),
            (r#"{"StringEquals": ["Windows", "platformType"]}"#, Some(false)),
            (r#"{"StringEquals": ["a", "b"]}"#, Some(false)),
            (r#"{"StringEquals": ["a"]}"#, None),
            (r#"{"StringLike": ["platformType", "Linux"]}"#, None),
        ] {
            assert_eq!(applies(&step(precondition), &none, Platform::Linux), expected, "{precondition}");
        }
    }
}
