//! Compiles the guest ahead of time, so that the shipped binary holds machine code and no compiler.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context as _, Result, anyhow};
use sha2::{Digest as _, Sha256};

#[path = "src/sandbox/config.rs"]
mod config;

/// Names another component to embed, such as one that was just built from source.
const OVERRIDE: &str = "REX_GUEST";
const SCHEMA: &str = "../policies/rex.cedarschema.json";

fn main() -> Result<()> {
    println!("cargo::rerun-if-env-changed={OVERRIDE}");
    println!("cargo::rerun-if-changed=src/sandbox/config.rs");
    let component = env::var_os(OVERRIDE).map_or_else(|| PathBuf::from("../guest/prebuilt/rex-guest.wasm"), PathBuf::from);
    println!("cargo::rerun-if-changed={}", component.display());

    let bytes = fs::read(&component).with_context(|| format!("the guest {} cannot be read", component.display()))?;
    let target = env::var("TARGET")?;
    let mut config = config::config();
    // Named even where it is this machine's own, so that the code is for any processor of the kind and not for this one.
    config.target(&target).map_err(|error| anyhow!("no code can be made for {target}: {error}"))?;
    config.cranelift_opt_level(wasmtime::OptLevel::Speed);
    let compiled = wasmtime::Engine::new(&config)
        .and_then(|engine| engine.precompile_component(&bytes))
        .map_err(|error| anyhow!("{} does not compile: {error:#}", component.display()))?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("guest.cwasm"), compiled)?;
    println!("cargo::rustc-env=REX_GUEST_SHA256={}", digest(&bytes));
    println!("cargo::rerun-if-changed={SCHEMA}");
    let schema = fs::read(SCHEMA).context("the schema cannot be read")?;
    println!("cargo::rustc-env=REX_SCHEMA_SHA256={}", digest(&schema));
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
