//! Scripts, policies and argument files of AWS Rex 0.1.0 run as they are, and mean what they meant.

mod attributes;
mod certificates;
mod commands;
mod elf;
mod errors;
mod formats;
mod handles;
mod language;
mod quick_start;
mod redaction;
mod search;
mod text;
mod transfer;

use rex_tests::{Case, Ran};
use serde_json::{Value, json};

/// Runs a script in which `p` is the directory `in` of the case, and in which everything in there is permitted.
fn run(case: &Case, script: &str) -> Ran {
    case.run_with(script, &permit(case), &["--args-json", &json!({ "p": case.path("in") }).to_string()])
}

/// A policy that permits everything in the directory `in` of the case.
fn permit(case: &Case) -> String {
    format!(
        "permit(principal, action in file_system::Action::\"SafeIO\", resource in file_system::Dir::\"{}\");",
        case.path("in")
    )
}

/// The value of a script that works.
#[track_caller]
fn value(case: &Case, script: &str) -> Value {
    run(case, script).expect_code(0).result().clone()
}
