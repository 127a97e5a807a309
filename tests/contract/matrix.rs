//! Every function of the contract asks for what it must, and does nothing without it.
//!
//! The list of functions comes from `wit/`: a new one without a row here fails the build.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::time::SystemTime;

use rex_tests::{Case, root, traced};
use serde_json::{Value, json};
use wit_parser::Resolve;

/// One use of a function.
struct Row {
    /// `interface/function`, as the contract names it.
    function: &'static str,
    /// Gives `true` once it has worked. `p` is a directory with the file `f`, the link `l` to it, the same compressed as `z` and in an archive as `a`, and
    /// the directory `d`, which has the file `g`. `me` is the number of their owner.
    script: &'static str,
    /// What it asks for, all of it.
    actions: &'static [&'static str],
    /// Whether it changes something.
    changes: bool,
}

const fn looks(function: &'static str, script: &'static str, actions: &'static [&'static str]) -> Row {
    Row { function, script, actions, changes: false }
}

const fn changes(function: &'static str, script: &'static str, actions: &'static [&'static str]) -> Row {
    Row { function, script, actions, changes: true }
}

/// With the directory open as `d`.
macro_rules! dir {
    ($rest:literal) => {
        concat!("let d = DirConfig().path(p).build().open(OpenDirOptions().build()); ", $rest)
    };
}

/// With the file open as `f`, for everything.
macro_rules! file {
    ($rest:literal) => {
        concat!(
            "let d = DirConfig().path(p).build().open(OpenDirOptions().build()); ",
            "let f = d.open_file(\"f\", OpenFileOptions().read(true).write(true).build()); ",
            $rest
        )
    };
}

/// With the file open as `f` and a compressed one as `z`.
macro_rules! gzip {
    ($rest:literal) => {
        concat!(
            "let d = DirConfig().path(p).build().open(OpenDirOptions().build()); ",
            "let f = d.open_file(\"f\", OpenFileOptions().read(true).build()); ",
            "let z = d.open_file(\"z\", OpenFileOptions().read(true).write(true).build()); ",
            $rest
        )
    };
}

mod composed;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod faults;

/// Every function of the contract, and what scripts make of them.
fn rows() -> impl Iterator<Item = &'static Row> {
    MATRIX.iter().chain(composed::COMPOSED)
}

const MATRIX: &[Row] = &[
    looks("log/write", "info(1); true", &[]),
    looks("clock/elapsed", "timestamp().elapsed >= 0.0", &[]),
    looks("clock/now", "now().year > 2000", &[]),
    looks("clock/sleep", "sleep(0.001); true", &[]),
    looks("file-system/[static]dir.open", dir!("true"), &["open"]),
    changes(
        "file-system/[static]dir.open",
        "DirConfig().path(p + \"/new\").build().open(OpenDirOptions().create(true).build()); true",
        &["open", "create"],
    ),
    changes(
        "file-system/[static]dir.open",
        "DirConfig().path(p + \"/new/er\").build().open(OpenDirOptions().create(true).recursive(true).build()); true",
        &["open", "create"],
    ),
    looks("file-system/[method]dir.path", dir!("d.path == p"), &["open"]),
    looks(
        "file-system/[method]dir.open-dir",
        dir!("d.list_entries()[\"d\"].open_as_dir(OpenDirOptions().build()).path == p + \"/d\""),
        &["open", "read"],
    ),
    looks("file-system/[method]dir.open-file", dir!("d.open_file(\"f\", OpenFileOptions().read(true).build()); true"), &["open"]),
    looks(
        "file-system/[method]dir.open-file",
        dir!("d.open_file(\"f\", OpenFileOptions().write(true).build()); true"),
        &["open"],
    ),
    changes(
        "file-system/[method]dir.open-file",
        dir!("d.open_file(\"new\", OpenFileOptions().create(true).build()); true"),
        &["open", "create"],
    ),
    looks(
        "file-system/[method]dir.entries",
        dir!("d.list_entries().keys() == [\"a\", \"d\", \"f\", \"l\", \"z\"]"),
        &["open", "read"],
    ),
    looks("file-system/[static]file.open", "cat(p + \"/f\") == \"one\\ntwo\\n\"", &["open", "read"]),
    changes("file-system/[static]file.open", "write(p + \"/new\", \"x\"); true", &["open", "create", "write"]),
    looks("file-system/[method]file.path", file!("f.path == p + \"/f\""), &["open"]),
    looks("file-system/[method]file.read", file!("f.read() == \"one\\ntwo\\n\""), &["open", "read"]),
    looks(
        "file-system/[method]file.read-lines",
        file!("f.read_lines(ReadLinesOptions().count(1).build()) == [\"one\"]"),
        &["open", "read"],
    ),
    looks("file-system/[method]file.read-lines", "tail([tail::n(-1)], p + \"/f\") == [\"two\"]", &["open", "read"]),
    looks(
        "file-system/[method]file.read-page",
        file!("f.read_page(ReadPageOptions().num_lines(1).build()) == [\"one\"]"),
        &["open", "read"],
    ),
    looks("file-system/[method]file.search", file!("f.search(\"w\")[0].line_content == \"two\""), &["open", "read"]),
    looks("file-system/[method]file.search", "grep(\"w\", p + \"/f\") == [\"two\"]", &["open", "read"]),
    looks("file-system/[method]file.counts", file!("f.counts().line_count == 2"), &["open", "read"]),
    looks(
        "file-system/[method]file.read-bytes",
        file!("try { f.elf_info() } catch (e) { if e.kind != IoErrorKind::ValidationError { throw e } } true"),
        &["open", "read"],
    ),
    // Without SELinux there is no label to change.
    looks(
        "file-system/[method]file.set-selinux-label",
        file!(
            "try { f.set_extended_attr(SetXAttrOptions().name(\"security.selinux\").build()) } catch (e) { \
             if e.kind != IoErrorKind::UnsupportedOperationError { throw e } } true"
        ),
        &["open", "set_x_attr"],
    ),
    changes("file-system/[method]file.write", "write(p + \"/f\", \"three\\n\"); true", &["open", "write"]),
    changes("file-system/[method]file.write", file!("f.write(\"three\\n\"); true"), &["open", "write"]),
    changes("file-system/[method]file.write", file!("f.write_in_place(\"three\\n\"); true"), &["open", "write"]),
    changes("file-system/touch", "touch(p + \"/new\"); true", &["open", "create"]),
    changes("file-system/touch", "touch(p + \"/f\"); true", &["open", "create"]),
    changes("file-system/make-dir", "mkdir(p + \"/new\"); true", &["open", "create"]),
    changes("file-system/make-dir", "mkdir([mkdir::parents], p + \"/new/er\"); true", &["open", "create"]),
    looks("file-system/make-dir", "mkdir([mkdir::parents], p + \"/d\"); true", &["open", "create"]),
    looks("file-system/stat", "stat(p + \"/f\").size == 8", &["open", "stat"]),
    looks("file-system/stat", dir!("d.metadata().type() == EntryType::DIR"), &["open", "stat"]),
    changes("file-system/set-permissions", "chmod(0o600, p + \"/f\"); true", &["open", "chmod"]),
    changes("file-system/set-permissions", "chmod([chmod::recursive], 0o700, p + \"/d\"); true", &["open", "read", "chmod"]),
    changes("file-system/set-owner", "chown(me, p + \"/f\"); true", &["open", "chown"]),
    changes("file-system/copy", "cp(p + \"/f\", p + \"/new\"); true", &["open", "read", "write", "create"]),
    changes("file-system/copy", "cp([cp::force], p + \"/f\", p + \"/d/g\"); true", &["open", "read", "write"]),
    changes("file-system/move", "mv(p + \"/f\", p + \"/new\"); true", &["open", "move", "create"]),
    changes("file-system/move", "mv(p + \"/f\", p + \"/d/g\"); true", &["open", "move", "create", "write", "delete"]),
    changes("file-system/move", "mv([mv::backup], p + \"/f\", p + \"/d/g\"); true", &["open", "move", "create"]),
    changes("file-system/move", "mv(p + \"/d\", p + \"/new\"); true", &["open", "read", "move", "create"]),
    changes("file-system/make-symlink", "ln([ln::symbolic], \"f\", p + \"/new\"); true", &["open", "create"]),
    changes("file-system/make-symlink", "ln([ln::symbolic, ln::force], \"g\", p + \"/l\"); true", &["open", "create", "delete"]),
    changes("file-system/make-link", "ln(p + \"/f\", p + \"/new\"); true", &["open", "move", "create"]),
    looks("file-system/read-link", "readlink(p + \"/l\") == \"f\"", &["open", "read"]),
    looks("file-system/[method]file.metadata", file!("f.metadata().file_size() == 8"), &["open", "stat"]),
    changes("file-system/[method]file.set-permissions", file!("f.chmod(0o600); true"), &["open", "chmod"]),
    changes(
        "file-system/[method]file.set-owner",
        file!("f.set_ownership(SetOwnershipOptions().user(me).build()); true"),
        &["open", "chown"],
    ),
    changes(
        "file-system/[method]file.truncate",
        file!("f.truncate(TruncateOptions().size(3).build()); true"),
        &["open", "write"],
    ),
    changes(
        "file-system/[method]file.allocate",
        file!("f.fallocate(FallocateOptions().length(1).format(SizeUnit::KIBIBYTES).build()); true"),
        &["open", "write"],
    ),
    changes("file-system/[method]file.remove", file!("f.delete(DeleteFileOptions().build()); true"), &["open", "delete"]),
    looks("file-system/[method]file.sha256", "sha256(p + \"/f\").len() == 64", &["open", "read"]),
    looks("file-system/[method]file.printable-strings", file!("f.extract_strings() == []"), &["open", "read"]),
    looks(
        "file-system/[method]file.read-gzip-lines",
        gzip!("z.read_gzip_lines(ReadLinesOptions().count(1).build()) == [\"one\"]"),
        &["open", "read"],
    ),
    looks(
        "file-system/[method]file.search-gzip",
        gzip!("z.search_gzip(\"w\", SearchGzipOptions().build())[0].line_number == 2"),
        &["open", "read"],
    ),
    looks("file-system/[method]file.gzip-info", gzip!("z.gzip_info().uncompressed_size_bytes == 8"), &["open", "read"]),
    changes(
        "file-system/[method]file.extract",
        gzip!(
            "let a = d.open_file(\"a\", OpenFileOptions().read(true).build()); \
             a.extract_archive(d, ExtractArchiveOptions().build()); true"
        ),
        &["open", "read", "write", "create"],
    ),
    changes(
        "file-system/[method]file.compress-gzip",
        gzip!("f.compress_gzip(z, CompressGzipOptions().build()); true"),
        &["open", "read", "write"],
    ),
    changes(
        "file-system/[method]file.copy",
        gzip!("f.copy(z, CopyFileOptions().force(true).build()); true"),
        &["open", "read", "write"],
    ),
    changes("file-system/remove", "rm(p + \"/f\"); true", &["open", "delete"]),
    changes("file-system/remove", "rm([rm::force], p + \"/f\"); true", &["open", "delete"]),
    changes("file-system/remove", "rm([rm::recursive], p + \"/d\"); true", &["open", "read", "delete"]),
];

/// Everything in a directory, with content, and times of last modification and last change of what is known of it.
type Tree = BTreeMap<String, (Option<Vec<u8>>, SystemTime, (i64, i64))>;

fn tree(directory: &str) -> Tree {
    let mut all = Tree::new();
    // One of the rows removes it.
    let Ok(entries) = std::fs::read_dir(directory) else { return all };
    for entry in entries {
        let entry = entry.unwrap();
        let (path, metadata) = (entry.path().to_str().unwrap().to_owned(), entry.metadata().unwrap());
        let content = metadata.is_file().then(|| std::fs::read(&path).unwrap());
        if metadata.is_dir() {
            all.extend(tree(&path));
        }
        all.insert(path, (content, metadata.modified().unwrap(), (metadata.ctime(), metadata.ctime_nsec())));
    }
    all
}

/// `one\ntwo\n`, compressed.
const GZIP: &[u8] = &[31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 207, 75, 229, 42, 41, 207, 231, 2, 0, 230, 11, 186, 18, 8, 0, 0, 0];

/// A fresh tree, a while ago: a time that is set to now is another time.
fn case() -> Case {
    let case = Case::new();
    case.file("in/f", "one\ntwo\n");
    case.file("in/d/g", "x");
    std::fs::write(case.path("in/z"), GZIP).unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    archive.mode(tar::HeaderMode::Deterministic);
    archive.append_path_with_name(case.path("in/f"), "new/f").unwrap();
    std::fs::write(case.path("in/a"), archive.into_inner().unwrap()).unwrap();
    symlink("f", case.path("in/l")).unwrap();
    let before = SystemTime::now() - std::time::Duration::from_secs(3600);
    for name in ["in/f", "in/d/g", "in/d", "in"] {
        std::fs::File::open(case.path(name)).unwrap().set_modified(before).unwrap();
    }
    case
}

fn run(case: &Case, row: &Row, actions: &[&str]) -> rex_tests::Ran {
    let policy =
        if actions.is_empty() { "forbid(principal, action, resource);".to_owned() } else { case.permit(actions, &["in"]) };
    case.run_with(row.script, &policy, &["--args-json", &arguments(case).to_string()])
}

fn arguments(case: &Case) -> Value {
    // Who owns a file may give it to itself, root or not.
    let me = std::fs::metadata(case.path("in")).unwrap().uid().to_string();
    json!({ "p": case.path("in"), "me": me })
}

#[test]
fn every_function_of_the_contract_has_a_row() {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).unwrap();
    let mut functions = BTreeSet::new();
    for (name, interface) in &resolve.packages[package].interfaces {
        // What the guest offers is called by the host.
        if name != "script" {
            functions.extend(resolve.interfaces[*interface].functions.keys().map(|function| format!("{name}/{function}")));
        }
    }
    let rows: BTreeSet<_> = MATRIX.iter().map(|row| row.function.to_owned()).collect();
    assert_eq!(rows, functions);
    assert!(functions.len() > 10, "the contract was read");
}

#[test]
fn every_function_works_with_what_it_asks_for_and_asks_for_nothing_else() {
    for row in rows() {
        let case = case();
        let before = tree(&case.path("in"));
        let ran = run(&case, row, row.actions).expect_code(0);
        assert_eq!(ran.result(), true, "{}: {}", row.function, row.script);
        assert_eq!(tree(&case.path("in")) != before, row.changes, "{}: {}", row.function, row.script);
        let asked: BTreeSet<_> = ran.report["decisions"]["by_action"].as_object().unwrap().keys().cloned().collect();
        let expected: BTreeSet<_> = row.actions.iter().map(|action| format!(r#"file_system::Action::"{action}""#)).collect();
        assert_eq!(asked, expected, "{}: {}", row.function, row.script);
    }
}

#[test]
fn every_function_is_denied_and_does_nothing_when_one_action_is_missing() {
    for row in rows() {
        for missing in row.actions {
            let case = case();
            let before = tree(&case.path("in"));
            let rest: Vec<_> = row.actions.iter().filter(|action| *action != missing).copied().collect();
            let ran = run(&case, row, &rest).expect_code(3);
            let denial = format!(r#"file_system::Action::"{missing}""#);
            assert_eq!(ran.denials()[0]["action"], denial, "{}: {}", row.function, row.script);
            assert_eq!(tree(&case.path("in")), before, "{} without {missing}: {}", row.function, row.script);
        }
    }
}

/// And the other way round: the tracer sees no effect without its decision, and no leave to change something without the change.
// Threat: T-AUDIT-9
#[test]
fn every_effect_of_every_function_has_its_own_decision_before_it() {
    for row in rows().filter(|row| !row.actions.is_empty()) {
        let case = case();
        let policy = case.permit(row.actions, &["in"]);
        let Some(traced) = traced::run(&case, row.script, &policy, &arguments(&case)) else { return };
        assert_eq!((traced.ran.code, traced.ran.result()), (0, &json!(true)), "{}: {:?}", row.script, traced.ran);
        traced.compare(&case.path("in"), row.changes);
    }
}

/// The rights of one directory are not those of the next.
#[test]
fn every_function_is_denied_where_the_policy_permits_another_directory() {
    for row in rows().filter(|row| !row.actions.is_empty()) {
        let case = case();
        case.dir("in-not");
        let before = tree(&case.path("in"));
        let policy = case.permit(row.actions, &["in-not", "i", "other"]);
        let options = ["--args-json", &arguments(&case).to_string()];
        case.run_with(row.script, &policy, &options).expect_code(3);
        assert_eq!(tree(&case.path("in")), before, "{}: {}", row.function, row.script);
    }
}
