//! `rex-runner audit verify FILE`

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::arguments::sha256;
use super::show::{Form, json, printable, refuse, shown};
use crate::audit::{Link, Verified, verify};

/// Something is wrong with the record.
const NOT_WELL: u8 = 1;
/// The record cannot be read.
const INVALID: u8 = 5;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Finds lines that were removed, altered or moved.
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// The record; `-` is standard input
    file: PathBuf,
    /// A run that ends with this hash must be there; may be given again
    #[arg(long, value_name = "sha256:HEX", value_parser = link)]
    expect: Vec<Link>,
    /// How the findings are shown
    #[arg(short, long, value_enum, default_value = "human")]
    output_format: Form,
}

fn link(text: &str) -> Result<Link, String> {
    sha256(text).and_then(|digits| Link::parse(digits.as_bytes()).ok_or_else(|| "this is no hash".to_owned()))
}

/// Runs the command, and returns its exit code.
pub(super) fn audit(AuditCommand::Verify(arguments): &AuditCommand) -> anyhow::Result<u8> {
    let verified = match open(&arguments.file).and_then(|record| verify(record, &arguments.expect)) {
        Ok(verified) => verified,
        Err(error) => {
            let message = format!("the record {} cannot be read: {error}", arguments.file.display());
            refuse(arguments.output_format, &message)?;
            return Ok(INVALID);
        }
    };
    match arguments.output_format {
        Form::Json => shown(json(&verified))?,
        Form::Human => shown(show(&verified, &mut io::stdout().lock()))?,
    }
    Ok(if verified.is_sound() { 0 } else { NOT_WELL })
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    Ok(if path.as_os_str() == "-" { Box::new(io::stdin().lock()) } else { Box::new(BufReader::new(File::open(path)?)) })
}

fn show(verified: &Verified, output: &mut impl Write) -> io::Result<()> {
    for finding in &verified.findings {
        let line = finding.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let run = finding.run.as_ref().map(|run| format!(" (run {})", printable(run).replace('\n', " "))).unwrap_or_default();
        writeln!(output, "{line}{}{run}", finding.message)?;
    }
    if verified.findings_left_out > 0 {
        writeln!(output, "[{} more findings are left out]", verified.findings_left_out)?;
    }
    let verdict = if verified.is_sound() { "all of it is as it was written" } else { "see above" };
    writeln!(output, "{} lines, {} runs: {verdict}", verified.lines, verified.runs)
}
