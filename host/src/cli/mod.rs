//! The command `rex-runner`, a module for each of its parts.

mod arguments;
mod audit;
mod check;
pub mod input;
mod run;
mod show;
mod ssm;

use anyhow::Context as _;
use clap::Parser as _;

pub use arguments::Arguments;
use arguments::Command;

use crate::report::Report;

/// Runs the command that the arguments name, and shows what came of it.
///
/// # Errors
///
/// When the result cannot be shown. Whatever else happens is part of the result.
pub fn main() -> anyhow::Result<u8> {
    // The arguments nearly always are those of a run.
    let loading = run::Loading::start();
    let arguments = match Arguments::try_parse().and_then(Arguments::checked) {
        Ok(arguments) => arguments,
        // Clap shows help on standard output with code 0, and mistakes on standard error with code 2.
        Err(error) => {
            // Where nobody reads it, the code has to do.
            let _ = error.print();
            return Ok(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let (report, style): (Report, _) = match arguments.command {
        None => (run::run(&arguments.run, loading), &arguments.run.show),
        Some(Command::Check(ref check)) => (check::check(check, loading), &check.show),
        Some(Command::Audit(ref command)) => return audit::audit(command),
        Some(Command::Ssm(ref command)) => return ssm::ssm(command),
    };
    show::show(&report, style).context("the report could not be written to standard output")?;
    Ok(report.exit_code())
}
