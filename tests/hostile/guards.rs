//! What a permit for everything does not mean.

use std::os::unix::fs::symlink;

use rex_tests::{Case, command, finish};

use crate::tools::with_path;

const EVERYTHING: &str = "permit(principal, action, resource);";

/// Each of these paths gives the machine to who may write it.
// Threat: T-POLICY-9
#[test]
fn a_permit_for_everything_does_not_give_the_machine_away() {
    let case = Case::new();
    let ssh = case.path(".ssh/authorized_keys");
    case.dir(".ssh");
    for path in ["/etc/sudoers", "/etc/crontab", "/etc/ld.so.preload", &ssh] {
        for script in ["write(p, \"x\")", "write([write::replace], p, \"x\")", "touch(p)", "ln([ln::symbolic], \"x\", p)"] {
            let ran = with_path(&case, script, path, EVERYTHING).expect_code(3);
            assert!(ran.denials()[0]["reason"].as_str().unwrap().contains("built-in guard"), "{path}: {ran:?}");
        }
    }
    for script in ["rm(p)", "chmod(0o777, p)", "mv(p, p + \"2\")"] {
        let ran = with_path(&case, script, "/etc/passwd", EVERYTHING).expect_code(3);
        assert!(ran.denials()[0]["reason"].as_str().unwrap().contains("`accounts`"), "{script}: {ran:?}");
    }
    with_path(&case, "cat(p).len() > 0", "/etc/passwd", EVERYTHING).expect_code(0);
}

#[test]
fn a_policy_can_give_a_guard_up() {
    let case = Case::new();
    case.dir(".ssh");
    let path = case.path(".ssh/authorized_keys");
    with_path(&case, "write(p, \"x\")", &path, "@unguard(\"ssh\") permit(principal, action, resource);").expect_code(0);
    assert_eq!(case.content(".ssh/authorized_keys").as_deref(), Some("x"));
    let ran = with_path(&case, "1", &path, "@unguard(\"shh\") permit(principal, action, resource);").expect_code(5);
    assert!(ran.error().contains("there is no guard \"shh\""), "{ran:?}");
}

#[test]
fn a_script_does_not_change_the_decision_record() {
    let case = Case::new();
    let record = case.path("record");
    let policy = case.file("policy", EVERYTHING);
    for script in ["write([write::replace], p, \"x\")", "rm(p)", "mv(p, p + \"2\")", "write(p, \"x\")"] {
        let path = format!("p={record}");
        let arguments = ["--script", script, "-p", &policy, "--audit-log", &record, "--arg", &path];
        let ran = finish(command(&arguments).spawn().unwrap()).expect_code(3);
        assert!(ran.denials()[0]["reason"].as_str().unwrap().contains("`rex`"), "{script}: {ran:?}");
    }
    assert_eq!(case.content("record").unwrap().matches("run_started").count(), 4);
}

/// Who says what is not redacted reads everything.
// Threat: T-POLICY-9
#[test]
fn a_script_does_not_write_the_dictionary_of_what_is_not_redacted() {
    let case = Case::new();
    let [link, real] = ["in/link", "in/real"].map(|name| case.path(name));
    case.file("in/mine", "%m\n");
    let policy = case.permit(&["open", "stat", "read", "write", "create", "delete", "move"], &["in"]);
    symlink("real", &link).unwrap();
    let missing = case.path("in/missing");
    for (dictionary, target) in [(&missing, &missing), (&link, &link), (&link, &real)] {
        for change in
            ["write(p, \"%m\")", "write([write::replace], p, \"%m\")", "rm(p)", "mv(p, p + \"2\")", "mv(d + \"/mine\", p)"]
        {
            let arguments = serde_json::json!({ "p": target, "d": case.path("in") }).to_string();
            let options = &["--redaction-dictionary", dictionary, "--args-json", &arguments];
            let ran = case.run_with(change, &policy, options);
            assert!(ran.code == 3 || ran.error().contains("NotFound"), "{change}: {ran:?}");
            assert!(!case.exists("in/missing") && !case.exists("in/real") && case.exists("in/link"), "{change}: {ran:?}");
        }
    }
}

// Threat: T-POLICY-10
#[test]
fn special_file_systems_are_permitted_by_name() {
    let case = Case::new();
    for path in ["/proc/version", "/proc/1/environ", "/sys/kernel/osrelease", "/dev/null", "/proc"] {
        let ran = with_path(&case, "cat(p)", path, EVERYTHING).expect_code(3);
        assert!(ran.denials()[0]["reason"].as_str().unwrap().contains("names"), "{path}: {ran:?}");
    }
    let named = format!("{EVERYTHING} permit(principal, action, resource in file_system::Dir::\"/proc\");");
    with_path(&case, "cat(p)", "/proc/version", &named).expect_code(0);
    with_path(&case, "cat(p)", "/dev/null", &named).expect_code(3);
}
