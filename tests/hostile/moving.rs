//! Two ends, two decisions: what is moved, copied or linked may not escape the statements about either.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use rex_tests::Case;
use serde_json::json;

use crate::tools::{SECRET, permit_in};

/// A secret outside, and a policy that permits everything in `in`.
fn case() -> (Case, String) {
    let case = Case::new();
    case.file("in/f", "public");
    case.file("in/d/g", "below");
    case.file("secret/f", SECRET);
    let policy = permit_in(&case, "in");
    (case, policy)
}

fn run(case: &Case, script: &str, policy: &str) -> rex_tests::Ran {
    let arguments = json!({ "p": case.path("in"), "s": case.path("secret") }).to_string();
    case.run_with(script, policy, &["--args-json", &arguments])
}

#[track_caller]
fn denied(case: &Case, script: &str, policy: &str) {
    let ran = run(case, script, policy).expect_code(3);
    assert!(!ran.stdout.contains(SECRET), "{script}: {ran:?}");
    assert_eq!(case.content("secret/f").as_deref(), Some(SECRET), "{script}");
    assert_eq!(case.content("in/f").as_deref(), Some("public"), "{script}");
    assert_eq!(std::fs::read_dir(case.path("secret")).unwrap().count(), 1, "{script}");
    assert!(
        std::fs::read_dir(case.path("in")).unwrap().all(|entry| !entry
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .starts_with(".rex-"))
    );
}

/// The peer asks for `create` alone.
// Threat: T-PATH-11
#[test]
fn moving_does_not_overwrite_what_may_not_be_written_or_deleted() {
    for action in ["write", "delete", "create"] {
        let (case, policy) = case();
        case.file("in/target", "kept");
        let forbid = format!(
            "forbid(principal, action == file_system::Action::\"{action}\", resource == file_system::File::\"{}\");",
            case.path("in/target")
        );
        denied(&case, "mv(p + \"/f\", p + \"/target\")", &format!("{policy}\n{forbid}"));
        assert_eq!(case.content("in/target").as_deref(), Some("kept"), "{action}");
    }
}

#[test]
fn nothing_moves_or_is_copied_or_linked_in_or_out() {
    for script in [
        "mv(s + \"/f\", p + \"/stolen\")",
        "mv(p + \"/f\", s + \"/planted\")",
        "mv(p + \"/f\", s + \"/f\")",
        "mv([mv::backup], p + \"/f\", s + \"/f\")",
        "mv(s, p + \"/stolen\")",
        "mv(p + \"/d\", s + \"/planted\")",
        "cp(s + \"/f\", p + \"/stolen\")",
        "cp(p + \"/f\", s + \"/planted\")",
        "cp([cp::force], p + \"/f\", s + \"/f\")",
        "ln(s + \"/f\", p + \"/stolen\")",
        "ln(p + \"/f\", s + \"/planted\")",
        "ln([ln::symbolic], \"f\", s + \"/planted\")",
        "ln([ln::symbolic, ln::force], \"f\", s + \"/f\")",
        "readlink(s + \"/f\")",
    ] {
        let (case, policy) = case();
        denied(&case, script, &policy);
        assert!(!case.exists("in/stolen"), "{script}");
    }
}

/// Under another name other statements hold: the secret would be readable there.
// Threat: T-PATH-11
#[test]
fn a_file_that_may_not_be_read_does_not_become_readable_by_another_name() {
    for script in ["mv(p + \"/d/g\", p + \"/open\")", "ln(p + \"/d/g\", p + \"/open\")", "mv(p + \"/d\", p + \"/open\")"] {
        let (case, policy) = case();
        let forbid = format!(
            "forbid(principal, action, resource == file_system::File::\"{}\");
             forbid(principal, action == file_system::Action::\"move\", resource == file_system::File::\"{0}\");",
            case.path("in/d/g")
        );
        denied(&case, script, &format!("{policy}\n{forbid}"));
        assert!(case.exists("in/d/g") && !case.exists("in/open"), "{script}");
    }
}

#[test]
fn the_policy_sees_where_something_moves() {
    let (case, policy) = case();
    let forbid = format!(
        "forbid(principal, action == file_system::Action::\"move\", resource)
           unless {{ context.destination.parent_path == \"{0}\" && context.destination.name like \"*.old\" && context.destination.path like \"{0}/*\" }};",
        case.path("in")
    );
    let policy = format!("{policy}\n{forbid}");
    denied(&case, "mv(p + \"/f\", p + \"/f.new\")", &policy);
    denied(&case, "mv(p + \"/f\", p + \"/d/f.old\")", &policy);
    run(&case, "mv(p + \"/f\", p + \"/f.old\")", &policy).expect_code(0);
    assert_eq!(case.content("in/f.old").as_deref(), Some("public"));
}

/// Each entry has its decision at both ends before anything moves.
// Threat: T-PATH-11
#[test]
fn moving_a_directory_is_asked_for_each_entry() {
    let (case, policy) = case();
    for forbid in [
        format!(
            "forbid(principal, action == file_system::Action::\"move\", resource == file_system::File::\"{}\");",
            case.path("in/d/g")
        ),
        format!(
            "forbid(principal, action == file_system::Action::\"create\", resource == file_system::File::\"{}\");",
            case.path("in/new/g")
        ),
    ] {
        denied(&case, "mv(p + \"/d\", p + \"/new\")", &format!("{policy}\n{forbid}"));
        assert!(case.exists("in/d/g") && !case.exists("in/new"));
    }
}

/// What cannot be looked at is not passed over: a path that is too long for the kernel, or a directory that was closed before.
// Threat: T-PATH-11
#[test]
fn entries_that_cannot_be_looked_at_do_not_move_unasked() {
    let (case, policy) = case();
    let forbid = format!(
        "forbid(principal, action in [file_system::Action::\"create\", file_system::Action::\"write\", file_system::Action::\"move\"],
           resource in file_system::Dir::\"{}\");",
        case.path("in/pub/conf/d")
    );
    let script = "let l = p + \"/deep\"; let s = \"\"; s.pad(250, 'x');
        while l.len() + 251 < 4080 { l += \"/\" + s }
        let y = \"\"; y.pad(4090 - l.len() - 1, 'y'); l += \"/\" + y;
        mkdir([mkdir::p], l); mkdir([mkdir::p], p + \"/src/conf/d\"); write(p + \"/src/conf/d/evil\", \"evil\");
        mv(p + \"/src\", l + \"/src\"); mv(l + \"/src\", p + \"/pub\")";
    let ran = run(&case, script, &format!("{policy}\n{forbid}"));
    assert!(ran.code == 1 && ran.error().starts_with("IoErrorKind: InvalidPath") && !case.exists("in/pub"), "{ran:?}");
    // The superuser can look at it, and is denied.
    let forbid = format!(
        "forbid(principal, action in [file_system::Action::\"read\", file_system::Action::\"move\"], resource == file_system::File::\"{}\");",
        case.path("in/a/secret")
    );
    case.file("in/a/secret", SECRET);
    let script = "chmod(0o600, p + \"/a\"); mv(p + \"/a\", p + \"/b\"); chmod(0o700, p + \"/b\"); cat(p + \"/b/secret\")";
    let ran = run(&case, script, &format!("{policy}\n{forbid}"));
    assert!(matches!(ran.code, 1 | 3) && !ran.stdout.contains(SECRET), "{ran:?}");
    std::fs::set_permissions(case.path("in/a"), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(case.exists("in/a/secret"));
}

/// A file that is held open is where it is by now, not where it was opened.
// Threat: T-PATH-11
#[test]
fn a_handle_does_not_take_its_rights_along() {
    let case = Case::new();
    for name in ["in/f", "in/d/g"] {
        case.file(name, "as it was");
    }
    case.dir("live");
    let policy = format!("{}\n{}", permit_in(&case, "in"), case.permit(&["open", "create"], &["live"]));
    let arguments = json!({ "p": case.path("in"), "l": case.path("live") }).to_string();
    let opened = "let of = |d| DirConfig().path(d).build().open(OpenDirOptions().build());
        let all = OpenFileOptions().read(true).write(true).build();
        let f = of.call(p).open_file(\"f\", all); let d = of.call(p + \"/d\"); let g = d.open_file(\"g\", all);";
    let run = |script: &str| case.run_with(&format!("{opened}{script}"), &policy, &["--args-json", &arguments]);
    // Where everything is permitted, it is moved as one likes.
    run("mv(p + \"/f\", p + \"/e\"); f.write_in_place(\"there\"); f.write(\"as it was\"); mv(p + \"/e\", p + \"/f\"); f.read()")
        .expect_code(0);
    assert_eq!(case.content("in/f").as_deref(), Some("as it was"));
    for (there, back, script) in [
        ("f", "f", "f.write_in_place(\"changed\")"),
        ("f", "f", "f.write(\"changed\")"),
        ("f", "f", "f.chmod(0o666)"),
        ("f", "f", "f.read()"),
        ("f", "f", "f.delete(DeleteFileOptions().build())"),
        ("d", "d/g", "g.write_in_place(\"changed\")"),
        ("d", "d/g", "d.list_entries()"),
    ] {
        let ran = run(&format!("mv(p + \"/{there}\", l + \"/{there}\"); {script}")).expect_code(3);
        assert!(ran.denials()[0]["resource"].as_str().is_some(), "{ran:?}");
        assert_eq!(case.content(&format!("live/{back}")).as_deref(), Some("as it was"), "{script}");
        std::fs::rename(case.path(&format!("live/{there}")), case.path(&format!("in/{there}"))).unwrap();
    }
}

/// What a copy keeps of its source takes the place of what was there.
// Threat: T-PATH-12
#[test]
fn a_copy_changes_no_rights_that_may_not_be_changed() {
    let (case, policy) = case();
    let target = case.file("in/target", "kept");
    let mode = |mode| std::fs::set_permissions(&target, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::set_permissions(case.path("in/f"), std::fs::Permissions::from_mode(0o666)).unwrap();
    mode(0o600);
    let forbid = "forbid(principal, action in [file_system::Action::\"chmod\", file_system::Action::\"chown\"], resource);";
    let policy = format!("{policy}\n{forbid}");
    let script = "cp([cp::force, cp::preserve], p + \"/f\", p + \"/target\")";
    denied(&case, script, &policy);
    let metadata = std::fs::metadata(&target).unwrap();
    assert_eq!((case.content("in/target").as_deref(), metadata.mode() & 0o777), (Some("kept"), 0o600));
    mode(0o666);
    run(&case, script, &policy).expect_code(0);
    assert_eq!(case.content("in/target").as_deref(), Some("public"));
}

#[test]
fn a_link_that_a_script_makes_opens_no_door() {
    let (case, policy) = case();
    for target in ["../secret/f", "../secret", "/proc/self/root"] {
        let script = format!("ln([ln::symbolic, ln::force], {target:?}, p + \"/link\"); ");
        for use_it in [
            "cat(p + \"/link\")",
            "ls(p + \"/link\")",
            "cat(p + \"/link/f\")",
            "write(p + \"/link/f\", \"x\")",
            "cp(p + \"/link\", p + \"/stolen\")",
        ] {
            denied(&case, &format!("{script}{use_it}"), &policy);
        }
    }
}

#[test]
fn copying_through_a_dangling_link_creates_nothing_outside() {
    let (case, policy) = case();
    symlink("../secret/new", case.path("in/link")).unwrap();
    denied(&case, "cp(p + \"/f\", p + \"/link\")", &policy);
}

/// A link is moved and replaced itself, never what it points to.
#[test]
fn moving_a_link_moves_the_link() {
    let (case, policy) = case();
    symlink("../secret/f", case.path("in/link")).unwrap();
    run(&case, "mv(p + \"/link\", p + \"/moved\"); mv(p + \"/f\", p + \"/moved\")", &policy).expect_code(0);
    assert_eq!((case.content("in/moved").as_deref(), case.content("secret/f").as_deref()), (Some("public"), Some(SECRET)));
    assert!(!std::fs::symlink_metadata(case.path("in/moved")).unwrap().is_symlink());
}

/// The peer copies files of /proc as empty ones.
#[test]
fn a_copy_of_a_file_of_proc_has_its_content() {
    let (case, _) = case();
    let policy = format!("{}\npermit(principal, action, resource in file_system::Dir::\"/proc\");", permit_in(&case, "in"));
    run(&case, "cp(\"/proc/version\", p + \"/version\")", &policy).expect_code(0);
    assert_eq!(case.content("in/version"), Some(std::fs::read_to_string("/proc/version").unwrap()));
}

#[test]
fn copying_a_file_onto_itself_keeps_it() {
    let (case, policy) = case();
    std::fs::hard_link(case.path("in/f"), case.path("in/same")).unwrap();
    for target in ["f", "same"] {
        let ran = run(&case, &format!("cp([cp::force], p + \"/f\", p + \"/{target}\")"), &policy).expect_code(1);
        assert!(ran.error().contains("same file"), "{ran:?}");
        assert_eq!(case.content("in/f").as_deref(), Some("public"));
    }
}

#[test]
fn what_is_no_file_is_not_copied() {
    let (case, policy) = case();
    crate::tools::fifo(&case.path("in/fifo"));
    for source in ["d", "fifo"] {
        run(&case, &format!("cp(p + \"/{source}\", p + \"/new\")"), &policy).expect_code(1);
        run(&case, &format!("cp([cp::force], p + \"/f\", p + \"/{source}\")"), &policy).expect_code(1);
        assert!(!case.exists("in/new"));
    }
}

/// A set-user-id program that anybody may write would be a way to become its owner.
// Threat: T-PATH-12
#[test]
fn no_operation_gives_a_file_powers() {
    let (case, policy) = case();
    let source = case.path("in/f");
    for mode in ["0o4755", "0o2755", "0o1777", "0o10000", "-1"] {
        let ran = run(&case, &format!("chmod({mode}, p + \"/f\")"), &policy).expect_code(1);
        assert!(ran.error().contains("0o777"), "{ran:?}");
    }
    std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o4755)).unwrap();
    run(&case, "cp([cp::preserve], p + \"/f\", p + \"/copy\"); chmod(0o700, p + \"/f\")", &policy).expect_code(0);
    for (name, mode) in [("copy", 0o755), ("f", 0o700)] {
        assert_eq!(std::fs::metadata(case.path(&format!("in/{name}"))).unwrap().mode() & 0o7777, mode, "{name}");
    }
}

/// What is denied in the middle leaves everything as it was.
#[test]
fn a_denied_copy_leaves_the_old_content() {
    let (case, policy) = case();
    case.file("in/target", "kept");
    let forbid = "forbid(principal, action == file_system::Action::\"read\", resource);";
    denied(&case, "cp([cp::force], p + \"/f\", p + \"/target\")", &format!("{policy}\n{forbid}"));
    assert_eq!(case.content("in/target").as_deref(), Some("kept"));
}

#[test]
fn a_directory_does_not_move_into_itself() {
    let (case, policy) = case();
    run(&case, "mv(p + \"/d\", p + \"/d/below\")", &policy).expect_code(1);
    assert_eq!(case.content("in/d/g").as_deref(), Some("below"));
}

#[test]
fn changing_all_below_leaves_links_alone() {
    let (case, policy) = case();
    symlink("../../secret/f", case.path("in/d/link")).unwrap();
    let before = std::fs::metadata(case.path("secret/f")).unwrap().mode();
    run(&case, "chmod([chmod::recursive], 0o700, p + \"/d\")", &policy).expect_code(0);
    assert_eq!(std::fs::metadata(case.path("secret/f")).unwrap().mode(), before);
    assert_eq!(std::fs::metadata(case.path("in/d/g")).unwrap().mode() & 0o7777, 0o700);
}

/// What is skipped is said.
#[test]
fn a_recursive_change_says_what_it_skipped() {
    let (case, policy) = case();
    let forbid = format!(
        "forbid(principal, action == file_system::Action::\"chmod\", resource == file_system::File::\"{}\");",
        case.path("in/d/g")
    );
    let before = std::fs::metadata(case.path("in/d/g")).unwrap().mode();
    let ran = run(&case, "chmod([chmod::recursive], 0o700, p + \"/d\")", &format!("{policy}\n{forbid}")).expect_code(0);
    assert!(ran.logs().iter().any(|line| line.contains("skipped") && line.contains("in/d/g")), "{ran:?}");
    assert_eq!(ran.denials().len(), 1);
    assert_eq!(std::fs::metadata(case.path("in/d/g")).unwrap().mode(), before);
}
