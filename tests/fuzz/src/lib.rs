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
