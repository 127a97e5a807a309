//! Rust → core WebAssembly → the same with the interpreter built already → component without WASI.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use wit_component::ComponentEncoder;

use crate::{manifest, snapshot};

const TARGET: &str = "wasm32-wasip1";

pub fn build(root: &Path, out: Option<&Path>) -> Result<()> {
    let path = root.join("guest/adapter.wat");
    let adapter = wat::parse_file(&path).with_context(|| path.display().to_string())?;
    let module = snapshot::after("init", &compile(root)?, &adapter)?;
    let component = encode(&module, &adapter)?;
    let path = out.map_or_else(|| root.join(manifest::ARTIFACT), Path::to_owned);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, &component).with_context(|| path.display().to_string())?;
    if out.is_none() {
        let version = Command::new("rustc").arg("--version").output().context("rustc --version")?;
        manifest::write(root, String::from_utf8_lossy(&version.stdout).trim().to_owned())?;
    }
    println!("{}: {} bytes", path.display(), component.len());
    Ok(())
}

fn compile(root: &Path) -> Result<Vec<u8>> {
    let target_dir = root.join("target/guest");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["rustc", "--locked", "--package", "rex-guest", "--lib", "--crate-type", "cdylib"])
        .args(["--profile", "guest", "--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root).join("\u{1f}"))
        // Rhai and ahash would otherwise draw a new seed for each build.
        .env("CONST_RANDOM_SEED", "rex")
        .env("RHAI_HASHING_SEED", "[1,2,3,4]")
        .status()
        .context("cargo cannot be run")?;
    ensure!(status.success(), "the guest does not compile; if the target is missing: rustup target add {TARGET}");
    let path = target_dir.join(TARGET).join("guest/rex_guest.wasm");
    fs::read(&path).with_context(|| path.display().to_string())
}

/// No path of the building machine may reach the artifact, and two builds of the same sources give the same bytes.
///
/// Calls cost more in WebAssembly than in native code, and the host counts fuel in each function: it pays to inline twice as much.
fn flags(root: &Path) -> Vec<String> {
    let mut flags = vec![
        "-Ctarget-feature=+bulk-memory,+sign-ext,+nontrapping-fptoint,+mutable-globals,+multivalue".to_owned(),
        "-Cllvm-args=-inline-threshold=600".to_owned(),
        format!("--remap-path-prefix={}=/rex", root.display()),
    ];
    for (variable, name) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let home = std::env::var_os(variable)
            .map(std::path::PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(name)));
        if let Some(home) = home {
            flags.push(format!("--remap-path-prefix={}=/{name}", home.display()));
        }
    }
    flags
}

fn encode(module: &[u8], adapter: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)?
        .adapter(snapshot::WASI, adapter)?
        .encode()
        .context("the module cannot be made a component of the world in wit/")
}
