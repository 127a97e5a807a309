//! A denial is the same whether the thing exists or not.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use rex_tests::Case;
use serde_json::json;

use crate::tools::{comparable, fifo, operations, with_path};

/// What puts a thing at a path.
type Put = fn(&Case, &str);

/// Things that may be at a path.
const THINGS: &[(&str, Put)] = &[
    ("a file", |case, name| {
        case.file(name, "x");
    }),
    ("a directory", |case, name| {
        case.dir(name);
    }),
    ("a full directory", |case, name| {
        case.file(&format!("{name}/f"), "x");
    }),
    ("a FIFO", |case, name| fifo(&case.path(name))),
    ("a dangling link", |case, name| symlink("nothing", case.path(name)).unwrap()),
    ("a link to a file", |case, name| {
        case.file("secret/target", "x");
        symlink("target", case.path(name)).unwrap();
    }),
    ("a loop", |case, name| symlink(OsStr::new(name.rsplit('/').next().unwrap()), case.path(name)).unwrap()),
    ("a link that is not UTF-8", |case, name| symlink(OsStr::from_bytes(b"\xff"), case.path(name)).unwrap()),
    ("a link to a magic link", |case, name| symlink("/proc/self/exe", case.path(name)).unwrap()),
];

/// The report on all operations must be the same for something that is there and for something that is not, but for the name. `below` is
/// added to both paths.
#[track_caller]
fn reports_are_the_same(policy: fn(&Case) -> String, below: &str, things: impl Fn(&str) -> bool) {
    let tries =
        operations().map(|(_, script)| format!("try {{ {script}; all.push(\"worked\"); }} catch (e) {{ all.push(e); }}\n"));
    let script = format!("let all = [];\n{}all", tries.collect::<String>());
    for (thing, make) in THINGS.iter().filter(|(thing, _)| things(thing)) {
        let case = Case::new();
        case.dir("secret");
        make(&case, "secret/there");
        let policy = policy(&case);
        let report = |name: &str| {
            let arguments = json!({ "p": case.path(&format!("secret/{name}{below}")) }).to_string();
            let ran = case.run_with(&script, &policy, &["--max-output", "1MiB", "--args-json", &arguments]).expect_code(0);
            comparable(&ran).to_string().replace(name, "NAME")
        };
        let (there, other) = (report("there"), report("other"));
        // Side by side, for the eye to find the difference.
        assert_eq!(parts(&there), parts(&other), "{thing}{below}");
        assert!(
            !there.contains("worked") && there.matches("unauthorized").count() >= operations().count(),
            "{thing}{below}: {there}"
        );
    }
}

fn parts(report: &str) -> Vec<&str> {
    report.split("},{").collect()
}

fn nothing(case: &Case) -> String {
    format!("permit(principal, action, resource in file_system::Dir::\"{}\");", case.path("in"))
}

/// The directory itself may be opened, but nothing in it.
fn the_parent_alone(case: &Case) -> String {
    format!(
        "permit(principal, action == file_system::Action::\"open\", resource == file_system::Dir::\"{}\");",
        case.path("secret")
    )
}

// Threat: T-PATH-7
#[test]
fn a_denial_does_not_tell_whether_a_thing_exists() {
    reports_are_the_same(nothing, "", |_| true);
}

// Threat: T-PATH-7
#[test]
fn nor_does_it_where_the_directory_may_be_opened() {
    // A link out of the directory is authorised where it leads, and that directory may not be opened.
    reports_are_the_same(the_parent_alone, "", |thing| thing != "a link to a magic link");
}

#[test]
fn a_denial_does_not_tell_whether_a_directory_above_exists() {
    reports_are_the_same(nothing, "/below/it", |_| true);
}

// Threat: T-PATH-7
#[test]
fn nor_does_it_where_the_directory_two_above_may_be_opened() {
    reports_are_the_same(the_parent_alone, "/below", |thing| thing != "a link to a magic link");
}

#[test]
fn a_trailing_slash_does_not_tell_either() {
    reports_are_the_same(nothing, "/", |_| true);
}

/// Handles take names, and a directory that may be opened does not tell which of them are there.
#[test]
fn names_in_an_open_directory_are_not_told() {
    for (thing, make) in THINGS {
        let case = Case::new();
        case.dir("secret");
        make(&case, "secret/there");
        let policy = the_parent_alone(&case);
        for options in [
            "read(true)",
            "write(true)",
            "create(true)",
            "read(true).follow_symlinks(true)",
            "create(true).follow_symlinks(true)",
        ] {
            let report = |name: &str| {
                let script = format!(
                    "DirConfig().path(p).build().open(OpenDirOptions().build()).open_file(\"{name}\", OpenFileOptions().{options}.build())"
                );
                comparable(&with_path(&case, &script, &case.path("secret"), &policy).expect_code(3))
                    .to_string()
                    .replace(name, "NAME")
            };
            assert_eq!(report("there"), report("other"), "{thing} with {options}");
        }
    }
}

/// Whoever may open a thing may know whether it is there.
#[test]
fn those_who_may_open_a_thing_are_told_that_it_is_missing() {
    let case = Case::new();
    case.dir("in");
    let ran = with_path(&case, "cat(p)", &case.path("in/other"), &case.permit(&["open"], &["in"])).expect_code(1);
    assert!(ran.error().contains("NotFound"), "{ran:?}");
}
