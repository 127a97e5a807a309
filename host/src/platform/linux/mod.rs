//! Linux: handles by openat2, names from /proc.

mod effects;
mod locate;
mod process;
mod reader;

pub use locate::{FileSystem, Object, Vacancy};
pub(super) use process::user_number;
pub use process::{EXECUTES_IN_PLACE, prepare_process, private, publish_executable};
pub use reader::Reader;
