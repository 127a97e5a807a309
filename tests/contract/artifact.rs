//! The guest's component.

use std::path::PathBuf;

use rex_tests::root;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{WorldItem, WorldKey};

use crate::manifest;

/// The committed one, or the one that the environment names.
fn component() -> Vec<u8> {
    let path = std::env::var_os("REX_GUEST").map_or_else(|| root().join(manifest::ARTIFACT), PathBuf::from);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

// Threat: T-GUEST-2
#[test]
fn the_component_imports_the_contract_and_nothing_of_wasi() {
    let DecodedWasm::Component(resolve, world) = decode(&component()).unwrap() else { panic!("it is a component") };
    let mut imports: Vec<_> = resolve.worlds[world]
        .imports
        .iter()
        .map(|(key, item)| match (key, item) {
            (WorldKey::Interface(id), WorldItem::Interface { .. }) => resolve.id_of(*id).unwrap(),
            other => panic!("not an interface: {other:?}"),
        })
        .collect();
    imports.sort();
    assert_eq!(imports, ["rex:host/clock@0.1.0", "rex:host/file-system@0.1.0", "rex:host/log@0.1.0", "rex:host/types@0.1.0"]);
}

/// Also those of the modules inside the component, which no list of its own imports shows.
#[test]
fn no_name_of_wasi_2_is_in_the_component() {
    let component = component();
    let text = String::from_utf8_lossy(&component);
    assert!(!text.contains("wasi:"), "a WASI interface is named");
    assert!(text.contains("rex:host/file-system"), "names can be found in it");
}

#[test]
fn the_committed_guest_is_what_its_sources_make() {
    manifest::check(root()).unwrap();
}

/// What a report calls the guest is the component that was built in.
#[test]
fn a_report_names_the_guest_by_its_digest() {
    use sha2::{Digest as _, Sha256};
    let digest: String = Sha256::digest(component()).iter().map(|byte| format!("{byte:02x}")).collect();
    let ran = rex_tests::Case::new().run("1", rex_tests::PERMIT_ALL).expect_code(0);
    assert_eq!(ran.report["digests"]["guest_sha256"], digest);
}
