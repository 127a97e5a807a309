//! The command `rex-runner`.

use std::process::ExitCode;

/// The host broke down; see the table of exit codes.
const HOST_FAILED: u8 = 6;

#[expect(clippy::print_stderr, reason = "the last resort when the result itself cannot be shown")]
fn main() -> ExitCode {
    match rex_runner::cli::main() {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            HOST_FAILED.into()
        }
    }
}
