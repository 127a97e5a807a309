//! What the agent is told, and what is left when it kills the step.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rex_tests::{Case, PERMIT_ALL, command, eventually, finish, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{committed, invoke, read, rendered, report, script, step};

/// The status, the code, and the outcome that the first characters of the output tell.
#[track_caller]
fn ends(case: &Case, document: &str, parameters: &str, (status, code, outcome): (&str, i32, &str)) -> Value {
    let ran = invoke(case, document, parameters, &[]);
    let step = step(&ran);
    assert_eq!((&step["status"], &step["code"], ran.code), (&json!(status), &json!(code), code), "{ran:#?}");
    assert_eq!(ran.report["status"], status);
    let output = step["stdout"].as_str().unwrap();
    let beginning: String = output.chars().take(1000).collect();
    assert!(beginning.contains(&format!(r#""outcome":"{outcome}","exit_code":{code}"#)), "{output}");
    assert!(output.chars().count() <= 24_000 && output.len() <= 24_000);
    report(&ran)
}

#[test]
fn each_outcome_has_its_status_and_code() {
    let case = Case::new();
    let file = case.file("data/f", "x");
    let document = rendered(&case, &case.permit(&["open", "read"], &["data"]), &[]);
    let at = |text: &str| script(&text.replace("FILE", &file));
    ends(&case, &document, &at("cat(\"FILE\")"), ("Success", 0, "finished"));
    ends(&case, &document, &at("let x = ;"), ("Failed", 1, "syntax_error"));
    ends(&case, &document, &at("throw \"x\""), ("Failed", 1, "script_error"));
    ends(&case, &document, &at("write(\"FILE\", \"y\")"), ("Failed", 3, "denied"));
    let endless = json!({ "script": ["loop {}"], "timeoutSeconds": ["1"] }).to_string();
    ends(&case, &document, &endless, ("Failed", 4, "limit"));
    ends(&case, &document, &at(" "), ("Failed", 5, "invalid"));
    assert_eq!(case.content("data/f").unwrap(), "x");
}

// Threat: T-SSM-4
#[test]
fn no_script_chooses_what_the_agent_is_told() {
    let case = Case::new();
    let document = rendered(&case, PERMIT_ALL, &[]);
    for text in ["168", "exit(194)", "exit(3010)"] {
        ends(&case, &document, &script(text), ("Success", 0, "finished"));
    }
    ends(&case, &document, &script("throw 194"), ("Failed", 1, "script_error"));
}

#[test]
fn a_long_report_fits() {
    let case = Case::new();
    let document = rendered(&case, PERMIT_ALL, &[]);
    let text = r#"let m = ""; m.pad(300, "\u0001é😀"); for i in 0..500 { info(m) } try { cat("/nowhere") } catch {}
        let t = ""; t.pad(50000, "x\u0002"); t"#;
    let report = ends(&case, &document, &script(text), ("Success", 0, "finished"));
    assert!(report["truncated"]["output_bytes"].as_u64().unwrap() > 0, "{report}");
    let long = format!("cat(\"/{}\")", "é/".repeat(1200));
    ends(&case, &committed("Rex-RW"), &script(&long), ("Failed", 3, "denied"));
}

/// Changes the lines of the step for Linux.
fn change(document: &str, change: impl Fn(&str) -> String) -> String {
    let mut document = read(document);
    let lines = document["mainSteps"][0]["inputs"]["runCommand"].as_array_mut().unwrap();
    for line in lines {
        *line = change(line.as_str().unwrap()).into();
    }
    document.to_string()
}

// Threat: T-SSM-3
#[test]
fn a_policy_that_was_changed_or_is_broken_runs_nothing() {
    let case = Case::new();
    let document = rendered(&case, &case.permit(&["open", "create"], &[""]), &[]);
    let touch = script(&format!("touch(\"{}\")", case.path("touched")));
    let lax = |line: &str| {
        line.replace("permit(principal, action in", "permit(principal, action, resource);permit(principal, action in")
    };
    let changed = case.file("changed.json", change(&document, lax));
    let report = ends(&case, &changed, &touch, ("Failed", 5, "invalid"));
    assert!(report["error"]["message"].as_str().unwrap().contains("--policy-digest"), "{report}");
    let broken = |line: &str| {
        let line = line.replace("permit(principal", "permot(principal");
        match line.find(" --policy-digest ") {
            Some(start) if line.starts_with("rex-runner") => line[..start].to_owned() + &line[line.find(" -p ").unwrap()..],
            _ => line,
        }
    };
    let broken = case.file("broken.json", change(&document, broken));
    let report = ends(&case, &broken, &touch, ("Failed", 5, "invalid"));
    assert!(report["error"]["message"].as_str().unwrap().contains("permot"), "{report}");
    assert!(!case.exists("touched"));
}

/// The code that a command gives which is not Rex, or not there.
#[test]
fn other_codes_become_one_that_means_nothing_to_the_agent() {
    let case = Case::new();
    let document = rendered(&case, PERMIT_ALL, &[]);
    for code in [8, 126, 127, 137, 168, 169, 194, 255] {
        let other = case.file(
            &format!("{code}.json"),
            change(&document, |line| match line.strip_prefix("rex-runner ") {
                Some(_) => format!("(exit {code}) 3<<'{}'", line.split_once("3<<'").unwrap().1.trim_end_matches('\'')),
                None => line.to_owned(),
            }),
        );
        let report = ends(&case, &other, &script("1"), ("Failed", 6, "host_failed"));
        assert!(report["error"]["message"].as_str().unwrap().contains(&code.to_string()), "{report}");
    }
    let missing = case.file(
        "missing.json",
        change(&document, |line| match line.starts_with("PATH=") {
            true => "PATH=/nowhere".to_owned(),
            false => line.to_owned(),
        }),
    );
    ends(&case, &missing, &script("1"), ("Failed", 6, "host_failed"));
}

#[test]
fn a_stored_script_runs_with_its_arguments() {
    let case = Case::new();
    let rendered = rendered(&case, PERMIT_ALL, &["--stored"]);
    // The directory belongs to root; the document is the same but for its place.
    let directory = case.dir("scripts");
    let document = case.file("stored.json", change(&rendered, |line| line.replace("/etc/opt/rex/scripts", &directory)));
    case.file("scripts/add_1-2.rhai", "first + second");
    let parameters = json!({ "name": ["add_1-2"], "arguments": [r#"{"first": 1, "second": 2}"#] }).to_string();
    assert_eq!(ends(&case, &document, &parameters, ("Success", 0, "finished"))["result"], 3);
    let report = ends(&case, &document, r#"{"name": ["other"]}"#, ("Failed", 5, "invalid"));
    assert!(report["error"]["message"].as_str().unwrap().contains("other.rhai"), "{report}");
    ends(&case, &committed("Rex-Stored"), r#"{"name": ["rex-no-such-script"]}"#, ("Failed", 5, "invalid"));
}

/// A document with one step that says this.
fn plain(case: &Case, commands: &[&str]) -> String {
    let step = json!({ "action": "aws:runShellScript", "name": "RunOnLinux", "inputs": { "runCommand": commands, "timeoutSeconds": 20 } });
    case.file("plain.json", json!({ "schemaVersion": "2.2", "mainSteps": [step] }).to_string())
}

#[test]
fn the_agent_cuts_waits_and_reads_codes() {
    let case = Case::new();
    let ran = invoke(&case, &plain(&case, &["head -c 30000 /dev/zero | tr '\\0' x"]), "{}", &[]);
    let output = step(&ran)["stdout"].as_str().unwrap();
    assert!(output.len() < 24_100 && output.ends_with("--output truncated--"), "{ran:#?}");
    let ran = invoke(&case, &plain(&case, &["(sleep 1; echo late) &", "echo early >&2"]), "{}", &[]);
    assert_eq!((&step(&ran)["stdout"], &step(&ran)["stderr"]), (&json!("late\n"), &json!("early\n")));
    let ran = invoke(&case, &plain(&case, &["echo lost >&2", "exit 168"]), "{}", &[]);
    assert_eq!((&step(&ran)["status"], &step(&ran)["stderr"], ran.code), (&json!("Success"), &json!(""), 0));
    let ran = invoke(&case, &plain(&case, &["exit 194"]), "{}", &[]);
    assert_eq!((&step(&ran)["status"], ran.code), (&json!("SuccessAndReboot"), 1));
    let ran = invoke(&case, &plain(&case, &["#!/bin/sh", "cat; echo \"$0 $(umask) $PWD\"; ls -l \"$0\""]), "{}", &[]);
    let output = step(&ran)["stdout"].as_str().unwrap();
    assert!(output.contains("/_script.sh 00") && output.contains(" /usr/bin\n") && output.contains("-rwx------"), "{output}");
}

/// A step that goes on until it is killed, with its temporary files in the case.
fn under_way(case: &Case, seconds: u32) -> std::process::Child {
    let mut document = read(&rendered(case, PERMIT_ALL, &[]));
    document["mainSteps"][0]["inputs"]["timeoutSeconds"] = json!(seconds);
    let document = case.file("document.json", document.to_string());
    let text = format!("touch(\"{}\"); sleep(600)", case.path("under way"));
    let parameters = json!({ "script": [text], "timeoutSeconds": ["3600"] }).to_string();
    let mut command = command(&["ssm", "invoke", &document, "-o", "json", "--parameters", &parameters]);
    let child = command.env("TMPDIR", case.dir("temporary")).spawn().unwrap();
    eventually("the step is under way", || case.exists("under way"));
    child
}

/// The processes that have a word of this case in their environment.
fn processes(case: &Case) -> Vec<String> {
    let mark = case.path("under way");
    let of_step = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path().join("environ");
        let environment = std::fs::read(&path).ok()?;
        String::from_utf8_lossy(&environment).contains(&mark).then(|| path.display().to_string())
    };
    std::fs::read_dir("/proc").unwrap().filter_map(of_step).collect()
}

#[track_caller]
fn is_all_gone(case: &Case) {
    eventually("the last child is gone", || processes(case).is_empty());
    let left: Vec<_> = std::fs::read_dir(case.path("temporary")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_step_that_ends_leaves_nothing() {
    let case = Case::new();
    let rendered = rendered(&case, PERMIT_ALL, &[]);
    for shell in ["#!/bin/sh", "#!/bin/bash --posix"] {
        let document = case.file("document.json", change(&rendered, |line| line.replace("#!/bin/sh", shell)));
        let text = format!("touch(\"{}\")", case.path("under way"));
        let mut command = command(&["ssm", "invoke", &document, "-o", "json", "--parameters", &script(&text)]);
        let ran = finish(command.env("TMPDIR", case.dir("temporary")).spawn().unwrap());
        assert_eq!((&step(&ran)["status"], case.exists("under way")), (&json!("Success"), true), "{ran:#?}");
        is_all_gone(&case);
    }
}

// Threat: T-SSM-5
#[test]
fn a_step_that_is_killed_leaves_nothing() {
    let case = Case::new();
    let child = under_way(&case, 5);
    assert!(!processes(&case).is_empty());
    let directory = std::fs::read_dir(case.path("temporary")).unwrap().next().unwrap().unwrap().path();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&directory.join("_script.sh"))), (0o700, 0o700));
    let ran = finish(child);
    assert_eq!((&step(&ran)["status"], &step(&ran)["code"], ran.code), (&json!("TimedOut"), &json!(137), 4), "{ran:#?}");
    is_all_gone(&case);
}

// Threat: T-SSM-5
#[test]
fn a_command_that_is_cancelled_leaves_nothing() {
    let case = Case::new();
    let child = under_way(&case, 3600);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ran = finish(child);
    assert_eq!((&step(&ran)["status"], ran.code), (&json!("Cancelled"), 4), "{ran:#?}");
    is_all_gone(&case);
}

#[test]
fn another_platform_is_told_from_this_one() {
    let case = Case::new();
    for platform in ["windows", "macos"] {
        let ran = invoke(&case, &committed("Rex-RO"), &script("1"), &["--platform", platform]);
        assert!(ran.code == 5 && ran.report["error"].as_str().unwrap().contains("nothing was run"), "{ran:#?}");
    }
    let only = rendered(&case, PERMIT_ALL, &["--platform", "windows"]);
    let ran = invoke(&case, &only, &script("1"), &[]);
    assert_eq!((&ran.report["steps"][0]["status"], &ran.report["status"], ran.code), (&json!("Skipped"), &json!("Success"), 0));
}

#[test]
fn what_the_model_lacks_is_refused() {
    let case = Case::new();
    for (place, value, word) in [
        ("/mainSteps/0/inputs/onFailure", json!("exit"), "onFailure"),
        ("/mainSteps/0/inputs/workingDirectory", json!("x"), "workingDirectory"),
        ("/mainSteps/0/action", json!("aws:runPowerShellScript"), "aws:runPowerShellScript"),
        ("/mainSteps/0/precondition", json!({ "StringLike": ["a", "b"] }), "precondition"),
        ("/mainSteps/0/inputs/runCommand", json!(["echo {{ssm:x}}"]), "Parameter Store"),
        ("/schemaVersion", json!("1.2"), "1.2"),
        ("/mainSteps", json!("garbage"), "document"),
    ] {
        let mut document = read(&plain(&case, &["echo ran"]));
        let (parent, name) = place.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        let ran = invoke(&case, &case.file("changed.json", document.to_string()), "{}", &[]);
        assert!(ran.code == 5 && ran.report["error"].as_str().unwrap().contains(word), "{place}: {ran:#?}");
    }
}

/// The story of the README.
#[test]
fn people_see_the_output_and_how_it_ended() {
    let ran = run(&["ssm", "invoke", &committed("Rex-RO"), "--parameters", r#"{"script":["cat(\"/etc/shadow\")"]}"#], "");
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert!(ran.stdout.contains(r#""outcome":"denied""#) && ran.stderr.contains("RunOnLinux: Failed, code 3"), "{ran:#?}");
    assert_eq!(run(&["ssm", "invoke", "x", "--agent", "2"], "").code, 2);
}
