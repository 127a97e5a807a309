//! A policy that says something else than its author meant lets nothing through.

use rex_tests::{Case, PERMIT_ALL};

use crate::tools::{SECRET, with_path};

/// Nothing may run under a policy that is not wholly understood, whatever else it says.
// Threat: T-POLICY-1
#[test]
fn what_the_schema_does_not_know_lets_nothing_run() {
    for statement in [
        "forbid(principal, action == file_system::Action::\"raed\", resource);",
        "forbid(principal, action == Rex::Action::\"safe_read_file\", resource);",
        "forbid(principal, action in file_system::Action::\"SafeOI\", resource);",
        "forbid(principal, action in [file_system::Action::\"read\", file_system::Action::\"raed\"], resource);",
        "forbid(principal, action, resource in file_sistem::Dir::\"/\");",
        "forbid(principal, action, resource in Dir::\"/\");",
        "forbid(principal, action, resource is file_system::Folder);",
        "forbid(principal == Usr::\"root\", action, resource);",
        "forbid(principal is Administrator, action, resource);",
        "forbid(principal, action == file_system::Action::\"read\", resource) when { resource.paht == \"/x\" };",
        "forbid(principal, action == file_system::Action::\"read\", resource) when { resource.path.length == 1 };",
        "forbid(principal, action == file_system::Action::\"read\", resource) when { context.time == 1 };",
        "forbid(principal, action == file_system::Action::\"read\", resource) when { principal.name == \"root\" };",
        "forbid(principal, action == file_system::Action::\"read\", resource) when { resource.path > 1 };",
        "forbid(principal, action == file_system::Action::\"read\", resource) when { resource.path };",
        "forbid(principal, action == file_system::Action::\"read\", resource) when { resource has paht };",
        "forbid(principal, action == file_system::Action::\"read\", resource) when { ip(resource.path).isLoopback() };",
        "forbid(principal, action == file_system::Action::\"read\", resource) when { nothing(resource) };",
        "forbid(principal, action == file_system::Action::\"write\", resource is file_system::Dir);",
        "forbid(principal == ?principal, action, resource);",
        "forbid(principal, action, resource)",
        "forbid(principal, action);",
        "deny(principal, action, resource);",
        "@id(\"x\") @id(\"y\") forbid(principal, action, resource);",
        "{\"permit\": true}",
    ] {
        let case = Case::new();
        let script = format!("touch(\"{}\")", case.path("ran"));
        let ran = case.run(&script, &format!("{PERMIT_ALL}\n{statement}")).expect_code(5);
        assert!(!case.exists("ran") && ran.report["usage"]["calls"] == 0, "{statement}: {ran:?}");
        assert!(ran.error().contains("line") || ran.error().contains("template"), "{statement}: {ran:?}");
    }
}

const OVERFLOW: &str = "9223372036854775807 + 1 == 0";

/// Cedar goes on without a statement that fails, as if it were not there.
// Threat: T-POLICY-3
#[test]
fn a_statement_that_fails_is_a_denial() {
    for statement in [
        format!("forbid(principal, action, resource) when {{ {OVERFLOW} }};"),
        format!("forbid(principal, action, resource) unless {{ {OVERFLOW} }};"),
        format!("forbid(principal, action, resource) when {{ !({OVERFLOW}) }};"),
        format!("forbid(principal, action, resource) when {{ true && {OVERFLOW} }};"),
        format!("forbid(principal, action == file_system::Action::\"read\", resource) when {{ if {OVERFLOW} then true else false }};"),
        format!("forbid(principal, action in file_system::Action::\"SafeIO\", resource is file_system::File) when {{ {OVERFLOW} }};"),
        format!("permit(principal, action, resource) when {{ {OVERFLOW} }};"),
        "forbid(principal, action, resource) when { -9223372036854775807 - 2 == 0 };".to_owned(),
        "forbid(principal, action, resource) when { 9223372036854775807 * 2 == 0 };".to_owned(),
        "forbid(principal, action == file_system::Action::\"read\", resource) when { duration(\"106751991167d\").toMilliseconds() * 9223372036854775807 == 0 };".to_owned(),
    ] {
        let case = Case::new();
        let file = case.file("f", SECRET);
        for policy in [format!("{PERMIT_ALL}\n{statement}"), format!("{statement}\n{PERMIT_ALL}")] {
            let ran = with_path(&case, "cat(p)", &file, &policy);
            // A policy that cannot even be loaded lets nothing through either.
            assert!(matches!(ran.code, 3 | 5) && !ran.stdout.contains(SECRET), "{statement}: {ran:?}");
            if ran.code == 3 {
                assert!(ran.denials()[0]["reason"].as_str().unwrap().contains("could not be evaluated"), "{statement}: {ran:?}");
            }
        }
    }
}

/// Only what is asked is evaluated: elsewhere the statement does no harm.
#[test]
fn a_statement_that_fails_concerns_what_it_is_about() {
    let case = Case::new();
    let file = case.file("in/f", "x");
    let other = format!("forbid(principal, action == file_system::Action::\"delete\", resource) when {{ {OVERFLOW} }};");
    with_path(&case, "cat(p)", &file, &format!("{PERMIT_ALL}\n{other}")).expect_code(0);
    with_path(&case, "rm(p)", &file, &format!("{PERMIT_ALL}\n{other}")).expect_code(3);
    assert!(case.exists("in/f"));
    let elsewhere = format!("forbid(principal, action, resource in file_system::Dir::\"/elsewhere\") when {{ {OVERFLOW} }};");
    with_path(&case, "cat(p)", &file, &format!("{PERMIT_ALL}\n{elsewhere}")).expect_code(0);
    let short = format!(
        "forbid(principal, action, resource) when {{ resource has path && resource.path == \"/elsewhere\" && {OVERFLOW} }};"
    );
    with_path(&case, "cat(p)", &file, &format!("{PERMIT_ALL}\n{short}")).expect_code(0);
}

#[test]
fn nothing_is_permitted_by_default() {
    let case = Case::new();
    let file = case.file("in/f", SECRET);
    for policy in [
        "permit(principal == User::\"nobody of this name\", action, resource);".to_owned(),
        "permit(principal, action, resource == file_system::Dir::\"/elsewhere\");".to_owned(),
        // The parent is asked for as well.
        format!("permit(principal, action, resource == file_system::File::\"{file}\");"),
        "permit(principal, action, resource is process_system::Process);".to_owned(),
        case.permit(&["read"], &[""]),
        case.permit(&["open"], &[""]),
    ] {
        let ran = with_path(&case, "cat(p)", &file, &policy).expect_code(3);
        assert!(!ran.stdout.contains(SECRET) && ran.denials()[0]["reason"] == "no policy permits it", "{policy}: {ran:?}");
    }
}

#[test]
fn a_forbid_is_stronger_than_any_permit() {
    let case = Case::new();
    let file = case.file("in/f", SECRET);
    for (statement, id) in [
        (format!("@id(\"no_secrets\") forbid(principal, action, resource == file_system::File::\"{file}\");"), "no_secrets"),
        (format!("@id(\"no_dir\") forbid(principal, action, resource in file_system::Dir::\"{}\");", case.path("in")), "no_dir"),
        (
            format!(
                "@id(\"like\") forbid(principal, action, resource) when {{ resource has path && resource.path like \"{}*\" }};",
                case.path("in")
            ),
            "like",
        ),
    ] {
        let ran = with_path(&case, "cat(p)", &file, &format!("{PERMIT_ALL}\n{statement}")).expect_code(3);
        assert_eq!(ran.denials()[0]["reason"], format!("forbidden by {id}"));
    }
}

/// A name with quotes, escapes or stars in it is one name, for the policy as for the kernel.
#[test]
fn a_path_is_never_read_as_policy_text() {
    let case = Case::new();
    let policy = format!("permit(principal, action, resource in file_system::Dir::\"{}\");", case.path("in"));
    case.dir("in");
    for name in ["\"", "\\\"", "x\", resource); permit(principal, action, resource); //", "\\u{69}n", "*", "in\\u{2f}f"] {
        let path = case.file(&format!("other/{name}/f"), SECRET);
        let ran = with_path(&case, "cat(p)", &path, &policy).expect_code(3);
        assert!(!ran.stdout.contains(SECRET), "{name}: {ran:?}");
    }
}

#[test]
fn like_and_in_mean_what_they_say() {
    let case = Case::new();
    let (inside, beside) = (case.file("var/log/f", "x"), case.file("var/log-private/f", SECRET));
    let policy = format!("permit(principal, action, resource in file_system::Dir::\"{}\");", case.path("var/log"));
    with_path(&case, "cat(p)", &inside, &policy).expect_code(0);
    with_path(&case, "cat(p)", &beside, &policy).expect_code(3);
    // Whoever writes `like` without a slash gets what is written.
    let policy = format!(
        "permit(principal, action, resource) when {{ resource has path && resource.path like \"{}/*\" }};\n{}",
        case.path("var/log"),
        case.permit(&["open"], &["var"])
    );
    with_path(&case, "cat(p)", &inside, &policy).expect_code(0);
    with_path(&case, "cat(p)", &beside, &policy).expect_code(3);
}
