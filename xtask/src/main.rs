//! The project's own build steps: `cargo xtask guest` builds the guest's component.

mod guest;
mod manifest;
mod snapshot;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the guest from its sources. Needs the target wasm32-wasip1.
    Guest {
        /// Write the component here, and no manifest. Without it the committed artifact and its manifest are replaced.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Checks that the committed artifact is the one that its manifest describes, built from the sources that are here.
    Check,
}

fn main() -> Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = root.parent().context("xtask stands in the project's root")?;
    match Arguments::parse().task {
        Task::Guest { out } => guest::build(root, out.as_deref()),
        Task::Check => manifest::check(root),
    }
}
