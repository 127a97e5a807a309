//! Reports on standard output and standard error.

use std::io::{self, ErrorKind, IsTerminal as _, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::arguments::{Format, ShowArguments};
use crate::journal::Level;
use crate::report::Report;

/// How everything that is no report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// One JSON object on one line
    Json,
    /// For people
    Human,
}

/// A value on standard output, with the version of its form.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    #[derive(Serialize)]
    struct Versioned<'v, T> {
        schema_version: u32,
        #[serde(flatten)]
        value: &'v T,
    }
    let mut output = io::stdout().lock();
    serde_json::to_writer(&mut output, &Versioned { schema_version: 1, value })?;
    output.flush()
}

/// Why a command came to nothing: for programs on standard output, for people on standard error.
pub(super) fn refuse(form: Form, message: &str) -> io::Result<()> {
    #[derive(Serialize)]
    struct Refusal<'m> {
        error: &'m str,
    }
    shown(match form {
        Form::Json => json(&Refusal { error: message }),
        Form::Human => writeln!(io::stderr(), "error: {}", printable(message)),
    })
}

/// A reader that has gone away is no error: the exit code still tells.
pub(super) fn shown(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

/// Shows a report. A reader that has gone away is no error: the exit code still tells.
pub(super) fn show(report: &Report, style: &ShowArguments) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let shown = match style.output_format {
        Format::Json => serde_json::to_writer(&mut output, report).map_err(io::Error::from),
        Format::PrettyJson => pretty(report, &mut output),
        Format::Human => human(report, style.verbose, &mut output),
    };
    self::shown(shown.and_then(|()| output.flush()))
}

/// White space must not push a report over its limit.
fn pretty(report: &Report, output: &mut impl Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    if text.len() <= report.limit() { output.write_all(text.as_bytes()) } else { Ok(serde_json::to_writer(output, report)?) }
}

/// The script's result on `output`, everything else on standard error. The result matters more: that nobody reads the rest is no error.
fn human(report: &Report, verbose: bool, output: &mut impl Write) -> io::Result<()> {
    let mut errors = io::stderr().lock();
    let _ = write_log(report, verbose, &mut errors);
    if !report.output().is_empty() {
        // A terminal obeys what it is sent; a pipe gets the script's result as it is.
        let text = report.output();
        if io::stdout().is_terminal() {
            writeln!(output, "{}", printable(text))?
        } else {
            writeln!(output, "{text}")?
        }
        output.flush()?;
    }
    let _ = write_verdict(report, verbose, &mut errors);
    Ok(())
}

fn write_log(report: &Report, verbose: bool, errors: &mut impl Write) -> io::Result<()> {
    let least = if verbose { Level::Trace } else { Level::from_name(&std::env::var("LOG_LEVEL").unwrap_or_default()) };
    let (_, entries) = report.left_out();
    if entries > 0 {
        writeln!(errors, "[{entries} earlier log entries are left out]")?;
    }
    for entry in report.logs().filter(|entry| entry.level >= least) {
        // Further lines stand in from the edge, or a message could forge an entry.
        let message = printable(entry.message.trim_end_matches('\n')).replace('\n', "\n    ");
        writeln!(errors, "[{}] {message}", entry.level.name())?;
    }
    Ok(())
}

fn write_verdict(report: &Report, verbose: bool, errors: &mut impl Write) -> io::Result<()> {
    let (bytes, _) = report.left_out();
    if bytes > 0 {
        writeln!(errors, "[{bytes} bytes of the result are left out; raise --max-output to see them]")?;
    }
    if let Some(message) = report.error() {
        writeln!(errors, "error: {}", printable(message).replace('\n', "\n    "))?;
    }
    if !verbose {
        return Ok(());
    }
    let (allowed, denied) = report.decision_counts();
    let usage = report.usage();
    writeln!(errors, "--- run ---")?;
    writeln!(errors, "decisions: {allowed} allowed, {denied} denied")?;
    for denial in report.denials() {
        writeln!(errors, "denied: {}", printable(&denial.to_string()))?;
    }
    writeln!(errors, "time: {} ms", usage.duration_ms)?;
    writeln!(errors, "fuel: {}", usage.fuel)?;
    writeln!(errors, "peak memory: {} bytes", usage.peak_memory)?;
    writeln!(errors, "calls: {}", usage.calls)
}

/// Without what would move the cursor, colour the screen or forge a line.
pub(super) fn printable(text: &str) -> String {
    let show = |character: char| match character {
        '\n' | '\t' => character.to_string(),
        _ if character.is_control() || changes_direction(character) => character.escape_unicode().to_string(),
        _ => character.to_string(),
    };
    text.chars().map(show).collect()
}

/// What Unicode calls `Bidi_Control`.
const fn changes_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    // Threat: T-GUEST-9
    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        assert_eq!(printable("a\u{1b}[31m\tb\n\u{202e}c\r"), "a\\u{1b}[31m\tb\n\\u{202e}c\\u{d}");
        for mark in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars() {
            assert!(printable(&mark.to_string()).is_ascii(), "{mark:?}");
        }
    }
}
