//! Somebody else changes the tree while a script works in it.

use std::os::unix::fs::{MetadataExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rex_tests::{Case, command, eventually, finish};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use crate::tools::{SECRET, permit_in};

/// Exchanges that every race has.
const EXCHANGES: u64 = 10_000;

/// Runs a script while two names are exchanged all the time. It goes on until there is a file `enough`, which is made when they were
/// exchanged as often as every race has it.
fn swapping(case: &Case, script: &str, one: &str, other: &str, policy: &str) -> rex_tests::Ran {
    let (over, mut swaps) = (AtomicBool::new(false), 0);
    let (one, other) = (case.path(one), case.path(other));
    let ran = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // What was there may be gone for a moment: the script removes and replaces.
                if renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).is_ok() {
                    swaps += 1;
                    if swaps == EXCHANGES {
                        case.file("in/enough", "");
                    }
                }
            }
        });
        let ran =
            case.run_with(script, policy, &["--timeout", "50s", "--args-json", &json!({ "base": case.path("in") }).to_string()]);
        over.store(true, Ordering::Relaxed);
        ran.expect_code(0)
    });
    assert!(swaps >= EXCHANGES, "the race took place: {swaps} exchanges, {ran:?}");
    ran
}

/// A directory that is exchanged with a link to a secret one, and a file with a link to a secret file.
fn case() -> (Case, String) {
    let case = Case::new();
    case.file("in/d/f", "public");
    case.file("in/file", "public");
    case.file("in/source", "public");
    case.file("secret/f", SECRET);
    symlink("../secret", case.path("in/link")).unwrap();
    symlink("../secret/f", case.path("in/file_link")).unwrap();
    let policy = permit_in(&case, "in");
    (case, policy)
}

#[track_caller]
fn secret_is_untouched(case: &Case) {
    assert_eq!(case.content("secret/f").as_deref(), Some(SECRET));
    let metadata = std::fs::metadata(case.path("secret/f")).unwrap();
    assert_eq!((metadata.mode() & 0o111, metadata.nlink()), (0, 1));
    let names: Vec<_> = std::fs::read_dir(case.path("secret")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["f"]);
}

/// Does something so many times, and again until the names were exchanged often enough.
fn rounds(times: u32, body: &str) -> String {
    format!(
        "for n in 0..1000000000 {{
             {body}
             if n >= {times} && n % 16 == 0 {{ try {{ stat(base + \"/enough\"); break; }} catch {{}} }}
         }}"
    )
}

/// Counts what an operation gave, by result or kind of error.
fn counting(times: u32, operation: &str) -> String {
    let body = format!(
        "let what = \"\";
         try {{ what = {operation}; if type_of(what) != \"string\" {{ what = \"done\"; }} }} catch (e) {{ what = e.kind.to_string(); }}
         seen[what] = if what in seen {{ seen[what] + 1 }} else {{ 1 }};"
    );
    format!("let seen = #{{}}; {} seen", rounds(times, &body))
}

// Threat: T-PATH-3
#[test]
fn a_directory_that_becomes_a_link_while_it_is_read_through_gives_no_secret() {
    let (case, policy) = case();
    let ran = swapping(&case, &counting(4000, "cat(base + \"/d/f\")"), "in/d", "in/link", &policy);
    assert!(!ran.stdout.contains(SECRET) && !ran.stdout.contains(&case.path("secret")), "{ran:?}");
    assert!(ran.result()["public"].as_u64().unwrap() > 0, "{}", ran.result());
}

// Threat: T-PATH-3
#[test]
fn a_file_that_becomes_a_link_while_it_is_read_gives_no_secret() {
    for operation in ["cat(base + \"/file\")", "tail(base + \"/file\")[0]", "grep(\"\", base + \"/file\")[0]"] {
        let (case, policy) = case();
        let ran = swapping(&case, &counting(1500, operation), "in/file", "in/file_link", &policy);
        assert!(!ran.stdout.contains(SECRET), "{ran:?}");
    }
}

#[test]
fn a_listing_of_a_directory_that_becomes_a_link_shows_no_secret() {
    let (case, policy) = case();
    case.file("secret/hidden_name", "");
    let ran = swapping(&case, &counting(1500, "ls(base + \"/d\").keys()[0]"), "in/d", "in/link", &policy);
    assert!(!ran.stdout.contains("hidden_name"), "{ran:?}");
}

// Threat: T-PATH-3
#[test]
fn writing_through_what_becomes_a_link_never_reaches_the_secret() {
    for (operation, one, other) in [
        ("write(base + \"/d/f\", \"x\")", "in/d", "in/link"),
        ("write([write::replace], base + \"/d/f\", \"x\")", "in/d", "in/link"),
        ("write(base + \"/file\", \"x\")", "in/file", "in/file_link"),
        ("write([write::replace], base + \"/file\", \"x\")", "in/file", "in/file_link"),
        ("write(base + `/d/new${n}`, \"x\")", "in/d", "in/link"),
        ("touch(base + `/d/new${n}`)", "in/d", "in/link"),
        ("cp([cp::force], base + \"/source\", base + \"/d/f\")", "in/d", "in/link"),
        ("cp([cp::force], base + \"/source\", base + \"/file\")", "in/file", "in/file_link"),
        ("cp(base + \"/source\", base + `/d/new${n}`)", "in/d", "in/link"),
        ("mv(base + `/d/f`, base + `/out${n}`)", "in/d", "in/link"),
        ("ln(base + \"/source\", base + `/d/new${n}`)", "in/d", "in/link"),
        ("ln([ln::symbolic], \"x\", base + `/d/new${n}`)", "in/d", "in/link"),
        ("chmod(0o777, base + \"/d/f\")", "in/d", "in/link"),
        ("chmod(0o777, base + \"/file\")", "in/file", "in/file_link"),
        ("mkdir(base + `/d/new${n}`)", "in/d", "in/link"),
        ("mkdir([mkdir::parents], base + `/d/new${n}/er`)", "in/d", "in/link"),
    ] {
        let (case, policy) = case();
        let ran = swapping(&case, &counting(400, operation), one, other, &policy);
        assert!(!ran.stdout.contains(&case.path("secret")), "{operation}: {ran:?}");
        secret_is_untouched(&case);
    }
}

// Threat: T-PATH-3
#[test]
fn removing_what_becomes_a_link_never_removes_the_secret() {
    for (setup, operation) in [
        ("write(base + \"/d/f\", \"x\")", "rm(base + \"/d/f\")"),
        ("write(base + \"/d/f\", \"x\")", "rm([rm::force], base + \"/d/f\")"),
        ("mkdir([mkdir::parents], base + \"/d/x\"); write(base + \"/d/x/f\", \"\")", "rm([rm::recursive], base + \"/d/x\")"),
    ] {
        let (case, policy) = case();
        case.file("secret/x/f", SECRET);
        let body = format!("try {{ {setup} }} catch {{}} try {{ {operation} }} catch {{}}");
        swapping(&case, &rounds(400, &body), "in/d", "in/link", &policy);
        assert_eq!((case.content("secret/f").as_deref(), case.content("secret/x/f").as_deref()), (Some(SECRET), Some(SECRET)));
    }
}

/// Exchanges what a recursive removal has asked for with something that it has not.
#[test]
fn a_recursive_removal_does_not_follow_a_directory_that_becomes_a_link() {
    let (case, policy) = case();
    for number in 0..20 {
        case.file(&format!("secret/{number}"), SECRET);
    }
    let body = r#"
        try {
            mkdir([mkdir::parents], base + "/top/d");
            ln([ln::symbolic], "../../secret", base + "/top/link");
            for n in 0..20 { touch(base + `/top/d/${n}`); }
        } catch {}
        try { rm([rm::recursive], base + "/top") } catch {}"#;
    swapping(&case, &rounds(50, body), "in/top/d", "in/top/link", &policy);
    for number in 0..20 {
        assert_eq!(case.content(&format!("secret/{number}")).as_deref(), Some(SECRET));
    }
}

/// An open directory is authorised under the path that it has when it is used, not the one it was opened under.
#[test]
fn an_open_directory_that_is_moved_away_is_no_door() {
    let (case, policy) = case();
    case.dir("out");
    let policy_file = case.file("policy", policy);
    let script = r#"
        let dir = DirConfig().path(base + "/d").build().open(OpenDirOptions().build());
        touch(base + "/opened");
        loop { try { cat(base + "/moved"); break; } catch { sleep(0.005); } }
        let all = [];
        try { all.push(dir.open_file("f", OpenFileOptions().read(true).build()).read()); } catch (e) { all.push(e.kind.to_string()); }
        try { all.push(dir.open_file("new", OpenFileOptions().write(true).create(true).build()).write("x")); } catch (e) { all.push(e.kind.to_string()); }
        all"#;
    let arguments = json!({ "base": case.path("in") }).to_string();
    let child = command(&["--script", script, "-p", &policy_file, "--args-json", &arguments]).spawn().unwrap();
    eventually("the directory is open", || case.exists("in/opened"));
    std::fs::rename(case.path("in/d"), case.path("out/d")).unwrap();
    case.file("out/d/f", SECRET);
    case.file("in/moved", "");
    let ran = finish(child).expect_code(0);
    assert_eq!(ran.result(), &json!(["PermissionDenied", "PermissionDenied"]));
    assert!(!case.exists("out/d/new") && !ran.stdout.contains(&case.path("out")), "{ran:?}");
}

/// What was opened is what is read and written, whatever its name stands for by then.
#[test]
fn an_open_file_stays_the_file_that_was_opened() {
    let (case, policy) = case();
    let policy_file = case.file("policy", policy);
    let script = r#"
        let options = OpenFileOptions().read(true).write(true).build();
        let file = DirConfig().path(base).build().open(OpenDirOptions().build()).open_file("file", options);
        touch(base + "/opened");
        loop { try { cat(base + "/moved"); break; } catch { sleep(0.005); } }
        let text = file.read();
        file.write("x");
        text"#;
    let arguments = json!({ "base": case.path("in") }).to_string();
    let child = command(&["--script", script, "-p", &policy_file, "--args-json", &arguments]).spawn().unwrap();
    eventually("the file is open", || case.exists("in/opened"));
    std::fs::rename(case.path("in/file"), case.path("in/renamed")).unwrap();
    std::fs::rename(case.path("in/file_link"), case.path("in/file")).unwrap();
    case.file("in/moved", "");
    let ran = finish(child).expect_code(0);
    assert_eq!(ran.result(), "public");
    secret_is_untouched(&case);
    assert_eq!(case.content("in/renamed").as_deref(), Some("x"));
}
