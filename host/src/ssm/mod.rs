//! Documents of AWS Systems Manager Run Command: the form in which a policy reaches a machine, with the caller's script.
//!
//! * [`document`] is what a document says;
//! * [`render`] makes one from a policy;
//! * [`lint`] finds the ways in which one can be broken out of;
//! * [`invoke`] runs one on this machine as the SSM agent would.

pub mod document;
pub mod invoke;
pub mod lint;
mod parameters;
pub mod render;
mod script;

pub use document::{Document, Platform};
