//! What the committed guest was built from, and whether that is still what is here.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The committed component, from the project's root.
pub const ARTIFACT: &str = "guest/prebuilt/rex-guest.wasm";
const MANIFEST: &str = "guest/prebuilt/manifest.json";

/// Files and folders that the component is made of, from the project's root.
const SOURCES: [&str; 5] = ["Cargo.toml", "guest/Cargo.toml", "guest/adapter.wat", "guest/src", "wit"];

/// Lies beside the component. All digests are SHA-256, in hexadecimal.
#[derive(Serialize, Deserialize)]
pub struct Manifest {
    component: String,
    sources: String,
    cargo_lock: String,
    /// `rustc --version`, of which nothing is checked: another toolchain may build the same sources.
    toolchain: String,
}

/// Fails when the artifact or its sources differ from the manifest.
pub fn check(root: &Path) -> Result<()> {
    let text = fs::read_to_string(root.join(MANIFEST)).with_context(|| format!("{MANIFEST} cannot be read"))?;
    let manifest: Manifest = serde_json::from_str(&text).with_context(|| format!("{MANIFEST} is not a manifest"))?;
    let remedy = "run `cargo xtask guest` and commit guest/prebuilt";
    ensure!(digest(&[root.join(ARTIFACT)])? == manifest.component, "{ARTIFACT} is not what its manifest describes: {remedy}");
    ensure!(sources(root)? == manifest.sources, "{ARTIFACT} is older than its sources: {remedy}");
    ensure!(cargo_lock(root)? == manifest.cargo_lock, "{ARTIFACT} was built with another Cargo.lock: {remedy}");
    Ok(())
}

/// Writes the manifest for the artifact that is there now.
#[allow(dead_code, reason = "the test that includes this module only checks")]
pub fn write(root: &Path, toolchain: String) -> Result<()> {
    let manifest = Manifest {
        component: digest(&[root.join(ARTIFACT)])?,
        sources: sources(root)?,
        cargo_lock: cargo_lock(root)?,
        toolchain,
    };
    fs::write(root.join(MANIFEST), serde_json::to_string_pretty(&manifest)? + "\n").context(MANIFEST)
}

fn sources(root: &Path) -> Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&root.join(source), &mut files)?;
    }
    files.sort();
    digest(&files)
}

fn cargo_lock(root: &Path) -> Result<String> {
    digest(&[root.join("Cargo.lock")])
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}

/// Of names and contents in the order given. Line ends are those of the repository, wherever it is checked out.
fn digest(files: &[PathBuf]) -> Result<String> {
    let mut hasher = Sha256::new();
    for file in files {
        let content = fs::read(file).with_context(|| file.display().to_string())?;
        if files.len() > 1 {
            hasher.update(file.file_name().unwrap_or_default().as_encoded_bytes());
            hasher.update((content.len() as u64).to_le_bytes());
        }
        hasher.update(content);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
