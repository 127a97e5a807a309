//! What the process gives up before its script starts.

use rex_tests::Case;
use serde_json::Value;

#[test]
fn the_report_tells_what_was_given_up() {
    let case = Case::new();
    case.file("f", "text");
    let policy = case.permit(&["open", "read"], &[""]);
    let script = format!("cat({:?})", case.path("f"));
    let ran = case.run(&script, &policy).expect_code(0);
    let hardening = &ran.report["hardening"];
    for given_up in ["core_dumps_off", "no_new_privileges", "system_calls"] {
        assert_eq!(hardening[given_up], true, "{hardening}");
    }
    assert!(["enforced", "partly enforced", "unavailable"].map(Value::from).contains(&hardening["landlock"]), "{hardening}");

    let ran = case.run_with(&script, &policy, &["--no-harden"]).expect_code(0);
    assert_eq!((ran.result(), ran.report.get("hardening")), (&Value::from("text"), None));
}

/// The names of owners are looked up while the script runs.
#[test]
fn behind_the_wall_owners_still_have_names() {
    let case = Case::new();
    case.file("f", "text");
    let policy = case.permit(&["open", "stat"], &[""]);
    let script = format!("let m = stat({:?}); [m.user, m.group]", case.path("f"));
    let behind = case.run(&script, &policy).expect_code(0);
    assert_eq!(behind.result(), case.run_with(&script, &policy, &["--no-harden"]).expect_code(0).result());
}

/// Every file of a special file system may ask for a power of its own.
#[test]
fn a_policy_that_names_a_special_file_system_keeps_its_powers() {
    let case = Case::new();
    let policy = r#"permit(principal, action in [file_system::Action::"open", file_system::Action::"read"],
        resource in file_system::Dir::"/proc");"#;
    let ran = case.run("cat(\"/proc/version\").len() > 0", policy).expect_code(0);
    assert_eq!(ran.result(), &Value::from(true));
    assert!(ran.report["hardening"]["landlock"].as_str().unwrap().starts_with("off: "), "{ran:?}");
}
