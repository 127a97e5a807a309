//! `rex-runner ssm render | lint | invoke`

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::input::read;
use super::show::{Form, json, printable, refuse, shown};
use crate::limits::{MAX_POLICY_BYTES, RunClock, Stop};
use crate::ssm::Platform;
use crate::ssm::invoke::{Agent, Invocation, Invoked, Status, invoke};
use crate::ssm::lint::{Finding, Severity, lint};
use crate::ssm::render::{Recipe, Scripts, render};

/// The step or the linter has something to tell.
const NOT_WELL: u8 = 1;
/// The document was killed at its time limit.
const LIMIT: u8 = 4;
/// The document, the policy or the parameters cannot be used; nothing ran.
const INVALID: u8 = 5;
/// This machine could not do it.
const HOST_FAILED: u8 = 6;
/// A document that is read may have this many bytes; what the service takes is less.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum SsmCommand {
    /// Makes a document from a policy, on standard output.
    Render(RenderArguments),
    /// Finds the ways in which a document can be broken out of or bypassed.
    Lint(LintArguments),
    /// Runs a document on this machine as the SSM agent would.
    Invoke(InvokeArguments),
}

#[derive(Debug, Args)]
pub(super) struct RenderArguments {
    /// The Cedar policy
    #[arg(short, long, value_name = "FILE")]
    policy: PathBuf,
    /// What the document's name begins with; digits of the policy's digest follow
    #[arg(short, long)]
    name: String,
    /// A platform that the document has a step for; may be given again. Without it, all
    #[arg(long, value_enum)]
    platform: Vec<Platform>,
    /// The document runs installed scripts by name, and none that is sent
    #[arg(long)]
    stored: bool,
    /// Characters that a script may have
    #[arg(long, value_name = "CHARACTERS", default_value = "8000", value_parser = clap::value_parser!(u16).range(1..=32_000))]
    max_script: u16,
}

#[derive(Debug, Args)]
pub(super) struct LintArguments {
    /// The document, as JSON or YAML; `-` is standard input
    file: PathBuf,
    /// How the findings are shown
    #[arg(short, long, value_enum, default_value = "human")]
    output_format: Form,
}

#[derive(Debug, Args)]
pub(super) struct InvokeArguments {
    /// The document, as JSON or YAML; `-` is standard input
    file: PathBuf,
    /// The parameters, as the AWS CLI takes them: {"script": ["…"]}, or file://PATH
    #[arg(long, value_name = "JSON", default_value = "{}")]
    parameters: String,
    /// The platform that this machine is taken for. Without it, its own
    #[arg(long, value_enum)]
    platform: Option<Platform>,
    /// The version of the SSM agent
    #[arg(long, value_enum, default_value = "3.3.2746.0")]
    agent: Agent,
    /// How the result is shown
    #[arg(short, long, value_enum, default_value = "human")]
    output_format: Form,
}

/// Runs one of the commands, and returns its exit code.
pub(super) fn ssm(command: &SsmCommand) -> anyhow::Result<u8> {
    let done = match command {
        SsmCommand::Render(arguments) => render_document(arguments),
        SsmCommand::Lint(arguments) => lint_document(arguments),
        SsmCommand::Invoke(arguments) => invoke_document(arguments),
    };
    match done {
        Err(Problem::Unshown(error)) => Err(error.into()),
        Err(Problem::Refused { format, code, message }) => {
            refuse(format, &message)?;
            Ok(code)
        }
        Ok(code) => Ok(code),
    }
}

/// Why a command came to nothing.
enum Problem {
    Refused { format: Form, code: u8, message: String },
    Unshown(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Unshown(error)
    }
}

fn refused(format: Form, code: u8) -> impl Fn(String) -> Problem {
    move |message| Problem::Refused { format, code, message }
}

fn render_document(arguments: &RenderArguments) -> Result<u8, Problem> {
    let invalid = refused(Form::Human, INVALID);
    let policy = read("policy", &arguments.policy, MAX_POLICY_BYTES).map_err(|error| invalid(error.to_string()))?;
    let platforms = if arguments.platform.is_empty() { Platform::ALL } else { &arguments.platform };
    let scripts = if arguments.stored { Scripts::Stored } else { Scripts::Sent(arguments.max_script.into()) };
    let rendered = render(&Recipe { name: &arguments.name, policy: &policy, platforms, scripts })
        .map_err(|error| invalid(error.to_string()))?;
    io::stdout().write_all(rendered.content.as_bytes())?;
    shown(writeln!(io::stderr(), "create it under the name {}", rendered.name))?;
    Ok(0)
}

fn lint_document(arguments: &LintArguments) -> Result<u8, Problem> {
    let invalid = refused(arguments.output_format, INVALID);
    let text = read("document", &arguments.file, MAX_DOCUMENT_BYTES).map_err(|error| invalid(error.to_string()))?;
    let findings = lint(&text).map_err(|error| invalid(format!("{}: {error}", arguments.file.display())))?;
    match arguments.output_format {
        Form::Json => {
            #[derive(Serialize)]
            struct Findings<'a> {
                findings: &'a [Finding],
            }
            shown(json(&Findings { findings: &findings }))?;
        }
        Form::Human => shown(show_findings(&findings, &mut io::stdout().lock()))?,
    }
    Ok(if findings.is_empty() { 0 } else { NOT_WELL })
}

fn show_findings(findings: &[Finding], output: &mut impl Write) -> io::Result<()> {
    for finding in findings {
        let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
        let line = finding.line.map(|line| format!(", line {line}")).unwrap_or_default();
        let place = if finding.place.is_empty() { "/" } else { &finding.place };
        writeln!(output, "{severity}: {} [{}]", printable(&finding.message).replace('\n', " "), finding.id)?;
        writeln!(output, "    at {}{line}", printable(place))?;
        writeln!(output, "    {}", finding.remedy)?;
    }
    writeln!(output, "{} findings", findings.len())
}

fn invoke_document(arguments: &InvokeArguments) -> Result<u8, Problem> {
    let invalid = refused(arguments.output_format, INVALID);
    let text = read("document", &arguments.file, MAX_DOCUMENT_BYTES).map_err(|error| invalid(error.to_string()))?;
    let parameters = parameters(&arguments.parameters).map_err(&invalid)?;
    let platform = arguments.platform.or_else(Platform::current);
    let platform = platform.ok_or_else(|| invalid("this system is none that the SSM agent knows".to_owned()))?;
    let program = std::env::current_exe()?;
    // The steps have time limits of their own.
    let clock = RunClock::start(Duration::MAX);
    let stop = clock.clone();
    let _ = ctrlc::set_handler(move || stop.stop(Stop::Signal));
    let invocation = Invocation { document: &text, parameters: &parameters, platform, agent: arguments.agent, program: &program };
    let invoked = invoke(&invocation, &clock).map_err(|error| {
        let code = if error.is_of_host() { HOST_FAILED } else { INVALID };
        refused(arguments.output_format, code)(error.to_string())
    })?;
    match arguments.output_format {
        Form::Json => shown(json(&invoked))?,
        Form::Human => shown(show_steps(&invoked))?,
    }
    Ok(code(&invoked))
}

/// The parameters, from where the AWS CLI would take them.
fn parameters(text: &str) -> Result<Map<String, Value>, String> {
    let text = match text.strip_prefix("file://") {
        Some(path) => &read("parameters", Path::new(path), MAX_DOCUMENT_BYTES).map_err(|error| error.to_string())?,
        None => text,
    };
    serde_json::from_str(text).map_err(|error| format!("the parameters are no JSON object: {error}"))
}

/// The step's own code where it is one of Rex's, so that a document ends as its script would.
fn code(invoked: &Invoked) -> u8 {
    let failed = invoked.steps.iter().find(|step| step.status == invoked.status);
    match (invoked.status, failed) {
        (Status::Success | Status::Skipped, _) => 0,
        (Status::TimedOut | Status::Cancelled, _) => LIMIT,
        (_, Some(step)) => u8::try_from(step.code).ok().filter(|code| (1..=7).contains(code)).unwrap_or(NOT_WELL),
        (_, None) => NOT_WELL,
    }
}

fn show_steps(invoked: &Invoked) -> io::Result<()> {
    for step in &invoked.steps {
        let (mut output, mut errors) = (io::stdout().lock(), io::stderr().lock());
        if !step.stdout.is_empty() {
            writeln!(output, "{}", printable(&step.stdout))?;
            output.flush()?;
        }
        if !step.stderr.is_empty() {
            writeln!(errors, "{}", printable(&step.stderr))?;
        }
        writeln!(errors, "{}: {:?}, code {}", printable(&step.name), step.status, step.code)?;
    }
    Ok(())
}
