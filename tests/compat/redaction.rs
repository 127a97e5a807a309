//! What is shown of files for which a policy permits `redacted_read` alone.

use rex_tests::{Case, Ran};
use serde_json::json;

const LOG: &str = "user ann logged in\npassword=s3cret\nuser bob logged in\n";
const SHOWN: &str = "user ann logged in\n[REDACTED]\nuser bob logged in\n";

fn case() -> Case {
    let case = Case::new();
    case.file("in/log", LOG);
    case.file("rules/dictionary", "# what may be seen\nuser %s logged in\nnot %f usable\n");
    case
}

/// Runs a script under a policy that lets it see the log redacted.
fn run_under(case: &Case, script: &str, policy: &str) -> Ran {
    let (arguments, dictionary) = (json!({ "p": case.path("in") }).to_string(), case.path("rules/dictionary"));
    case.run_with(script, policy, &["--args-json", &arguments, "--redaction-dictionary", &dictionary])
}

fn policy(case: &Case) -> String {
    format!("{}\n{}", case.permit(&["open", "redacted_read", "write"], &["in"]), case.permit(&["open", "read"], &["rules"]))
}

fn run(case: &Case, script: &str) -> Ran {
    run_under(case, script, &policy(case))
}

#[test]
fn lines_that_the_dictionary_does_not_know_are_replaced() {
    let case = case();
    for (script, shown) in [
        ("cat(p + \"/log\")", json!(SHOWN)),
        ("grep(\"log\", p + \"/log\")", json!(["user ann logged in", "user bob logged in"])),
        ("grep([grep::invert], \"user\", p + \"/log\")", json!(["[REDACTED]"])),
        ("sed(\"ann\", \"eve\", p + \"/log\")", json!(SHOWN.replace("ann", "eve"))),
        ("awk_field(2, \" \", p + \"/log\")", json!(["ann", "bob"])),
        (
            "let f = DirConfig().path(p).build().open(OpenDirOptions().build())
                .open_file(\"log\", OpenFileOptions().read(true).build());
             [f.read(), f.search(\"bob\")[0].line_number]",
            json!([SHOWN, 3]),
        ),
    ] {
        let ran = run(&case, script).expect_code(0);
        assert_eq!(ran.result(), &shown, "{script}");
        // That it could not be read whole is no denial that anybody has to look into.
        assert!(ran.denials().is_empty(), "{ran:?}");
        assert!(ran.logs().iter().any(|message| message.contains("line 3 is left out")), "{ran:?}");
    }
}

/// The native peer matches before it redacts, so that a script finds a secret out character by character.
#[test]
fn a_pattern_is_not_matched_against_what_is_redacted() {
    let case = case();
    for script in ["grep(\"pass\", p + \"/log\")", "grep([grep::c], \"s3c\", p + \"/log\")"] {
        let ran = run(&case, script).expect_code(0);
        assert!(ran.result() == &json!([]) || ran.result() == &json!(["0"]), "{script}: {ran:?}");
    }
}

/// Everything else takes `read`: the bytes themselves, their number, their digest, and a copy.
#[test]
fn other_ways_to_the_content_stay_closed() {
    let case = case();
    for script in [
        "tail(p + \"/log\")",
        "head(p + \"/log\")",
        "wc(p + \"/log\")",
        "sha256(p + \"/log\")",
        "read_json(p + \"/log\")",
        "cp(p + \"/log\", p + \"/copy\")",
        "sed([sed::in_place], \"ann\", \"eve\", p + \"/log\")",
        "let f = DirConfig().path(p).build().open(OpenDirOptions().build())
            .open_file(\"log\", OpenFileOptions().read(true).build()); f.extract_strings()",
    ] {
        let ran = run(&case, script).expect_code(3);
        assert!(!ran.stdout.contains("s3cret"), "{script}: {ran:?}");
    }
    assert_eq!(case.content("in/log").as_deref(), Some(LOG));
}

#[test]
fn without_leave_to_read_the_dictionary_nothing_is_shown() {
    let case = case();
    let ran = run_under(&case, "cat(p + \"/log\")", &case.permit(&["open", "redacted_read"], &["in"])).expect_code(3);
    assert!(ran.error().contains("\"read\"") && ran.error().contains("in/log"), "{ran:?}");
    assert!(ran.logs()[0].contains("without a dictionary") && ran.logs()[0].contains("rules"), "{ran:?}");

    std::fs::remove_file(case.path("rules/dictionary")).unwrap();
    let ran = run(&case, "cat(p + \"/log\")").expect_code(3);
    assert!(ran.error().contains("\"read\"") && ran.logs()[0].contains("No such file"), "{ran:?}");
}

#[test]
fn whoever_may_read_reads_all_of_it() {
    let case = case();
    let policy = format!("{}\n{}", policy(&case), case.permit(&["read"], &["in"]));
    assert_eq!(run_under(&case, "cat(p + \"/log\")", &policy).expect_code(0).result(), &json!(LOG));
}

#[test]
fn a_denial_of_both_is_told_once() {
    let case = case();
    let policy = format!("{}\n{}", case.permit(&["open"], &["in"]), case.permit(&["redacted_read"], &["rules"]));
    let ran = run_under(&case, "cat(p + \"/log\")", &policy).expect_code(3);
    let actions: Vec<_> = ran.denials().iter().map(|denial| &denial["action"]).collect();
    assert_eq!((actions, &ran.report["decisions"]["denied"]), (vec![&json!("file_system::Action::\"read\"")], &json!(2)));
}
