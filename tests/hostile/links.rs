//! Links: what counts is what was opened, under the path that it really has.

use std::os::unix::fs::symlink;

use rex_tests::Case;
use serde_json::json;

use crate::tools::{CHANGING, LOOKING, SECRET, attempt, denied, operations, permit_in, with_path};

/// A secret outside, and a policy that permits everything in `in`.
fn case() -> (Case, String) {
    let case = Case::new();
    case.dir("in/d");
    case.file("secret/f", SECRET);
    case.file("secret/d/g", SECRET);
    let policy = permit_in(&case, "in");
    (case, policy)
}

#[track_caller]
fn secret_is_untouched(case: &Case) {
    assert_eq!((case.content("secret/f").as_deref(), case.content("secret/d/g").as_deref()), (Some(SECRET), Some(SECRET)));
    let names: Vec<_> = std::fs::read_dir(case.path("secret")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

/// What follows links ends with a denial. What works on the link itself (`rm`, opening without following) may.
#[track_caller]
fn leads_nowhere(case: &Case, policy: &str, path: &str) {
    for (name, script) in
        operations().filter(|(name, _)| !matches!(*name, "rm" | "rm force" | "rm recursive" | "open" | "mkdir" | "open creating"))
    {
        let ran = denied(case, script, path, policy);
        assert_eq!(ran.denials().len(), 1, "{name}: {ran:?}");
    }
    secret_is_untouched(case);
}

// Threat: T-PATH-2
#[test]
fn a_link_to_a_file_outside_is_denied() {
    let (case, policy) = case();
    for target in [
        case.path("secret/f"),
        "../secret/f".to_owned(),
        "d/../../secret/f".to_owned(),
        format!("../../../../../../../../..{}", case.path("secret/f")),
    ] {
        let link = case.path("in/link");
        symlink(&target, &link).unwrap();
        leads_nowhere(&case, &policy, &link);
        std::fs::remove_file(link).unwrap();
    }
}

// Threat: T-PATH-2
#[test]
fn a_link_to_a_directory_outside_is_denied() {
    let (case, policy) = case();
    for target in [
        case.path("secret"),
        "../secret".to_owned(),
        "../secret/".to_owned(),
        "../secret/.".to_owned(),
        "../secret/d/..".to_owned(),
        "/".to_owned(),
    ] {
        let link = case.path("in/link");
        symlink(&target, &link).unwrap();
        leads_nowhere(&case, &policy, &link);
        std::fs::remove_file(link).unwrap();
    }
}

// Threat: T-PATH-2
#[test]
fn a_link_in_the_middle_of_a_path_is_denied() {
    let (case, policy) = case();
    symlink("../secret", case.path("in/link")).unwrap();
    for name in ["f", "d", "d/g"] {
        let path = case.path(&format!("in/link/{name}"));
        for (_, script) in operations() {
            denied(&case, script, &path, &policy);
        }
    }
    for name in ["new", "new/er", "f/new"] {
        for (_, script) in operations() {
            denied(&case, script, &case.path(&format!("in/link/{name}")), &policy);
        }
    }
    secret_is_untouched(&case);
}

// Threat: T-PATH-2
#[test]
fn a_chain_of_links_is_followed_to_its_end() {
    let (case, policy) = case();
    case.file("in/f", "x");
    symlink("b", case.path("in/a")).unwrap();
    symlink(case.path("in/d/c"), case.path("in/b")).unwrap();
    symlink("../e", case.path("in/d/c")).unwrap();
    symlink("f", case.path("in/e")).unwrap();
    assert_eq!(with_path(&case, "cat(p)", &case.path("in/a"), &policy).expect_code(0).result(), "x");
    std::fs::remove_file(case.path("in/e")).unwrap();
    symlink("../secret/f", case.path("in/e")).unwrap();
    leads_nowhere(&case, &policy, &case.path("in/a"));
}

/// What a link leads to through a forbidden place is still what counts.
#[test]
fn a_way_through_a_forbidden_directory_back_into_a_permitted_one_is_no_way_around() {
    let (case, policy) = case();
    let file = case.file("in/f", "x");
    symlink(&file, case.path("secret/back")).unwrap();
    symlink("../secret/back", case.path("in/link")).unwrap();
    let ran = with_path(&case, "cat(p)", &case.path("in/link"), &policy);
    assert!(ran.code == 0 && ran.result() == "x", "{ran:?}");
    // A forbidden object stays forbidden, whichever way it is reached.
    let policy = format!("{policy}\nforbid(principal, action, resource == file_system::File::\"{file}\");");
    denied(&case, "cat(p)", &case.path("in/link"), &policy);
}

#[test]
fn a_loop_of_links_is_an_error() {
    let (case, policy) = case();
    symlink("b", case.path("in/a")).unwrap();
    symlink("a", case.path("in/b")).unwrap();
    symlink("self", case.path("in/self")).unwrap();
    symlink("endless/x", case.path("in/endless")).unwrap();
    for name in ["a", "self", "endless", "a/x", "self/x"] {
        for (operation, kind) in
            attempt(&case, operations().filter(|(name, _)| !name.starts_with("rm")), &case.path(&format!("in/{name}")), &policy)
        {
            assert_ne!(kind, "ok", "{operation} on {name}");
        }
    }
}

// Threat: T-PATH-5
#[test]
fn a_dangling_link_creates_nothing_outside() {
    let (case, policy) = case();
    for target in [
        case.path("secret/new"),
        "../secret/new".to_owned(),
        "../secret/new/".to_owned(),
        "../secret/new/er".to_owned(),
        case.path("elsewhere"),
    ] {
        let link = case.path("in/link");
        symlink(&target, &link).unwrap();
        for (_, script) in CHANGING.iter().filter(|(name, _)| !name.starts_with("rm")) {
            let ran = with_path(&case, script, &link, &policy);
            assert!(matches!(ran.code, 1 | 3) && !ran.stdout.contains(&case.path("secret")), "{script} on {target}: {ran:?}");
        }
        for script in ["write(p, \"x\")", "write([write::replace], p, \"x\")", "touch(p)", "mkdir([mkdir::parents], p)"] {
            denied(&case, script, &link, &policy);
        }
        secret_is_untouched(&case);
        assert!(!case.exists("elsewhere"));
        std::fs::remove_file(link).unwrap();
    }
}

#[test]
fn a_dangling_link_creates_its_target_where_that_is_permitted() {
    let (case, policy) = case();
    symlink("d/new", case.path("in/link")).unwrap();
    with_path(&case, "write(p, \"x\")", &case.path("in/link"), &policy).expect_code(0);
    assert_eq!(case.content("in/d/new").as_deref(), Some("x"));
    assert!(std::fs::symlink_metadata(case.path("in/link")).unwrap().is_symlink());
}

#[test]
fn without_follow_symlinks_a_link_is_not_opened() {
    let (case, policy) = case();
    case.file("in/f", "x");
    symlink("f", case.path("in/to_file")).unwrap();
    symlink("d", case.path("in/to_dir")).unwrap();
    let script = r#"
        let dir = DirConfig().path(p).build().open(OpenDirOptions().build());
        let all = [];
        try { DirConfig().path(p + "/to_dir").build().open(OpenDirOptions().build()); } catch (e) { all.push(e.kind.to_string()); }
        try { dir.open_file("to_file", OpenFileOptions().read(true).build()); } catch (e) { all.push(e.kind.to_string()); }
        try { dir.list_entries()["to_dir"].open_as_dir(OpenDirOptions().build()); } catch (e) { all.push(e.kind.to_string()); }
        all.push(dir.open_file("to_file", OpenFileOptions().read(true).follow_symlinks(true).build()).read());
        all"#;
    let kind = "EntryTypeMismatchError";
    assert_eq!(with_path(&case, script, &case.path("in"), &policy).expect_code(0).result(), &json!([kind, kind, kind, "x"]));
}

#[test]
fn entries_of_a_listing_are_not_followed_out() {
    let (case, policy) = case();
    symlink("../secret", case.path("in/link")).unwrap();
    symlink("../secret/f", case.path("in/file")).unwrap();
    let listed = with_path(&case, "ls([ls::recursive], p).keys()", &case.path("in"), &policy).expect_code(0);
    assert_eq!(listed.result(), &json!(["d", "file", "link"]));
    for script in [
        "ls(p)[\"link\"].open_as_dir(OpenDirOptions().follow_symlinks(true).build())",
        "ls(p)[\"file\"].open_as_file(OpenFileOptions().read(true).follow_symlinks(true).build())",
        "ls(p)[\"file\"].open_as_file(OpenFileOptions().write(true).create(true).follow_symlinks(true).build()).write_in_place(\"x\")",
    ] {
        denied(&case, script, &case.path("in"), &policy);
    }
    secret_is_untouched(&case);
}

#[test]
fn a_link_whose_target_has_a_trailing_slash_is_a_directory_or_nothing() {
    let (case, policy) = case();
    case.file("in/f", "x");
    case.file("in/d/g", "y");
    symlink("f/", case.path("in/to_file")).unwrap();
    symlink("d/", case.path("in/to_dir")).unwrap();
    for (name, kind) in attempt(&case, LOOKING.iter().copied(), &case.path("in/to_file"), &policy) {
        assert_ne!(kind, "ok", "{name}");
    }
    assert_eq!(with_path(&case, "ls(p).keys()", &case.path("in/to_dir"), &policy).expect_code(0).result(), &json!(["g"]));
    symlink("new/", case.path("in/to_new")).unwrap();
    for script in ["touch(p)", "write(p, \"x\")"] {
        let ran = with_path(&case, script, &case.path("in/to_new"), &policy);
        assert!(ran.code == 1 && !case.exists("in/new"), "{script}: {ran:?}");
    }
}

#[test]
fn removing_a_link_leaves_what_it_points_to() {
    for (script, end) in [
        ("rm(p)", ""),
        ("rm([rm::force], p)", ""),
        ("rm([rm::recursive], p)", ""),
        ("rm(p)", "/"),
        ("rm([rm::recursive, rm::force], p)", "/"),
        ("rm([rm::recursive], p)", "/."),
    ] {
        for target in ["d", "d/", "../secret", "../secret/", "../secret/f", "nowhere"] {
            let (case, policy) = case();
            case.file("in/d/g", "y");
            symlink(target, case.path("in/link")).unwrap();
            let ran = with_path(&case, script, &format!("{}{end}", case.path("in/link")), &policy);
            // With a trailing slash it is an error: the link is no directory.
            assert_eq!(case.exists("in/link"), ran.code != 0, "{script}{end} {target}: {ran:?}");
            assert_eq!(ran.code == 0, end.is_empty(), "{script}{end} {target}: {ran:?}");
            assert_eq!(case.content("in/d/g").as_deref(), Some("y"));
            secret_is_untouched(&case);
        }
    }
}

#[test]
fn making_directories_through_a_link_outside_is_denied() {
    let (case, policy) = case();
    symlink("../secret", case.path("in/link")).unwrap();
    for name in ["in/link/new", "in/link/new/er", "in/link/d/new"] {
        for script in [
            "mkdir(p)",
            "mkdir([mkdir::parents], p)",
            "DirConfig().path(p).build().open(OpenDirOptions().create(true).recursive(true).build())",
        ] {
            denied(&case, script, &case.path(name), &policy);
        }
    }
    secret_is_untouched(&case);
}

/// A program that has the other name open, or the other name itself, keeps what it had.
#[test]
fn replacing_a_file_leaves_its_other_names_alone() {
    let (case, policy) = case();
    std::fs::hard_link(case.path("secret/f"), case.path("in/link")).unwrap();
    with_path(&case, "write([write::replace], p, \"new\")", &case.path("in/link"), &policy).expect_code(0);
    assert_eq!(case.content("in/link").as_deref(), Some("new"));
    secret_is_untouched(&case);
    std::fs::remove_file(case.path("in/link")).unwrap();
    std::fs::hard_link(case.path("secret/f"), case.path("in/link")).unwrap();
    let script = "DirConfig().path(p).build().open(OpenDirOptions().build()).open_file(\"link\", OpenFileOptions().write(true).build()).write(\"new\")";
    with_path(&case, script, &case.path("in"), &policy).expect_code(0);
    secret_is_untouched(&case);
    with_path(&case, "rm(p)", &case.path("in/link"), &policy).expect_code(0);
    secret_is_untouched(&case);
}

/// The path that a denial names is the one that the script gave.
// Threat: T-PATH-7
#[test]
fn a_denial_does_not_tell_where_a_link_leads() {
    let (case, policy) = case();
    symlink("../secret/f", case.path("in/link")).unwrap();
    let link = case.path("in/link");
    let ran = denied(&case, "try { cat(p) } catch (e) { info(e); throw e }", &link, &policy);
    assert_eq!(ran.denials()[0]["resource"], format!("file_system::Dir::{:?}", case.path("in")));
    let ran = denied(&case, "mkdir([mkdir::parents], p + \"/a/b\")", &link, &policy);
    assert!(ran.denials()[0]["resource"].as_str().unwrap().contains(&link), "{ran:?}");
}

/// Nor by its reason. The operator finds it in the record.
// Threat: T-PATH-7
#[test]
fn the_reason_of_a_denial_does_not_tell_where_a_link_leads() {
    let case = Case::new();
    let [link, record] = ["in/link", "record"].map(|name| case.path(name));
    case.file("in/mine", "x");
    let forbid = |name: &str| {
        format!("@id(\"hidden-{name}\") forbid(principal, action, resource in file_system::Dir::{:?});", case.dir(name))
    };
    let everything = ["permit(principal, action, resource);".to_owned(), forbid("a"), forbid("b")].concat();
    let mut told = Vec::new();
    for (target, policy, real) in [
        (case.path("a/f"), &everything, "forbidden by hidden-a"),
        (case.path("b/f"), &everything, "forbidden by hidden-b"),
        ("/proc/version".to_owned(), &everything, "no policy that names /proc"),
        (case.path("c/f"), &case.permit(&["open", "read"], &["in"]), "no policy permits it"),
    ] {
        let _ = std::fs::remove_file(&link);
        symlink(&target, &link).unwrap();
        let options = &["--audit-log", &record, "--arg", &format!("p={link}")];
        let ran = case.run_with("try { cat(p) } catch (e) { info(e.to_string()); throw e }", policy, options).expect_code(3);
        assert!(case.content("record").unwrap().contains(real), "{real}");
        told.push((ran.error().to_owned(), ran.denials()[0].clone(), ran.logs().concat()));
    }
    told.dedup_by(|(error, denial, log), (other_error, other, other_log)| {
        error == other_error && denial["reason"] == other["reason"] && log == other_log
    });
    assert_eq!(told.len(), 1, "{told:#?}");

    // Nor where it would be moved to.
    let _ = std::fs::remove_file(&link);
    symlink(case.dir("d"), &link).unwrap();
    let script = format!("mv({:?}, p + \"/f\")", case.path("in/mine"));
    let policy = format!(
        "permit(principal, action, resource); @id(\"not-there\") forbid(principal, action == file_system::Action::\"move\", resource)
         when {{ context.destination.path like \"{}/*\" }};",
        case.path("d")
    );
    let ran = with_path(&case, &script, &link, &policy).expect_code(3);
    assert!(ran.denials()[0]["reason"].as_str().unwrap().contains("where this path leads"), "{ran:?}");
}
