//! The command holds no compiler and no WASI.

use std::process::Command;

use memchr::memmem;
use rex_tests::{rex_runner, root};

#[test]
fn no_compiler_is_in_the_binary() {
    let binary = std::fs::read(rex_runner()).unwrap();
    // Names of symbols, and of the source files that panics name, which stripping leaves.
    for name in
        ["cranelift_codegen", "cranelift-codegen", "cranelift_frontend", "winch_codegen", "wasmtime_wasi", "wasmtime-wasi"]
    {
        assert_eq!(memmem::find(&binary, name.as_bytes()), None, "{name}");
    }
    assert!(memmem::find(&binary, b"wasmtime").is_some(), "without names in it the test would show nothing");
}

/// Of the kernel's C library and of nothing else that could be missing on a machine.
#[test]
fn the_dependencies_have_no_compiler_and_no_wasi() {
    let arguments = ["tree", "-p", "rex-runner", "-e", "normal", "--prefix", "none", "--offline", "--locked", "--format", "{p}"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    // Two crates of cranelift's family are only containers, which wasmtime's runtime uses.
    let unwanted = |name: &&str| {
        name.starts_with("winch")
            || name.contains("wasmtime-wasi")
            || name.contains("wasi-common")
            || (name.contains("cranelift") && !matches!(*name, "cranelift-bitset" | "cranelift-bforest" | "cranelift-entity"))
    };
    assert_eq!(names.iter().copied().find(unwanted), None);
    assert!(names.contains(&"wasmtime") && names.contains(&"cedar-policy"), "the list is that of the command: {text}");
}
