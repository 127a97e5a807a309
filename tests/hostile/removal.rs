//! Removing: all or nothing, and nothing that was not asked for.

use std::os::unix::fs::symlink;

use rex_tests::{Case, command_after, finish};
use serde_json::json;

use crate::tools::{SECRET, denied, permit_in, with_path};

#[test]
fn a_recursive_removal_does_not_follow_links() {
    let case = Case::new();
    case.file("in/top/a/f", "");
    case.file("secret/f", SECRET);
    case.file("secret/d/g", SECRET);
    for (link, target) in [
        ("link", "../../secret"),
        ("a/file", "../../../secret/f"),
        ("slash", "../../secret/d/"),
        ("root", "/"),
        ("up", ".."),
        ("self", "."),
    ] {
        symlink(target, case.path(&format!("in/top/{link}"))).unwrap();
    }
    with_path(&case, "rm([rm::recursive], p)", &case.path("in/top"), &permit_in(&case, "in/top")).expect_code(0);
    assert!(!case.exists("in/top") && case.exists("in"));
    assert_eq!((case.content("secret/f").as_deref(), case.content("secret/d/g").as_deref()), (Some(SECRET), Some(SECRET)));
}

// Threat: T-PATH-8
#[test]
fn one_forbidden_entry_keeps_everything() {
    for kept in ["in/top/z", "in/top/a/b/c", "in/top/a/link", "in/top/empty"] {
        let case = Case::new();
        for name in ["in/top/a/b/c", "in/top/a/f", "in/top/m", "in/top/z"] {
            case.file(name, "x");
        }
        case.dir("in/top/empty");
        symlink("f", case.path("in/top/a/link")).unwrap();
        let kind = if kept.ends_with("empty") { "Dir" } else { "File" };
        let policy = format!(
            "{}\nforbid(principal, action == file_system::Action::\"delete\", resource == file_system::{kind}::\"{}\");",
            permit_in(&case, "in"),
            case.path(kept)
        );
        denied(&case, "rm([rm::recursive, rm::force], p)", &case.path("in/top"), &policy);
        for name in ["in/top/a/b/c", "in/top/a/f", "in/top/m", "in/top/z", "in/top/empty", "in/top/a/link"] {
            assert!(case.exists(name), "{name} is gone, {kept} was kept");
        }
    }
}

/// Each entry is held open until it is removed, and a process may only hold so many.
// Threat: T-PATH-8
#[test]
fn too_many_entries_for_this_process_keep_everything() {
    let case = Case::new();
    for number in 0..300 {
        case.file(&format!("in/top/{number}"), "x");
    }
    let policy = format!(
        "{}\nforbid(principal, action == file_system::Action::\"delete\", resource == file_system::File::\"{}\");",
        permit_in(&case, "in"),
        case.path("in/top/99")
    );
    let (script, policy) = (format!("rm([rm::recursive, rm::force], \"{}\")", case.path("in/top")), case.file("policy", policy));
    let mut limited = command_after("ulimit -n 256", &["--script", &script, "-p", &policy]);
    let ran = finish(limited.spawn().unwrap()).expect_code(1);
    assert!(ran.error().contains("Too many open files"), "{ran:?}");
    assert_eq!(std::fs::read_dir(case.path("in/top")).unwrap().count(), 300);
}

/// What cannot be listed cannot be asked for.
#[test]
fn one_directory_that_cannot_be_read_keeps_everything() {
    for action in ["open", "read"] {
        let case = Case::new();
        case.file("in/top/a/f", "x");
        case.file("in/top/f", "x");
        let policy = format!(
            "{}\nforbid(principal, action == file_system::Action::\"{action}\", resource == file_system::Dir::\"{}\");",
            permit_in(&case, "in"),
            case.path("in/top/a")
        );
        denied(&case, "rm([rm::recursive], p)", &case.path("in/top"), &policy);
        assert!(case.exists("in/top/a/f") && case.exists("in/top/f"));
    }
}

#[test]
fn a_full_directory_is_not_removed_without_recursive() {
    let case = Case::new();
    case.file("in/top/f", "x");
    for script in ["rm(p)", "rm([rm::force], p)"] {
        let ran = with_path(&case, script, &case.path("in/top"), &permit_in(&case, "in")).expect_code(1);
        assert!(ran.error().contains("DirectoryNotEmpty") && case.exists("in/top/f"), "{ran:?}");
    }
}

#[test]
fn force_is_about_what_is_missing_and_not_about_what_is_denied() {
    let case = Case::new();
    case.dir("in");
    case.file("other/f", SECRET);
    let policy = permit_in(&case, "in");
    with_path(&case, "rm([rm::force], p)", &case.path("in/missing"), &policy).expect_code(0);
    for name in ["other/f", "other/missing", "other", "missing/f"] {
        for script in ["rm([rm::force], p)", "rm([rm::force, rm::recursive], p)"] {
            denied(&case, script, &case.path(name), &policy);
        }
    }
    assert!(case.exists("other/f"));
}

/// Each entry keeps a handle open from its decision to its removal.
// Threat: T-RES-8
#[test]
fn a_tree_of_too_many_entries_is_a_limit_and_keeps_everything() {
    let case = Case::new();
    let directory = case.dir("in/top");
    for number in 0..10_001 {
        std::fs::File::create(format!("{directory}/{number}")).unwrap();
    }
    let ran = with_path(&case, "rm([rm::recursive], p)", &directory, &permit_in(&case, "in"));
    // A user with few descriptors comes to their end first.
    assert!(matches!(ran.code, 1 | 4) && ran.report["exit_code"] == ran.code, "{ran:?}");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 10_001);
}

#[test]
fn a_few_thousand_entries_are_removed() {
    let case = Case::new();
    for number in 0..3000 {
        case.file(&format!("in/top/{}/{number}", number % 7), "");
    }
    let ran = with_path(&case, "rm([rm::recursive], p)", &case.path("in/top"), &permit_in(&case, "in"));
    // Where a user may have no more descriptors than that, it must at least be all or nothing.
    if ran.code == 0 {
        assert!(!case.exists("in/top"));
    } else {
        assert!(ran.code == 1 && (0..3000).all(|number| case.exists(&format!("in/top/{}/{number}", number % 7))), "{ran:?}");
    }
}

#[test]
fn making_a_directory_that_exists_is_asked_for_as_well() {
    let case = Case::new();
    let existing = case.dir("in/existing");
    for policy in ["forbid(principal, action, resource);".to_owned(), case.permit(&["create", "read", "delete"], &["in"])] {
        for script in ["mkdir(p)", "mkdir([mkdir::parents], p)"] {
            denied(&case, script, &existing, &policy);
        }
    }
    for script in ["mkdir(p)", "mkdir([mkdir::parents], p)"] {
        with_path(&case, script, &existing, &case.permit(&["open", "create"], &["in"])).expect_code(0);
    }
}

/// The path down to which directories exist is nobody's business.
#[test]
fn making_directories_all_or_nothing() {
    let case = Case::new();
    case.dir("in");
    let policy = format!(
        "{}\nforbid(principal, action == file_system::Action::\"create\", resource == file_system::Dir::\"{}\");",
        permit_in(&case, "in"),
        case.path("in/a/b/c")
    );
    let ran = denied(&case, "mkdir([mkdir::parents], p)", &case.path("in/a/b/c/d"), &policy);
    assert!(!case.exists("in/a"), "{ran:?}");
    let ran = denied(
        &case,
        "DirConfig().path(p).build().open(OpenDirOptions().create(true).recursive(true).build())",
        &case.path("in/a/b/c/d"),
        &policy,
    );
    assert!(!case.exists("in/a"), "{ran:?}");
}

#[test]
fn directories_are_made_one_at_a_time_without_parents() {
    let case = Case::new();
    case.dir("in");
    for script in ["mkdir(p)", "DirConfig().path(p).build().open(OpenDirOptions().create(true).build())"] {
        let ran = with_path(&case, script, &case.path("in/a/b"), &permit_in(&case, "in")).expect_code(1);
        assert!(ran.error().contains("NotFound") && !case.exists("in/a"), "{ran:?}");
    }
    let listed =
        with_path(&case, "mkdir([mkdir::p], p + \"/a/b\"); ls([ls::R], p).keys()", &case.path("in"), &permit_in(&case, "in"));
    assert_eq!(listed.expect_code(0).result(), &json!(["a", "a/b"]));
}
