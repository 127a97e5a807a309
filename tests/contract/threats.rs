//! Every threat of docs/threat-model.md has a test that says so, and every test that names a threat names one that is there.
//!
//! A test names its threats in a line above `#[test]`: `// Threat: T-PATH-2, T-PATH-4`. The document's last column is made of these lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rex_tests::root;

const DOCUMENT: &str = "docs/threat-model.md";
const MARK: &str = "// Threat: ";

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The tests of each threat.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = Vec::new();
    for part in ["host/src", "guest/src", "tests"] {
        sources(&root().join(part), &mut found);
    }
    let mut tests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().map(str::trim_start);
        while let Some(line) = lines.next() {
            let Some(threats) = line.strip_prefix(MARK) else { continue };
            assert_eq!(lines.next(), Some("#[test]"), "{}: what follows `{line}`", path.display());
            let name = lines.find_map(|line| line.strip_prefix("fn ")?.split_once('(')).expect("a test has a name").0;
            for threat in threats.split(", ") {
                tests.entry(threat.to_owned()).or_default().insert(name.to_owned());
            }
        }
    }
    tests
}

/// Run with `REX_UPDATE=1` to write the column of the tests anew.
#[test]
fn every_threat_has_its_test_and_every_test_its_threat() {
    let path = root().join(DOCUMENT);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut tests = tests();
    let mut written = String::new();
    for line in text.lines() {
        match line.strip_prefix("| T-").and_then(|rest| rest.split_once(' ')) {
            Some((number, _)) => {
                let threat = format!("T-{number}");
                let names = tests.remove(&threat).unwrap_or_else(|| panic!("{threat} has no test, or stands there twice"));
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                let (rest, _) = line.trim_end_matches(" |").rsplit_once(" | ").expect("columns");
                written += &format!("{rest} | {} |\n", names.join(", "));
            }
            None => written += &format!("{line}\n"),
        }
    }
    assert!(tests.is_empty(), "{DOCUMENT} does not have the threats of these tests: {tests:?}");
    if std::env::var_os("REX_UPDATE").is_some() {
        std::fs::write(&path, &written).unwrap();
    } else {
        assert!(written == text, "run this test with REX_UPDATE=1");
    }
}
