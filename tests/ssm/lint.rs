//! What the linter finds.

use rex_tests::{Case, run};
use serde_json::{Value, json};

use super::{committed, read};

/// The rules that a document breaks, each with its line.
#[track_caller]
fn findings(case: &Case, document: &str) -> Vec<(String, Option<u64>)> {
    let ran = run(&["ssm", "lint", &case.file("document", document), "-o", "json"], "");
    let findings = ran.report["findings"].as_array().unwrap_or_else(|| panic!("{ran:#?}"));
    assert_eq!(ran.code, i32::from(!findings.is_empty()), "{ran:#?}");
    let value: Option<Value> = serde_json::from_str(document).ok();
    let one = |finding: &Value| {
        let place = finding["place"].as_str().unwrap();
        assert!(
            value.as_ref().is_none_or(|value| value.pointer(place).is_some() || place.ends_with("allowedPattern")),
            "{finding}"
        );
        assert!(finding["message"].as_str().unwrap().len() > 5 && finding["remedy"].as_str().unwrap().len() > 5);
        assert!(finding["severity"] == "error" || finding["severity"] == "warning");
        (finding["id"].as_str().unwrap().to_owned(), finding["line"].as_u64())
    };
    findings.iter().map(one).collect()
}

#[track_caller]
fn has(case: &Case, document: &str, expected: &[(&str, Option<u64>)]) {
    let found = findings(case, document);
    for (id, line) in expected {
        assert!(found.iter().any(|(found, at)| found == id && at == line), "no {id} at {line:?} in {found:#?}");
    }
}

/// The idea as it was published first: one quote in the script is a shell of root's.
#[test]
fn the_published_example_has_all_its_faults_found() {
    let yaml = r#"schemaVersion: '2.2'
description: Run a script under a policy
parameters:
  script:
    type: String
mainSteps:
- action: aws:runShellScript
  name: run
  inputs:
    runCommand:
    - |
      echo '{{ script }}' > /tmp/script.rhai
      cat > /tmp/policy.cedar <<EOF
      permit(principal, action == file_system::Action::"raed", resource);
      EOF
      rex-runner -s /tmp/script.rhai -p /tmp/policy.cedar
"#;
    has(
        &Case::new(),
        yaml,
        &[
            ("unbounded-parameter", None),
            ("parameter-store", None),
            ("spliced-parameter", None),
            ("no-precondition", None),
            ("step-timeout", None),
            ("predictable-path", Some(1)),
            ("predictable-path", Some(2)),
            ("predictable-path", Some(5)),
            ("unmapped-exit-code", Some(5)),
            ("no-deadline", Some(5)),
            ("expanded-policy", Some(3)),
            ("invalid-policy", Some(3)),
            ("unpinned-policy", Some(3)),
            ("unnamed-policy", Some(3)),
        ],
    );
}

/// The later one, which quotes the delimiter and makes files that nobody guesses, and is broken out of all the same.
#[test]
fn the_later_example_too() {
    let commands = [
        "#!/bin/bash",
        "SCRIPT=$(mktemp /tmp/rex-script.XXXXXX)",
        "POLICY=$(mktemp /tmp/rex-policy.XXXXXX)",
        "trap 'rm -f \"$SCRIPT\" \"$POLICY\"' EXIT",
        "cat > \"$SCRIPT\" <<'REX_SCRIPT'",
        "{{ script }}",
        "REX_SCRIPT",
        "cat > \"$POLICY\" <<'REX_POLICY'",
        "permit(principal, action, resource in file_system::Dir::\"/tmp/rex\");",
        "REX_POLICY",
        "ARGS='{{ scriptArgs }}'",
        "/opt/rex/bin/runner -s \"$SCRIPT\" -p \"$POLICY\" -o human $ARGS",
    ];
    let parameter = json!({ "type": "String", "default": "" });
    let document = json!({
        "schemaVersion": "2.2",
        "parameters": { "script": parameter, "scriptArgs": parameter },
        "mainSteps": [{ "action": "aws:runShellScript", "name": "run", "inputs": { "runCommand": commands } }],
    });
    let case = Case::new();
    let expected = [
        ("spliced-parameter", None),
        ("left-behind", Some(2)),
        ("left-behind", Some(3)),
        ("no-deadline", Some(12)),
        ("unmapped-exit-code", Some(12)),
        ("no-precondition", None),
        ("unpinned-policy", Some(9)),
    ];
    has(&case, &document.to_string(), &expected);
    assert_eq!(findings(&case, &document.to_string()).iter().filter(|(id, _)| id == "spliced-parameter").count(), 2);
}

/// A good document with one thing made worse, and the rule that tells.
#[test]
fn every_rule_finds_its_fault() {
    let case = Case::new();
    let good = read(&committed("Rex-RW"));
    assert_eq!(findings(&case, &good.to_string()), []);
    let lines: Vec<_> = good["mainSteps"][0]["inputs"]["runCommand"].as_array().unwrap().clone();
    let digest = good["description"].as_str().unwrap().split_once("sha256:").unwrap().1[..64].to_owned();
    // At the same place in the text: a line in front of the command, or others in place of some words.
    let before = |line: &str| {
        let mut lines = lines.clone();
        lines.insert(2, line.into());
        ("/mainSteps/0/inputs/runCommand", Value::from(lines))
    };
    let instead = |old: &str, new: &str| {
        let replaced = lines.iter().map(|line| line.as_str().unwrap().replace(old, new)).collect::<Vec<_>>();
        assert_ne!(json!(lines), json!(replaced), "{old}");
        ("/mainSteps/0/inputs/runCommand", json!(replaced))
    };
    let rules: Vec<(&str, (&str, Value))> = vec![
        ("schema", ("/schemaVersion", json!("1.2"))),
        ("size", ("/parameters/script/maxChars", json!(60_000))),
        ("parameter-name", ("/parameters/my_script", json!({ "type": "String", "allowedValues": ["a"] }))),
        ("invalid-pattern", ("/parameters/script/allowedPattern", json!("^(?!x).*$"))),
        ("unanchored-pattern", ("/parameters/script/allowedPattern", json!("[A-Za-z0-9+/=]+"))),
        ("unanchored-pattern", ("/parameters/script/allowedPattern", json!("^[a-z]+$|[0-9]+"))),
        ("unanchored-pattern", ("/parameters/script/allowedPattern", json!("(?m)^[a-z]+$"))),
        ("parameter-store", ("/parameters/script/allowedPattern", json!("^[^\"]*$"))),
        ("unbounded-parameter", ("/parameters/script/maxChars", Value::Null)),
        ("unknown-action", ("/mainSteps/0/action", json!("aws:runDocument"))),
        ("no-precondition", ("/mainSteps/0/precondition", json!({}))),
        ("step-timeout", ("/mainSteps/0/inputs/timeoutSeconds", json!("0"))),
        ("late-deadline", ("/mainSteps/0/inputs/timeoutSeconds", json!(3600))),
        ("late-deadline", instead("\"$SSM_timeoutSeconds\" --max", "4000 --max")),
        ("no-deadline", instead("--timeout", "--verbose")),
        ("spliced-parameter", before("echo '{{script}}'")),
        ("spliced-parameter", before("if [ -z \"${SSM_script+x}\" ]; then export SSM_script=\"{{ script }}\"; fi")),
        ("spliced-parameter", ("/mainSteps/0/inputs/workingDirectory", json!("{{ arguments }}"))),
        ("spliced-parameter", ("/mainSteps/0/inputs/timeoutSeconds", json!("{{ timeoutSeconds }}"))),
        ("spliced-store", before("echo {{ ssm:/x }}")),
        ("no-env-var", before("echo \"$SSM_other\"")),
        ("no-env-var", ("/parameters/script/interpolationType", Value::Null)),
        ("unchecked-variable", instead("${SSM_script+x}", "x")),
        ("unquoted-variable", before("echo $SSM_script")),
        ("evaluated-variable", before("eval \"$SSM_script\"")),
        ("evaluated-variable", before("sh -c \"$SSM_script\"")),
        ("predictable-path", before("echo x >/tmp/x")),
        ("predictable-path", before("echo x >\"/var/tmp/rex/x\"")),
        ("left-behind", before("file=$(mktemp)")),
        ("reserved-exit-code", before("exit 194")),
        ("reserved-exit-code", before("test -e /x || exit 168")),
        ("unmapped-exit-code", instead("[0-7]) exit", "[0-7]) return").clone()),
        ("invalid-policy", instead("file_system::Action::\"open\"", "file_system::Action::\"opne\"")),
        ("invalid-policy", instead("/srv/app", "/srv")),
        ("policy-braces", instead("// Change", "// {{ Change }}")),
        ("expanded-policy", instead("3<<'", "3<<").clone()),
        ("unpinned-policy", instead(&format!("--policy-digest sha256:{digest}"), "")),
        ("policy-elsewhere", instead("permit(", "(")),
        ("unnamed-policy", ("/description", json!("x"))),
    ];
    for (rule, (place, value)) in rules {
        let mut document = good.clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap();
        if value.is_null() {
            parent.as_object_mut().unwrap().remove(name);
        } else {
            parent[name] = value.clone();
        }
        let found = findings(&case, &document.to_string());
        assert!(found.iter().any(|(id, _)| id == rule), "no {rule} for {value}: {found:#?}");
    }
}

#[test]
fn the_step_for_windows_is_looked_at() {
    let case = Case::new();
    let good = read(&committed("Rex-RW"));
    let lines: Vec<_> = good["mainSteps"][2]["inputs"]["runCommand"].as_array().unwrap().clone();
    for (rule, line) in [
        ("predictable-path", "Set-Content $env:TEMP\\x.rhai $env:SSM_script"),
        ("predictable-path", "Set-Content 'C:\\Windows\\Temp\\x' 'y'"),
        ("evaluated-variable", "Invoke-Expression $env:SSM_script"),
        ("reserved-exit-code", "exit 3010"),
        ("spliced-parameter", "$x = '{{ script }}'"),
        ("no-env-var", "$env:SSM_other"),
    ] {
        let mut document = good.clone();
        let mut lines = lines.clone();
        lines.insert(2, line.into());
        document["mainSteps"][2]["inputs"]["runCommand"] = lines.into();
        has(&case, &document.to_string(), &[(rule, if rule == "spliced-parameter" { None } else { Some(3) })]);
    }
    let unchecked: Vec<_> =
        lines.iter().map(|line| line.as_str().unwrap().replace("(Test-Path Env:SSM_script)", "$true")).collect();
    let mut document = good.clone();
    document["mainSteps"][2]["inputs"]["runCommand"] = json!(unchecked);
    assert!(findings(&case, &document.to_string()).iter().any(|(id, _)| id == "unchecked-variable"));
    // The policy in it is read as well.
    let mut document = good;
    let line = lines.iter().position(|line| line.as_str().unwrap().contains("FromBase64String")).unwrap();
    let forged =
        "[IO.File]::WriteAllBytes($policy, [Convert]::FromBase64String('cGVybWl0KHByaW5jaXBhbCwgYWN0aW9uLCByZXNvdXJjZSk7'))";
    document["mainSteps"][2]["inputs"]["runCommand"][line] = forged.into();
    assert!(findings(&case, &document.to_string()).iter().any(|(id, _)| id == "invalid-policy"));
}

#[test]
fn people_see_findings_with_their_remedies() {
    let case = Case::new();
    let mut document = read(&committed("Rex-RW"));
    document["mainSteps"][0]["precondition"] = json!({});
    let ran = run(&["ssm", "lint", &case.file("document", document.to_string())], "");
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.stdout.contains("[no-precondition]")
            && ran.stdout.contains("at /mainSteps/0\n")
            && ran.stdout.ends_with("1 findings\n")
    );
    let clean = run(&["ssm", "lint", &committed("Rex-RW")], "");
    assert_eq!((clean.code, clean.stdout.as_str()), (0, "0 findings\n"));
}

#[test]
fn what_is_no_document_is_invalid_input() {
    let case = Case::new();
    for text in ["", "{", "[]", "x", "{\"schemaVersion\": \"2.2\", \"mainSteps\": \"garbage\"}", "a: [", "\u{0}", "{}"] {
        let ran = run(&["ssm", "lint", &case.file("document", text)], "");
        assert!(ran.code == 5 && ran.stderr.starts_with("error: "), "{text:?}: {ran:#?}");
    }
    assert_eq!(run(&["ssm", "lint", &case.path("nothing")], "").code, 5);
    assert_eq!(run(&["ssm", "lint"], "").code, 2);
}
