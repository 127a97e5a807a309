//! The policy: parsed, validated against the schema, and asked.
//!
//! * [`schema`] is what a policy can speak of;
//! * [`load`] refuses every policy that Cedar might read otherwise than its author meant;
//! * [`guard`] is what no policy gives away by accident;
//! * [`index`] finds the few statements that can matter to a request, which Cedar would look for one by one;
//! * [`reach`] is what it can ever permit, for the wall behind the gate;
//! * [`decide`] asks Cedar and explains the answer.

pub mod decide;
pub mod guard;
#[cfg(test)]
mod guide;
mod index;
mod load;
mod reach;
pub mod schema;

pub use decide::{Decider, Decision, Facts, Reason, Request};
pub use load::{Place, Policy, PolicyError};
pub(crate) use reach::CHANGING;
pub use reach::{Places, Reach};
pub use schema::{Action, EntityType};
