//! Components that are no guests of the world in `wit/`.

use rex_guests::{REFUSED, names, sandbox, unbounded};
use rex_runner::sandbox::SandboxError;

/// Why a component is refused.
fn refusal(name: &str) -> SandboxError {
    sandbox(name).err().unwrap_or_else(|| panic!("{name} was taken"))
}

// Threat: T-GUEST-2
#[test]
fn whoever_imports_anything_else_is_refused() {
    for (name, import) in [
        ("imports-files-of-wasi", "wasi:filesystem/types@0.2.6"),
        ("imports-wasi-alone", "wasi:cli/environment@0.2.6"),
        ("imports-another-interface", "rex:host/process@0.1.0"),
        ("imports-another-version", "rex:host/file-system@0.2.0"),
        ("imports-a-function", "backdoor"),
        ("imports-a-function-by-an-interface-name", "rex:host/log@0.1.0"),
        ("imports-a-module", "module"),
        ("imports-a-type", "secret"),
    ] {
        match refusal(name) {
            SandboxError::Imports { found } => assert!(found.iter().any(|found| found == import), "{name}: {found:?}"),
            other => panic!("{name}: {other}"),
        }
    }
    for name in ["imports-nothing", "imports-less"] {
        assert!(matches!(refusal(name), SandboxError::Imports { .. }), "{name}");
    }
}

// Threat: T-GUEST-2
#[test]
fn whoever_wants_an_interface_to_be_another_is_refused() {
    for (name, message) in [
        ("imports-a-function-too-many", "`shout` has the wrong type"),
        ("imports-a-mistyped-function", "`sleep` has the wrong type"),
        ("imports-one-type-for-two", "`file` has the wrong type"),
        ("exports-nothing", "no export `init`"),
    ] {
        let error = refusal(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
}

/// Whatever could get around fuel, around the limits of memory and stack, or is not as well tried as the rest.
// Threat: T-GUEST-1
#[test]
fn what_the_guest_does_not_need_cannot_even_be_compiled() {
    let taken: Vec<_> = names().filter(|name| name.starts_with("proposal-")).collect();
    assert_eq!(taken, [""; 0]);
    assert_eq!(REFUSED.len(), 13, "{REFUSED:#?}");
    for (name, why) in REFUSED {
        // Invalid under every setting would show nothing.
        assert!(name.starts_with("proposal-") && !why.contains("type mismatch"), "{name}: {why}");
    }
}

// Threat: T-RES-1
#[test]
fn code_that_counts_no_fuel_is_refused() {
    let error = unbounded().map(drop).expect_err("it is refused").to_string();
    assert!(error.contains("fuel"), "{error}");
}
