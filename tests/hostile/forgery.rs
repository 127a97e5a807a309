//! A script cannot claim what did not happen, nor hide what did, nor change what the language gives it.

use rex_tests::{Case, PERMIT_ALL};

use crate::tools::with_path;

const FORBID_ALL: &str = "forbid(principal, action, resource);";

// Threat: T-GUEST-4
#[test]
fn a_denial_cannot_be_forged() {
    let case = Case::new();
    let file = case.file("f", "x");
    for thrown in [
        "\"permission denied\"",
        "\"Permission denied: root unauthorized to perform file_system::Action::\\\"read\\\" for file_system::File::\\\"/x\\\"\"",
        "\"IoErrorKind: PermissionDenied: Permission denied\"",
        "#{kind: \"PermissionDenied\", message: \"Permission denied\", source: \"IoErrorKind\"}",
        "#{kind: IoErrorKind::PermissionDenied, message: \"Permission denied\", source: \"IoErrorKind\", action: \"x\", resource: \"x\", reason: \"x\"}",
        // The numbers of what was allowed.
        "#{kind: IoErrorKind::PermissionDenied, message: \"x\", source: \"IoErrorKind\", cause: 1}",
        "#{kind: IoErrorKind::PermissionDenied, message: \"x\", source: \"IoErrorKind\", cause: 2}",
        "#{kind: IoErrorKind::PermissionDenied, message: \"x\", source: \"IoErrorKind\", cause: 3}",
        "#{kind: 1, cause: 0}",
        "#{kind: 1, cause: -1}",
        "#{kind: 1, cause: 4}",
        "#{kind: 1, cause: 9223372036854775807}",
        "#{kind: 1, cause: \"1\"}",
    ] {
        let ran = with_path(&case, &format!("cat(p); throw {thrown}"), &file, PERMIT_ALL).expect_code(1);
        assert_eq!((ran.report["outcome"].as_str(), ran.denials().len()), (Some("script_error"), 0), "{thrown}");
        assert_eq!(ran.report["error"]["error_type"], "SCRIPT_EXCEPTION", "{thrown}");
        assert!(!ran.report["alarms"].to_string().contains("PrivilegeEscalation"), "{thrown}: {ran:?}");
    }
}

// Threat: T-GUEST-4
#[test]
fn a_limit_cannot_be_forged() {
    for thrown in [
        "\"the script used up its fuel (--fuel)\"",
        "#{kind: IoErrorKind::FileContentTooLargeError, message: \"x\", source: \"IoErrorKind\", cause: 1}",
    ] {
        Case::new().run(&format!("throw {thrown}"), PERMIT_ALL).expect_code(1);
    }
}

/// The operating system said no, and not the policy.
#[test]
fn an_error_of_the_operating_system_is_no_denial() {
    let case = Case::new();
    // Root may do anything, but not remove what is mounted or write what is read-only.
    let ran = with_path(&case, "mkdir(p)", "/proc/rex-test", PERMIT_ALL).expect_code(1);
    assert_eq!((ran.report["error"]["error_type"].as_str(), ran.denials().len()), (Some("SCRIPT_EXCEPTION"), 0));
}

#[test]
fn a_denial_that_was_caught_is_in_the_report() {
    let case = Case::new();
    let file = case.file("f", "x");
    let script = "let kind = (); try { cat(p) } catch (e) { kind = e.kind == IoErrorKind::PermissionDenied; } kind";
    let ran = with_path(&case, script, &file, FORBID_ALL).expect_code(0);
    assert_eq!((ran.result(), ran.denials().len(), &ran.report["decisions"]["denied"]), (&true.into(), 1, &1.into()));
    assert_eq!(ran.denials()[0]["resource"], format!("file_system::Dir::{:?}", case.path("")));
}

#[test]
fn a_denial_that_was_caught_and_thrown_on_is_a_denial() {
    let case = Case::new();
    let file = case.file("f", "x");
    with_path(&case, "try { cat(p) } catch (e) { throw e }", &file, FORBID_ALL).expect_code(3);
    with_path(
        &case,
        "let kept = (); try { cat(p) } catch (e) { kept = e; } for n in 0..200 { try { cat(p) } catch {} } throw kept",
        &file,
        FORBID_ALL,
    )
    .expect_code(3);
}

/// Whatever a script does with the error, its denial is on record.
// Threat: T-AUDIT-3
#[test]
fn a_denial_cannot_be_hidden() {
    let case = Case::new();
    let file = case.file("f", "x");
    for script in [
        "try { cat(p) } catch (e) { e.cause = 99; throw e }",
        "try { cat(p) } catch (e) { e.remove(\"cause\"); throw e }",
        "try { cat(p) } catch (e) { throw \"something else\" }",
        "try { cat(p) } catch (e) { e.message = \"nothing happened\"; e.kind = IoErrorKind::NotFound; throw e }",
        "try { cat(p) } catch (e) { loop {} }",
        "try { cat(p) } catch (e) { exit(0) }",
    ] {
        let ran = case.run_with(script, FORBID_ALL, &["--fuel", "50M", "--arg", &format!("p={file}")]);
        assert_eq!((&ran.report["decisions"]["denied"], ran.denials().len()), (&1.into(), 1), "{script}: {ran:?}");
        assert_eq!(ran.denials()[0]["action"], "file_system::Action::\"open\"");
    }
}

// Threat: T-GUEST-6
#[test]
fn what_loads_or_evaluates_other_code_does_not_exist() {
    let case = Case::new();
    let module = case.file("module.rhai", "fn f() { 1 }");
    for script in [
        "eval(\"1\")",
        "import \"module\" as m; m::f()",
        &format!("import \"{}\" as m; m::f()", module.trim_end_matches(".rhai")),
        "let x = 1; export x;",
        "let f = Fn(\"eval\"); f.call(\"1\")",
        "call_fn(\"eval\", \"1\")",
    ] {
        let ran = case.run(script, PERMIT_ALL);
        assert_eq!((ran.code, ran.report["status"].as_str()), (1, Some("ERROR")), "{script}: {ran:?}");
    }
}

/// Others read the script under the assumption that `cat` reads a file.
// Threat: T-GUEST-7
#[test]
fn functions_of_the_host_cannot_be_redefined() {
    for script in [
        "fn cat(p) { \"forged\" } cat(\"/x\")",
        "private fn cat(p) { \"forged\" } cat(\"/x\")",
        "fn info(m) { }",
        "fn rm(p) { }",
        "fn read() { \"forged\" }",
        "fn string.cat() { }",
        "fn sleep(n) { }",
        "fn seq(a, b) { [] }",
        "fn DirConfig() { 1 }",
        "fn to_string() { \"forged\" }",
    ] {
        let ran = Case::new().run(script, PERMIT_ALL).expect_code(1);
        assert_eq!(ran.report["outcome"], "syntax_error", "{script}: {ran:?}");
    }
}

/// A variable may take the name of a module of flags or constants, but not its place.
#[test]
fn constants_of_the_host_cannot_be_changed() {
    let case = Case::new();
    let file = case.file("f", "old\n");
    for script in ["IoErrorKind::PermissionDenied = 1", "write::append = write::replace", "EntryType::FILE = EntryType::DIR"] {
        case.run(script, PERMIT_ALL).expect_code(1);
    }
    with_path(&case, "let write = 1; write([write::append], p, \"new\")", &file, PERMIT_ALL).expect_code(0);
    assert_eq!(case.content("f").as_deref(), Some("old\nnew"));
}

#[test]
fn flags_of_another_function_are_refused() {
    let case = Case::new();
    let file = case.file("f", "old");
    for script in [
        "write([cat::number], p, \"x\")",
        "rm([mkdir::parents], p)",
        "write([\"replace\"], p, \"x\")",
        "write([1], p, \"x\")",
        "rm([[rm::force]], p)",
        "cat([write::replace], p)",
    ] {
        let ran = with_path(&case, script, &file, PERMIT_ALL).expect_code(1);
        assert!(ran.error().contains("InvalidArguments"), "{script}: {ran:?}");
    }
    assert_eq!(case.content("f").as_deref(), Some("old"));
}

/// Nothing of a run is there in the next one.
#[test]
fn a_run_starts_from_nothing() {
    let case = Case::new();
    case.run("let leak = 1; fn mine() { 1 } 1", PERMIT_ALL).expect_code(0);
    assert!(case.run("leak", PERMIT_ALL).expect_code(1).error().contains("leak"));
    assert!(case.run("mine()", PERMIT_ALL).expect_code(1).error().contains("mine"));
}
