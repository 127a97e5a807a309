//! A process that is killed in the middle of a write leaves the old content or the new, and nothing else.

use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::MetadataExt as _;
use std::thread::sleep;
use std::time::Duration;

use rex_tests::{Case, command, eventually};

/// Writes over and over until it is killed.
const WRITES: &str = r#"
let one = ""; one.pad(100000, 'a');
let two = ""; two.pad(100000, 'b');
loop { write([write::replace], path, one); write([write::replace], path, two); }
"#;

fn killed_in_a_write(times: usize) {
    let case = Case::new();
    let before = "0".repeat(100_000);
    let path = case.file("f", &before);
    let policy = case.file("policy", case.permit(&["open", "write"], &[""]));
    let contents = [before, "a".repeat(100_000), "b".repeat(100_000)];
    let mut seen = [0; 3];
    for _ in 0..times {
        let inode = std::fs::metadata(&path).unwrap().ino();
        let mut child = command(&["--script", WRITES, "-p", &policy, "--arg", &format!("path={path}")]).spawn().unwrap();
        eventually("the first write", || std::fs::metadata(&path).unwrap().ino() != inode);
        sleep(Duration::from_micros(RandomState::new().hash_one(0) % 10_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = case.content("f").expect("the file is there");
        let which = contents.iter().position(|content| *content == found);
        seen[which.unwrap_or_else(|| panic!("{} bytes that nobody wrote: {:?}", found.len(), found.get(..20)))] += 1;
    }
    println!("{times} times killed; the content was {seen:?}");
    assert!(seen[1] + seen[2] == times, "a write was over before each kill: {seen:?}");
}

// Threat: T-PATH-9
#[test]
fn a_write_that_is_killed_leaves_the_old_content_or_the_new() {
    killed_in_a_write(50);
}

#[test]
#[ignore = "a minute or more"]
fn a_thousand_writes_that_are_killed_leave_the_old_content_or_the_new() {
    killed_in_a_write(1_000);
}
