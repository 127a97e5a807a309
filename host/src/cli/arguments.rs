//! The command line, from which help is generated.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::audit::AuditCommand;
use super::ssm::SsmCommand;
use crate::audit::{self, Destination, Link};
use crate::limits::Limits;
use crate::run::REDACTION_DICTIONARY;

/// Runs a script in a sandbox, under a policy that the script cannot change.
#[derive(Debug, Parser)]
#[command(name = "rex-runner", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    after_help = "Exit codes: 0 the script finished, 1 script error, 2 usage, 3 denied by the policy, 4 a limit was reached, \
5 invalid policy or input, 6 the host failed, 7 the decision record could not be written."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) run: RunArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Compiles a script and validates a policy, and runs nothing.
    Check(CheckArguments),
    /// Checks decision records.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Makes, checks and tries documents of AWS Systems Manager.
    #[command(subcommand)]
    Ssm(SsmCommand),
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub(super) input: InputArguments,
    #[command(flatten)]
    pub(super) show: ShowArguments,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) input: InputArguments,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
    /// Append every decision as a line of JSON to this file; `-` is standard error
    #[arg(long, value_name = "FILE")]
    pub(super) audit_log: Option<PathBuf>,
    /// The form of these lines
    #[arg(long, value_enum, default_value = "rex", value_name = "FORMAT")]
    pub(super) audit_format: audit::Format,
    /// The lines that may be shown of files for which the policy permits `redacted_read` alone
    #[arg(long, value_name = "FILE", default_value = REDACTION_DICTIONARY)]
    pub(super) redaction_dictionary: String,
    /// Keep what the policy gives no use for: system calls, capabilities, files out of its reach
    #[arg(long)]
    pub(super) no_harden: bool,
    #[command(flatten)]
    pub(super) show: ShowArguments,
}

/// What runs, and under what.
#[derive(Debug, Args)]
pub(super) struct InputArguments {
    /// The script to run; `-` is standard input
    #[arg(short, long, value_name = "FILE", required_unless_present_any = ["script", "script_env"])]
    pub(super) script_file: Option<PathBuf>,
    /// The script itself
    #[arg(long, value_name = "TEXT", conflicts_with = "script_file")]
    pub(super) script: Option<String>,
    /// The script is the value of this environment variable
    #[arg(long, value_name = "NAME", conflicts_with_all = ["script_file", "script"])]
    pub(super) script_env: Option<String>,
    /// The Cedar policy
    #[arg(short, long, value_name = "FILE", required = true)]
    pub(super) policy_file: Option<PathBuf>,
    /// Refuse a policy whose text has another digest
    #[arg(long, value_name = "sha256:HEX", value_parser = sha256)]
    pub(super) policy_digest: Option<String>,
    /// Variables for the script, as JSON: {"name": {"stringValue": "x"}, …}
    #[arg(short = 'a', long, value_name = "FILE")]
    pub(super) script_arguments_file: Option<PathBuf>,
    /// A text variable for the script; may be given again
    #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = named_value)]
    pub(super) named: Vec<(String, String)>,
    /// Variables for the script, as a plain JSON object: {"name": "x", "count": 3}
    #[arg(long, value_name = "JSON")]
    pub(super) args_json: Option<String>,
    /// The same, from this environment variable
    #[arg(long, value_name = "NAME")]
    pub(super) args_env: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct LimitArguments {
    /// Wall-clock time, such as 500ms, 90s, 5m or 1h
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    timeout: Duration,
    /// Units of fuel, about one for each instruction
    #[arg(long, value_name = "UNITS", default_value = "200G", value_parser = count)]
    fuel: u64,
    /// The script's memory
    #[arg(long, value_name = "BYTES", default_value = "256MiB", value_parser = bytes)]
    max_memory: usize,
    /// The report; what does not fit is left out, and that is said
    #[arg(long, value_name = "BYTES", default_value = "24000", value_parser = output_bytes)]
    max_output: usize,
    /// What one call may read or write
    #[arg(long, value_name = "BYTES", default_value = "64MiB", value_parser = bytes)]
    max_call_bytes: usize,
    /// Files and directories that are open at one time
    #[arg(long, value_name = "COUNT", default_value = "256", value_parser = handles)]
    max_handles: u32,
    /// What the run adds to the decision record
    #[arg(long, value_name = "BYTES", default_value = "256MiB", value_parser = record_bytes)]
    max_record: usize,
}

impl LimitArguments {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            timeout: self.timeout,
            fuel: self.fuel,
            memory: self.max_memory,
            call_bytes: self.max_call_bytes,
            handles: usize::try_from(self.max_handles).unwrap_or(usize::MAX),
            output: self.max_output,
            record: self.max_record,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// How the result is shown
    #[arg(short, long, value_enum, default_value = "json")]
    pub(super) output_format: Format,
    /// With the human format, also show details of the run
    #[arg(short, long)]
    pub(super) verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON object on one line
    Json,
    /// The same over several lines
    PrettyJson,
    /// The script's result on standard output; its log and errors on standard error
    Human,
}

impl Arguments {
    /// The same, if no two inputs are to come from standard input: only the first would get it.
    pub(super) fn checked(self) -> Result<Self, clap::Error> {
        let input = match &self.command {
            None => &self.run.input,
            Some(Command::Check(check)) => &check.input,
            Some(Command::Audit(_) | Command::Ssm(_)) => return Ok(self),
        };
        let files = [("-s", &input.script_file), ("-p", &input.policy_file), ("-a", &input.script_arguments_file)];
        let from_standard_input = |(option, file): (&str, &Option<PathBuf>)| {
            file.as_ref().filter(|file| file.as_os_str() == "-").map(|_| format!("{option} -"))
        };
        let readers: Vec<_> = files.into_iter().filter_map(from_standard_input).collect();
        if readers.len() < 2 {
            return Ok(self);
        }
        let message = format!("standard input can be read once only, and not for {}", readers.join(" and "));
        Err(Self::command().error(ErrorKind::ArgumentConflict, message))
    }
}

impl RunArguments {
    pub(super) fn destination(&self) -> Destination {
        match &self.audit_log {
            None => Destination::Report,
            Some(path) if path.as_os_str() == "-" => Destination::StandardError,
            Some(path) => Destination::File(path.clone()),
        }
    }
}

fn named_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has no `=`: write --arg name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The digits of a digest.
pub(super) fn sha256(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").filter(|digits| Link::parse(digits.as_bytes()).is_some());
    digits.map(str::to_owned).ok_or_else(|| "write sha256: and 64 hexadecimal digits, small".to_owned())
}

/// Splits a number from its unit.
fn number(text: &str) -> Result<(u64, &str), String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(digits).unwrap_or_default();
    let number = digits.parse().map_err(|_| format!("{text:?} does not begin with a whole number that fits"))?;
    Ok((number, unit))
}

fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = number(text)?;
    let seconds = |factor| number.checked_mul(factor).map(Duration::from_secs);
    let time = match unit {
        "ms" => Some(Duration::from_millis(number)),
        "" | "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => return Err(format!("{unit:?} is no unit of time: use ms, s, m or h")),
    };
    time.filter(|time| !time.is_zero()).ok_or_else(|| "a time limit is more than nothing, and fits".to_owned())
}

fn count(text: &str) -> Result<u64, String> {
    let (number, unit) = number(text)?;
    let factor = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => return Err(format!("{unit:?} is no unit of fuel: use k, M or G")),
    };
    number.checked_mul(factor).filter(|units| *units > 0).ok_or_else(|| format!("write a number from 1 to {}", u64::MAX))
}

fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = number(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("{unit:?} is no unit of memory: use KiB, MiB or GiB")),
    };
    let bytes = number.checked_mul(factor).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| format!("write a number of bytes from 1 to {}", usize::MAX))
}

fn handles(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=100_000).contains(number));
    number.ok_or_else(|| "write a whole number from 1 to 100000".to_owned())
}

fn output_bytes(text: &str) -> Result<usize, String> {
    /// Below this the verdict of a run would not fit.
    const MIN_OUTPUT: usize = 4096;
    bytes_for("a report", MIN_OUTPUT, text)
}

fn record_bytes(text: &str) -> Result<usize, String> {
    /// Below this the first line and the last would not fit, nor any between them.
    const MIN_RECORD: usize = 16 << 10;
    bytes_for("a decision record", MIN_RECORD, text)
}

fn bytes_for(what: &str, minimum: usize, text: &str) -> Result<usize, String> {
    match bytes(text)? {
        bytes if bytes < minimum => Err(format!("{what} needs at least {minimum} bytes")),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let arguments = Arguments::parse_from(["rex-runner", "-s", "s", "-p", "p"]);
        assert_eq!(format!("{:?}", arguments.run.limits.limits()), format!("{:?}", Limits::default()));
    }

    #[test]
    fn amounts_have_units() {
        assert_eq!(time("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(time("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!((count("3G"), bytes("2KiB")), (Ok(3_000_000_000), Ok(2048)));
        for text in ["", "0", "-1", "1.5s", "1d", "99999999999999999999", "18446744073709551615h"] {
            assert!(time(text).is_err() && bytes(text).is_err() && count(text).is_err(), "{text:?}");
        }
        assert!(output_bytes("4095").is_err());
    }
}
