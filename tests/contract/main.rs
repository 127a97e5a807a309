//! What is built is what was promised: the guest imports nothing else and is not stale, the binary holds no compiler, and every function
//! of the contract asks for its permits.

mod artifact;
mod binary;
#[path = "../../xtask/src/manifest.rs"]
mod manifest;
mod matrix;
mod threats;
