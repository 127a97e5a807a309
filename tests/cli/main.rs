//! The command as people and programs meet it: what it takes, what it shows, and the code that it ends with.

mod arguments;
mod audit;
mod bad_input;
mod check;
mod codes;
mod harden;
mod ocsf;
mod output;
mod signals;
mod verify;
