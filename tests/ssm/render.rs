//! Documents that are made here.

use rex_tests::{Case, PERMIT_ALL, run};
use serde_json::{Value, json};

use super::{committed, read, rendered};

const DOCUMENTS: &[&str] = &["Rex-RO", "Rex-RW", "Rex-Stored"];

/// The text of a step.
fn text(document: &Value, name: &str) -> String {
    let steps = document["mainSteps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == name).unwrap();
    let lines = step["inputs"]["runCommand"].as_array().unwrap();
    lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn is_power_shell(text: &str) -> bool {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    !parser.parse(text, None).unwrap().root_node().has_error()
}

#[test]
fn the_step_for_windows_is_power_shell() {
    for name in DOCUMENTS {
        let text = text(&read(&committed(name)), "RunOnWindows");
        assert!(text.is_ascii() && is_power_shell(&text), "{name}");
        // The parser notices what is missing.
        for part in ["{\n", "\n} catch", "if ("] {
            assert!(!is_power_shell(&text.replacen(part, "", 1)), "{name}, {part}");
        }
    }
}

#[test]
fn a_document_is_for_whom_it_is_made() {
    let case = Case::new();
    let names = |options: &[&str]| {
        let document = read(&rendered(&case, PERMIT_ALL, options));
        document["mainSteps"].as_array().unwrap().iter().map(|step| step["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["RunOnLinux", "RunOnMacOS", "RunOnWindows"]);
    assert_eq!(names(&["--platform", "windows", "--platform", "linux"]), ["RunOnWindows", "RunOnLinux"]);
    let document = read(&rendered(&case, PERMIT_ALL, &["--max-script", "100"]));
    assert_eq!(document["parameters"]["script"]["maxChars"], 100);
    assert_eq!(read(&rendered(&case, PERMIT_ALL, &["--stored"]))["parameters"].get("script"), None);
}

#[test]
fn every_document_has_the_name_of_its_policy() {
    let case = Case::new();
    let policy = case.file("p", PERMIT_ALL);
    let other = case.file("q", format!("{PERMIT_ALL}\n// laxer"));
    let name = |policy: &str| {
        let ran = run(&["ssm", "render", "-p", policy, "-n", "Test"], "");
        let name = ran.stderr.trim().rsplit_once(' ').unwrap().1.to_owned();
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(name.starts_with("Test-") && document["description"].as_str().unwrap().starts_with(&name), "{ran:#?}");
        name
    };
    assert_ne!(name(&policy), name(&other));
}

#[test]
fn what_cannot_be_a_document() {
    let case = Case::new();
    let braces = case.file("braces", "permit(principal, action, resource); // {{ script }}");
    let invalid = case.file("invalid", "permit(principal, action, ressource);");
    let good = case.file("good", PERMIT_ALL);
    for (arguments, code, word) in [
        (&["-p", &braces, "-n", "Test"][..], 5, "braces"),
        (&["-p", &invalid, "-n", "Test"], 5, "ressource"),
        (&["-p", &case.path("nothing"), "-n", "Test"], 5, "No such file"),
        (&["-p", &good, "-n", "it's"], 5, "name"),
        (&["-p", &good], 2, "--name"),
        (&["-p", &good, "-n", "Test", "--platform", "plan9"], 2, "plan9"),
        (&["-p", &good, "-n", "Test", "--max-script", "0"], 2, "--max-script"),
    ] {
        let ran = run(&[&["ssm", "render"], arguments].concat(), "");
        assert!(ran.code == code && ran.stderr.contains(word) && ran.stdout.is_empty(), "{arguments:?}: {ran:#?}");
    }
}

/// The options that the documents use.
#[test]
fn the_runner_reads_variables_and_fails_closed() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let run = |options: &[&str], variables: &[(&str, &[u8])]| {
        use std::os::unix::ffi::OsStrExt as _;
        let mut command = rex_tests::command(&[&["-p", &policy], options].concat());
        command.env_remove("REX_S").env_remove("REX_A");
        for (name, value) in variables {
            command.env(name, std::ffi::OsStr::from_bytes(value));
        }
        rex_tests::finish(command.spawn().unwrap())
    };
    let ran = run(&["--script-env", "REX_S", "--args-env", "REX_A"], &[("REX_S", b"a + 1"), ("REX_A", br#"{"a": 1}"#)]);
    assert_eq!(ran.expect_code(0).result(), &json!(2));
    let ran = run(&["--script-env", "REX_S"], &[]).expect_code(5);
    assert!(ran.error().contains("REX_S") && ran.error().contains("3.3.2746.0"), "{ran:?}");
    assert!(run(&["--script", "1", "--args-env", "REX_A"], &[]).expect_code(5).error().contains("REX_A"));
    assert!(run(&["--script-env", "REX_S"], &[("REX_S", b"\xff")]).expect_code(5).error().contains("UTF-8"));
    assert!(run(&["--script", "1", "--args-env", "REX_A"], &[("REX_A", b"[1]")]).expect_code(5).error().contains("REX_A"));
    let digest = run(&["--script", "1"], &[]).expect_code(0).report["digests"]["policy_sha256"].as_str().unwrap().to_owned();
    run(&["--script", "1", "--policy-digest", &format!("sha256:{digest}")], &[]).expect_code(0);
    let other = format!("sha256:{}", "0".repeat(64));
    assert!(run(&["--script", "1", "--policy-digest", &other], &[]).expect_code(5).error().contains(&digest));
    for wrong in ["", "sha256:", &digest, &format!("sha256:{}", digest.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A"))]
    {
        assert_eq!(run(&["--script", "1", "--policy-digest", wrong], &[]).code, 2, "{wrong}");
    }
    assert_eq!(run(&["--script", "1", "--script-env", "REX_S"], &[]).code, 2);
}
