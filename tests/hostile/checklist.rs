//! README.md tells the truth: every number of the checklist has its line, and every test that a line names exists.

use std::collections::BTreeSet;
use std::path::Path;

use rex_tests::root;

const README: &str = include_str!("README.md");

fn sources(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn every_number_has_its_line() {
    let numbers: BTreeSet<u32> =
        README.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
    assert_eq!(numbers, (1..=29).chain(60..=66).collect());
}

#[test]
fn every_test_that_is_named_exists() {
    let text: String = ["hostile", "cli", "contract"].iter().map(|suite| sources(&root().join("tests").join(suite))).collect();
    let named = README.split('`').skip(1).step_by(2).map(|name| name.rsplit("::").next().unwrap());
    let mut count = 0;
    for name in named.filter(|name| {
        name.contains('_') && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    }) {
        assert!(text.contains(&format!("fn {name}(")), "{name} is not there");
        count += 1;
    }
    assert!(count > 80, "names were found");
}
