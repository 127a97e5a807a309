//! Runs a caller's script on this machine, inside WebAssembly, under a policy that the caller cannot change.
//!
//! Data flows one way:
//!
//! ```text
//! cli → run → sandbox (wasmtime) → guest → capability → gate (policy, audit) → platform → the machine
//! ```
//!
//! * [`cli`] is the command `rex-runner`;
//! * [`run`] takes one script from its text to its [`report`];
//! * [`sandbox`] loads the guest and bounds it;
//! * [`capability`] implements the interfaces of `wit/`, a module each;
//! * [`gate`] is the only door to the machine: it asks the [`policy`], has the [`audit`] record the answer, and gives the permit that
//!   the effects of [`platform`] ask for;
//! * [`ssm`] makes documents of AWS Systems Manager, checks them, and runs them as its agent would;
//! * [`limits`] bounds a run, [`journal`] is what is known of it so far.

pub mod audit;
pub mod capability;
pub mod cli;
pub mod gate;
pub mod journal;
pub mod limits;
pub mod platform;
pub mod policy;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod ssm;
