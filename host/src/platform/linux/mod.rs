//! Linux: handles by openat2, names from /proc.

mod attributes;
mod effects;
mod harden;
mod locate;
mod process;
mod reader;
mod step;
mod transfer;

pub use attributes::{group_of_name, name_of_group, name_of_user, user_of_name};
pub use harden::harden;
pub use locate::{FileSystem, Object, Vacancy};
pub(super) use process::user_number;
pub use process::{EXECUTES_IN_PLACE, errors_are_lost, prepare_process, private, publish_executable};
pub use reader::Reader;
pub use step::run_shell_script;
pub use transfer::{Destination, Rights};
