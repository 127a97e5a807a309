//! `rex-runner check`, which runs nothing.

use rex_tests::{Case, PERMIT_ALL, Ran, run};

fn check(case: &Case, script: &str, policy: &str, options: &[&str]) -> Ran {
    let policy = case.file("policy", policy);
    run(&[&["check", "-s", "-", "-p", &policy], options].concat(), script)
}

#[test]
fn a_good_script_and_a_good_policy() {
    let ran = check(&Case::new(), "let x = 1;\nx + 1", PERMIT_ALL, &[]).expect_code(0);
    assert_eq!((ran.report["status"].as_str(), ran.report["output"].as_str()), (Some("SUCCESS"), Some("")));
}

#[test]
fn nothing_happens() {
    let case = Case::new();
    let script = format!("touch(\"{}\"); info(\"ran\"); loop {{}}", case.path("ran"));
    let ran = check(&case, &script, PERMIT_ALL, &[]).expect_code(0);
    assert!(!case.exists("ran") && ran.logs().is_empty());
    assert_eq!((&ran.report["usage"]["calls"], &ran.report["decisions"]["allowed"]), (&0.into(), &0.into()));
}

#[test]
fn a_bad_script_has_its_place() {
    for (script, line, column) in [("let x = 1;\nlet y = ;", 2, 9), ("if true {\n  1\n", 3, 1), ("let a = nothing_here;", 1, 9)] {
        let ran = check(&Case::new(), script, PERMIT_ALL, &[]).expect_code(1);
        assert_eq!(
            (&ran.report["error"]["line"], &ran.report["error"]["column"]),
            (&line.into(), &column.into()),
            "{script:?}: {ran:#?}"
        );
        assert!(ran.error().contains(&format!("line {line}")), "{ran:#?}");
    }
}

#[test]
fn a_bad_policy_has_its_place() {
    let ran = check(&Case::new(), "1", "permit(principal, action, resource);\nforbid(principal, action, ressource);", &[])
        .expect_code(5);
    assert!(ran.error().contains("line 2, column 27"), "{ran:#?}");
}

#[test]
fn arguments_are_variables() {
    let case = Case::new();
    check(&case, "given + 1", PERMIT_ALL, &["--args-json", r#"{"given": 1}"#]).expect_code(0);
    check(&case, "given", PERMIT_ALL, &["--arg", "given=x"]).expect_code(0);
    let ran = check(&case, "given", PERMIT_ALL, &[]).expect_code(1);
    assert!(ran.error().contains("given"), "{ran:#?}");
    check(&case, "1", PERMIT_ALL, &["--arg", "1x=x"]).expect_code(5);
}

#[test]
fn the_human_format() {
    let case = Case::new();
    let ran = check(&case, "1", PERMIT_ALL, &["-o", "human"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    let ran = check(&case, "let", PERMIT_ALL, &["-o", "human"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.starts_with("error: Syntax error") && ran.stderr.lines().count() == 1, "{ran:#?}");
}

#[test]
fn help_is_there() {
    let ran = run(&["check", "--help"], "");
    assert!(ran.code == 0 && ran.stdout.contains("--policy-file") && !ran.stdout.contains("--timeout"), "{ran:#?}");
}
