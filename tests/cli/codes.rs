//! Each exit code, and the report that goes with it.

use std::fs::File;

use rex_tests::{Case, PERMIT_ALL, command, finish, run};

#[test]
fn zero_when_the_script_finishes() {
    let ran = Case::new().run("1 + 1", PERMIT_ALL).expect_code(0);
    assert_eq!((ran.report["status"].as_str(), ran.report["outcome"].as_str()), (Some("SUCCESS"), Some("finished")));
    assert_eq!((ran.report["output"].as_str(), ran.result()), (Some("2"), &2.into()));
    assert!(ran.report.get("error").is_none() && ran.report.get("alarms").is_none());
}

// Threat: T-AUDIT-3
#[test]
fn zero_when_the_script_catches_a_denial() {
    let case = Case::new();
    let file = case.file("f", "x");
    let ran = case
        .run(&format!(r#"let x = ""; try {{ cat("{file}") }} catch {{ x = "fine" }} x"#), "forbid(principal, action, resource);")
        .expect_code(0);
    assert_eq!((ran.report["output"].as_str(), ran.denials().len()), (Some("fine"), 1));
}

#[test]
fn one_for_what_is_no_script() {
    let ran = Case::new().run("let x = ;", PERMIT_ALL).expect_code(1);
    assert_eq!(
        (ran.report["outcome"].as_str(), ran.report["error"]["error_type"].as_str()),
        (Some("syntax_error"), Some("SCRIPT_EXCEPTION"))
    );
    assert_eq!((&ran.report["error"]["line"], &ran.report["error"]["column"]), (&1.into(), &9.into()));
}

#[test]
fn one_for_an_error_that_nobody_caught() {
    let ran = Case::new().run("let x = 1;\nthrow \"boom\";", PERMIT_ALL).expect_code(1);
    assert_eq!((ran.report["outcome"].as_str(), ran.report["status"].as_str()), (Some("script_error"), Some("ERROR")));
    assert!(ran.error().contains("boom"), "{ran:?}");
    assert_eq!(ran.report["error"]["line"], 2);
    assert_eq!(ran.report["alarms"][0]["alarm_type"], "RexRunnerScriptExecutionFailure");
}

#[test]
fn one_for_an_operation_that_was_permitted_and_failed() {
    let case = Case::new();
    let ran = case.run(&format!(r#"cat("{}")"#, case.path("nothing")), PERMIT_ALL).expect_code(1);
    assert!(ran.error().contains("NotFound"), "{ran:?}");
    assert_eq!(ran.denials().len(), 0);
}

#[test]
fn two_for_a_command_line_that_makes_no_sense() {
    let ran = run(&["--script", "1"], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("--policy-file"), "{ran:?}");
}

#[test]
fn three_for_a_denial_that_nobody_caught() {
    let case = Case::new();
    let file = case.file("f", "secret content");
    let ran = case.run(&format!("\ncat(\"{file}\")"), &case.permit(&["open"], &[""])).expect_code(3);
    assert_eq!(
        (ran.report["outcome"].as_str(), ran.report["error"]["error_type"].as_str()),
        (Some("denied"), Some("ACCESS_DENIED_EXCEPTION"))
    );
    assert_eq!(ran.report["alarms"][0]["alarm_type"], "RexRunnerPrivilegeEscalation");
    let denial = &ran.denials()[0];
    assert_eq!(denial["action"], r#"file_system::Action::"read""#);
    assert_eq!(denial["resource"], format!("file_system::File::{file:?}"));
    assert_eq!(denial["reason"], "no policy permits it");
    assert_eq!((&ran.report["error"]["line"], &ran.report["decisions"]["denied"]), (&2.into(), &1.into()));
    assert!(!ran.stdout.contains("secret content"));
}

#[test]
fn four_for_a_limit() {
    let ran = Case::new().run_with("loop {}", PERMIT_ALL, &["--fuel", "1M"]).expect_code(4);
    assert_eq!(
        (ran.report["outcome"].as_str(), ran.report["error"]["error_type"].as_str()),
        (Some("limit"), Some("LIMIT_EXCEPTION"))
    );
    assert!(ran.error().contains("--fuel"), "the message names the option: {ran:?}");
}

#[test]
fn five_for_a_policy_that_is_none() {
    let ran = Case::new().run("1", "permit(principal, action, ressource);").expect_code(5);
    assert_eq!(
        (ran.report["outcome"].as_str(), ran.report["error"]["error_type"].as_str()),
        (Some("invalid"), Some("VALIDATION_EXCEPTION"))
    );
    assert_eq!(ran.report.get("result"), None);
}

/// The run is over by then, but what came of it could not be told.
#[test]
fn six_when_the_report_cannot_be_shown() {
    let case = Case::new();
    let policy = case.file("policy", PERMIT_ALL);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = finish(command(&["--script", "1", "-p", &policy]).stdout(full).spawn().unwrap());
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.stderr.starts_with("error: "), "{ran:?}");
}

#[test]
fn seven_when_the_decision_record_cannot_be_written() {
    let case = Case::new();
    let (full, nowhere) = ("/dev/full", case.path("no/such/directory"));
    for log in [full, &nowhere, &case.path("")] {
        let script = format!(r#"touch("{}")"#, case.path("touched"));
        let ran = case.run_with(&script, PERMIT_ALL, &["--audit-log", log]).expect_code(7);
        assert_eq!(
            (ran.report["outcome"].as_str(), ran.report["error"]["error_type"].as_str()),
            (Some("unrecorded"), Some("AUDIT_EXCEPTION"))
        );
        assert!(ran.error().contains(log) && !case.exists("touched"), "{ran:?}");
    }
}

/// The SSM agent gives other codes another meaning; some of them restart the machine.
#[test]
fn no_script_chooses_its_exit_code() {
    let case = Case::new();
    for script in ["194", "exit(3010)", "exit(168)", "throw 194", "throw #{exit_code: 194, outcome: \"limit\", cause: 1}"] {
        let ran = case.run(script, PERMIT_ALL);
        assert!(matches!(ran.code, 0 | 1), "{script}: {ran:?}");
        assert_eq!(ran.report["exit_code"], ran.code, "{script}");
    }
}
