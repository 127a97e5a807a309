//! Functions on texts that touch nothing of the machine. What the file system's functions do with the text of a file is here as well.

pub(crate) mod awk;
pub(crate) mod replace;
pub(crate) mod sort;

use rhai::Array;

use crate::api::options::options;
use crate::engine::Registrar;
use crate::error::FILE_SYSTEM_KINDS;

options! {
    ReplacementOptions { is_regex: bool, replace_all: bool }
}

pub(super) fn register(registrar: &mut Registrar) {
    ReplacementOptions::register(registrar);
    registrar.function("replace_text", |text: &str, old: &str, new: &str, options: ReplacementOptions| {
        let (is_regex, all) = (options.is_regex == Some(true), options.replace_all == Some(true));
        replace::replace(text, old, new, replace::How { is_regex, all })
    });
    registrar.function("awk_split", |text: &str, delimiter: &str| lines(text.split(delimiter)));
}

/// Pieces of a text as an array.
pub(crate) fn lines<'t>(lines: impl IntoIterator<Item = &'t str>) -> Array {
    lines.into_iter().map(Into::into).collect()
}

/// What is wrong with arguments. These functions belong to the file functions in the native peer, and so do their errors.
fn invalid(message: impl Into<String>) -> Box<rhai::EvalAltResult> {
    crate::error::invalid_arguments(FILE_SYSTEM_KINDS, message)
}
