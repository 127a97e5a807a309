//! What this process holds.

use std::fs;

/// Open descriptors.
pub fn descriptors() -> usize {
    // The one that lists them is not counted.
    fs::read_dir("/proc/self/fd").expect("a list").count() - 1
}

/// Threads.
pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("a list").count()
}

/// Bytes of memory that are in use.
pub fn memory() -> u64 {
    status("VmRSS:")
}

/// The most bytes of memory that ever were.
pub fn peak_memory() -> u64 {
    status("VmHWM:")
}

fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes << 10
}
