//! Whatever the tree, the links and the policy: no byte of a file that the policy hides reaches the script or what it can write.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;
use rex_tests::{Case, traced};
use serde_json::{Value, json};

/// Tries everything on every path, and keeps all that it is told.
const SCRIPT: &str = r#"
let told = [];
let n = 0;
for path in paths {
    n += 1;
    try { told.push(cat(path)); } catch (e) { told.push(e.message); }
    try { told.push(head(path)); } catch (e) { told.push(e.message); }
    try { told.push(tail(path)); } catch (e) { told.push(e.message); }
    try { told.push(grep("TOKEN", path)); } catch (e) { told.push(e.message); }
    try { told.push(sed("TOKEN", "SEEN", path)); } catch (e) { told.push(e.message); }
    try { told.push(wc(path)); } catch (e) { told.push(e.message); }
    try { told.push(readlink(path)); } catch (e) { told.push(e.message); }
    try { told.push(ls([ls::recursive], path).keys()); } catch (e) { told.push(e.message); }
    try { told.push(tree(path)); } catch (e) { told.push(e.message); }
    try { told.push(du([du::all_files], path).entries.len()); } catch (e) { told.push(e.message); }
    try { cp(path, `${out}/copy${n}`); } catch (e) { told.push(e.message); }
    try { ln(path, `${out}/link${n}`); } catch (e) { told.push(e.message); }
    try { ln([ln::symbolic], path, `${out}/symbolic${n}`); told.push(cat(`${out}/symbolic${n}`)); } catch (e) { told.push(e.message); }
    try { write(`${out}/new${n}`, cat(path)); } catch (e) { told.push(e.message); }
    try { mv(path, `${out}/moved${n}`); told.push(cat(`${out}/moved${n}`)); } catch (e) { told.push(e.message); }
}
told
"#;

type Names = Vec<&'static str>;

fn any_path() -> impl Strategy<Value = Names> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
}

fn any_target() -> impl Strategy<Value = String> {
    let down = any_path().prop_map(|names| names.join("/"));
    let up = (0..4_usize, any_path()).prop_map(|(up, names)| format!("{}{}", "../".repeat(up), names.join("/")));
    prop_oneof![down, up, Just(".".to_owned()), Just("..".to_owned())]
}

/// Whether the policy lets a script see what is at a canonical path.
fn visible(path: &Path, permitted: &BTreeSet<String>, forbidden: &BTreeSet<String>) -> bool {
    let within = |places: &BTreeSet<String>| places.iter().any(|place| path.starts_with(place));
    within(permitted) && !within(forbidden)
}

fn all_files(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            all_files(&path, found);
        } else if metadata.is_file() {
            found.push(path);
        }
    }
}

/// A tree of files and links, and what a policy says of places in it.
#[derive(Debug, Clone)]
struct World {
    files: BTreeSet<Names>,
    links: Vec<(Names, String)>,
    permitted: Vec<Names>,
    forbidden: Vec<Names>,
}

fn any_world() -> impl Strategy<Value = World> {
    let files = prop::collection::btree_set(any_path(), 2..8);
    let links = prop::collection::vec((any_path(), any_target()), 0..8);
    let (permitted, forbidden) = (prop::collection::vec(any_path(), 1..4), prop::collection::vec(any_path(), 0..3));
    (files, links, permitted, forbidden).prop_map(|(files, links, permitted, forbidden)| World {
        files,
        links,
        permitted,
        forbidden,
    })
}

/// A world that has come to be.
struct Made {
    case: Case,
    policy: String,
    /// What the script gets.
    arguments: Value,
    /// Where it may write.
    out: String,
    /// The files that the policy hides, each with its content.
    hidden: Vec<(String, String)>,
}

impl World {
    fn make(&self) -> Made {
        let case = Case::new();
        case.dir("t");
        let real = |names: &Names| case.path(&format!("t/{}", names.join("/")));
        let mut paths = BTreeSet::new();
        let mut hidden = Vec::new();
        let permitted: BTreeSet<_> = self.permitted.iter().map(real).collect();
        let forbidden: BTreeSet<_> = self.forbidden.iter().map(real).collect();
        for (number, names) in self.files.iter().enumerate() {
            let path = real(names);
            // A name cannot be a file and a directory.
            if std::fs::create_dir_all(Path::new(&path).parent().unwrap()).is_ok() && !Path::new(&path).exists() {
                let token = format!("TOKEN-{number}-");
                std::fs::write(&path, &token).unwrap();
                if !visible(Path::new(&path), &permitted, &forbidden) {
                    hidden.push((path.clone(), token));
                }
            }
            paths.insert(path);
        }
        for (names, target) in &self.links {
            let path = real(names);
            if Path::new(&path).parent().unwrap().is_dir() && symlink(target, &path).is_ok() {
                paths.insert(path);
            }
        }
        let out = case.dir("out");
        let statement = |effect: &str, path: &str| {
            format!(
                "{effect}(principal, action, resource in file_system::Dir::\"{path}\");{}",
                // What is forbidden or permitted may be a file.
                format_args!("{effect}(principal, action, resource == file_system::File::\"{path}\");\n"),
            )
        };
        let permits = permitted.iter().map(|path| statement("permit", path)).chain([statement("permit", &out)]);
        let policy = permits.chain(forbidden.iter().map(|path| statement("forbid", path))).collect();
        let arguments = json!({ "paths": paths, "out": out });
        Made { case, policy, arguments, out, hidden }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    // Threat: T-PATH-2
    #[test]
    fn no_byte_of_a_hidden_file_reaches_the_script(world in any_world()) {
        let Made { case, policy, arguments, out, hidden } = world.make();
        let record = case.path("record");
        let options = ["--args-json", &arguments.to_string(), "--audit-log", &record];
        let ran = case.run_with(SCRIPT, &policy, &options).expect_code(0);

        let mut written = Vec::new();
        all_files(Path::new(&out), &mut written);
        let written: Vec<_> = written.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        for (path, token) in &hidden {
            prop_assert!(!ran.stdout.contains(token.as_str()), "{path} was told\n{policy}\n{}", ran.stdout);
            prop_assert!(!written.iter().any(|content| content.contains(token.as_str())), "{path} was written\n{policy}");
            prop_assert_eq!(&std::fs::read_to_string(path).unwrap(), token, "{} was changed\n{}", path, policy);
        }
        // The record has every decision, in order, and those that the report counts.
        let record = std::fs::read_to_string(&record).unwrap();
        let lines: Vec<Value> = record.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let numbers: Vec<_> = lines.iter().map(|line| line["number"].as_u64().unwrap()).collect();
        prop_assert_eq!(&numbers, &(0..numbers.len() as u64).collect::<Vec<_>>());
        let counts = &ran.report["decisions"];
        // All but the first and the last.
        prop_assert_eq!(counts["allowed"].as_u64().unwrap() + counts["denied"].as_u64().unwrap(), numbers.len() as u64 - 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    /// The tracer sees what the record does not tell.
    // Threat: T-AUDIT-9
    #[test]
    fn every_effect_has_its_own_decision_before_it(world in any_world()) {
        let Made { case, policy, arguments, .. } = world.make();
        if let Some(traced) = traced::run(&case, SCRIPT, &policy, &arguments) {
            prop_assert_eq!(traced.ran.code, 0);
            traced.compare(&case.path(""), false);
        }
    }
}
