//! The peer's first example, unchanged, and the shape of its report.

use rex_tests::{Case, Ran, run};

const SCRIPT: &str = r#"write([write::replace], file, "Hello from REX!\n");
cat(file)
"#;

fn quick_start(case: &Case, policy: &str, options: &[&str]) -> Ran {
    let (script, policy) = (case.file("script.rhai", SCRIPT), case.file("policy.cedar", policy));
    case.dir("rex");
    let arguments = case.file("arguments.json", format!(r#"{{"file": {{"stringValue": "{}"}}}}"#, case.path("rex/hello.txt")));
    let mut all = vec!["--script-file", &script, "--policy-file", &policy, "--script-arguments-file", &arguments];
    all.extend(options);
    run(&all, "")
}

fn policy(case: &Case) -> String {
    format!(
        r#"permit(
    principal,
    action in [
        file_system::Action::"open",
        file_system::Action::"read",
        file_system::Action::"create",
        file_system::Action::"write"
    ],
    resource in file_system::Dir::"{}"
);"#,
        case.path("rex")
    )
}

#[test]
fn the_quick_start_for_people() {
    let case = Case::new();
    let ran = quick_start(&case, &policy(&case), &["--output-format", "human"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "Hello from REX!\n\n", ""));
    assert_eq!(case.content("rex/hello.txt").as_deref(), Some("Hello from REX!\n"));
}

#[test]
fn the_quick_start_for_programs() {
    let case = Case::new();
    let ran = quick_start(&case, &policy(&case), &[]).expect_code(0);
    assert_eq!((ran.report["output"].as_str(), ran.report["status"].as_str()), (Some("Hello from REX!\n"), Some("SUCCESS")));
    assert!(
        ran.report["logs"].as_array().unwrap().is_empty()
            && ran.report.get("error").is_none()
            && ran.report.get("alarms").is_none()
    );
    for metric in ran.report["metrics"].as_array().unwrap() {
        assert!(metric["metric_name"].as_str().unwrap().starts_with("RexRunner") && metric["metric_value"].is_f64(), "{metric}");
        assert!(["COUNT", "TIME"].contains(&metric["metric_unit"].as_str().unwrap()), "{metric}");
        assert!(metric["metric_timestamp"].as_str().unwrap().contains('T'), "{metric}");
    }
}

#[test]
fn the_quick_start_runs_again() {
    let case = Case::new();
    for _ in 0..3 {
        quick_start(&case, &policy(&case), &[]).expect_code(0);
    }
}

/// The same words as in the peer, and more after them. The exit code is another one: the peer's is 0.
#[test]
fn a_denial_for_people() {
    let case = Case::new();
    let ran = quick_start(&case, "permit(principal, action, resource in file_system::Dir::\"/elsewhere\");", &["-o", "human"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(ran.stderr.starts_with("error: IoErrorKind: PermissionDenied: Permission denied: "), "{ran:?}");
    assert!(ran.stderr.contains(r#" unauthorized to perform file_system::Action::"open" for file_system::Dir::"#), "{ran:?}");
    assert!(ran.stderr.ends_with(" (line 1, position 1)\n"), "{ran:?}");
}

#[test]
fn a_denial_for_programs() {
    let case = Case::new();
    let ran = quick_start(&case, "forbid(principal, action, resource);", &[]).expect_code(3);
    assert_eq!((ran.report["output"].as_str(), ran.report["status"].as_str()), (Some(""), Some("ERROR")));
    assert_eq!(ran.report["error"]["error_type"], "ACCESS_DENIED_EXCEPTION");
    let alarm = &ran.report["alarms"][0];
    assert_eq!(alarm["alarm_type"], "RexRunnerPrivilegeEscalation");
    assert!(alarm["alarm_details"].as_str().unwrap().contains("Permission denied"));
}

/// Everything that its README permits with one action.
#[test]
fn a_group_of_actions_permits_what_is_in_it() {
    let case = Case::new();
    let policy = format!(
        "permit(principal is User, action in file_system::Action::\"SafeIO\", resource in file_system::Dir::\"{}\");",
        case.path("rex")
    );
    quick_start(&case, &policy, &[]).expect_code(0);
}

/// Statements on what this host does not offer (yet) are valid, and change nothing.
#[test]
fn a_policy_of_the_peer_with_every_namespace_is_valid() {
    let case = Case::new();
    let others = r#"
        permit(principal, action == process_system::Action::"list", resource is process_system::Process);
        permit(principal, action in process_system::Action::"ProcessAction", resource) when { resource.name == "x" && resource.username == "y" };
        forbid(principal, action in systemd::Action::"SystemdAction", resource is systemd::Service) unless { resource.name like "app-*" };
        permit(principal, action == systemd::Action::"daemon_reload", resource is systemd::Systemd);
        permit(principal, action in [network::Action::"GET", network::Action::"connect"], resource is network::url) when { resource.url like "https://example.com/*" };
        permit(principal, action == sysinfo::Action::"list", resource is sysinfo::Sysinfo);
        permit(principal, action == sysinfo::Action::"resolve_hostname", resource) when { resource.hostname == "example.com" };
        permit(principal, action == sysctl::Action::"load", resource is sysctl::Sysctl);
        permit(principal, action == file_system::Action::"execute", resource == file_system::File::"/usr/bin/id")
            when { context.user.username == "root" && context.arguments.flags.contains("-u") && !(context has namespace) };
        permit(principal, action == file_system::Action::"move", resource in file_system::Dir::"/x") when { context.destination.path like "/x/*" };
        permit(principal, action == file_system::Action::"set_x_attr", resource) when { context.xattr.name == "security.selinux" };
        forbid(principal, action == file_system::Action::"redacted_read", resource) when { resource.path like "/var/log/*" };
    "#;
    quick_start(&case, &format!("{}\n{others}", policy(&case)), &[]).expect_code(0);
}

#[test]
fn an_error_that_a_script_throws() {
    let case = Case::new();
    let ran = case.run("throw \"boom\";", rex_tests::PERMIT_ALL).expect_code(1);
    assert_eq!(
        (ran.report["error"]["error_type"].as_str(), ran.report["alarms"][0]["alarm_type"].as_str()),
        (Some("SCRIPT_EXCEPTION"), Some("RexRunnerScriptExecutionFailure"))
    );
    assert_eq!(ran.error(), "Runtime error: boom (line 1, position 1)");
    let ran = case.run("let x = 1;\nlet y = nosuch(x);", rex_tests::PERMIT_ALL).expect_code(1);
    assert_eq!(ran.error(), "Function not found: nosuch (i64) (line 2, position 9)");
    let ran = case.run("let x = ;", rex_tests::PERMIT_ALL).expect_code(1);
    assert_eq!(ran.error(), "Syntax error: Unexpected ';' (line 1, position 9)");
    let alarms: Vec<_> =
        ran.report["alarms"].as_array().unwrap().iter().map(|alarm| alarm["alarm_type"].as_str().unwrap()).collect();
    assert_eq!(alarms, ["RexRunnerScriptCompilationFailure", "RexRunnerScriptExecutionFailure"]);
}

/// The text of a result, as the language prints it.
#[test]
fn results_as_text() {
    let case = Case::new();
    for (script, text) in [
        ("[1, \"two\", 3.0, true, (), #{\"a\": 1}]", "[1, \"two\", 3.0, true, (), #{\"a\": 1}]"),
        ("\"text\"", "text"),
        ("42", "42"),
        ("1.5", "1.5"),
        ("true", "true"),
        ("'c'", "c"),
        ("()", ""),
        ("let x = 1;", ""),
        ("#{}", "#{}"),
        ("[]", "[]"),
    ] {
        assert_eq!(case.run(script, rex_tests::PERMIT_ALL).expect_code(0).report["output"], text, "{script}");
    }
}
