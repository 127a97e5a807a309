//! The command `rex-runner`.

use std::io::Write as _;
use std::process::ExitCode;

/// The host broke down; see the table of exit codes.
const HOST_FAILED: u8 = 6;

fn main() -> ExitCode {
    match rex_runner::cli::main() {
        Ok(code) => code.into(),
        Err(error) => {
            // The last resort when the result itself cannot be shown.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            HOST_FAILED.into()
        }
    }
}
