//! What `cargo fuzz` runs: a module for each target, with what it generates and what must hold whatever was generated.
//!
//! Each module has a function `check`, which takes any bytes and panics where Rex did not keep what it promises. The rest are what they
//! share. CONTRIBUTING.md says how to run them.

pub mod calls;
pub mod guests;
pub mod inputs;
pub mod memory;
pub mod records;
pub mod rules;
pub mod scripts;
pub mod words;
pub mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps other threads from doing the same: how large a file may become, and how much memory was taken, are questions to the whole process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

// The tests too can be instrumented.
#[cfg(test)]
use libfuzzer_sys as _;
