//! Documents of Systems Manager: that no caller breaks out of one, and what the agent is told.

mod agent;
mod cloudformation;
mod hostile;
mod lint;
mod render;

use rex_tests::{Case, Ran, root, run};
use serde_json::{Value, json};

/// A committed document.
fn committed(name: &str) -> String {
    root().join(format!("ssm-documents/{name}.json")).to_str().unwrap().to_owned()
}

/// A document as a value that can be changed.
fn read(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Renders a document for a policy, and writes it into the case.
#[track_caller]
fn rendered(case: &Case, policy: &str, options: &[&str]) -> String {
    let policy = case.file("policy.cedar", policy);
    let ran = run(&[&["ssm", "render", "-p", &policy, "-n", "Test"], options].concat(), "");
    assert_eq!(ran.code, 0, "{ran:#?}");
    case.file("document.json", ran.stdout)
}

/// Runs a document. The parameters go through a file: a command line has no room for the longest.
fn invoke(case: &Case, document: &str, parameters: &str, options: &[&str]) -> Ran {
    let parameters = format!("file://{}", case.file("parameters.json", parameters));
    run(&[&["ssm", "invoke", document, "-o", "json", "--parameters", &parameters], options].concat(), "")
}

fn script(text: &str) -> String {
    json!({ "script": [text] }).to_string()
}

/// What the step for Linux gave.
#[track_caller]
fn step(ran: &Ran) -> &Value {
    let steps = ran.report["steps"].as_array().unwrap_or_else(|| panic!("{ran:#?}"));
    steps.iter().find(|step| step["name"] == "RunOnLinux").unwrap_or_else(|| panic!("{ran:#?}"))
}

/// The runner's report, which the step has written.
#[track_caller]
fn report(ran: &Ran) -> Value {
    let output = step(ran)["stdout"].as_str().unwrap();
    serde_json::from_str(output).unwrap_or_else(|error| panic!("{error}: {output}"))
}
