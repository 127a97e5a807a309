//! The shell-like functions that work on a file's text: `sed`, `head`, `sort` and the `awk_…` functions.

use rhai::{Array, Dynamic, FnPtr, Map, NativeCallContext};

use super::command::open;
use super::handle::FileHandle;
use super::{natural, show};
use crate::api::flag::{Flag, Flags, Shape, register_flags};
use crate::api::text::awk::{self, Field};
use crate::api::text::lines;
use crate::api::text::replace::{How, replace};
use crate::api::text::sort::{Order, sorted};
use crate::bindings::rex::host::file_system::{LineSelection, OpenFileFlags, WriteMode};
use crate::engine::Registrar;
use crate::error::ApiResult;

/// Lines that `head` gives when it is not told.
const HEAD_LINES: i64 = 10;

pub(super) fn register(registrar: &mut Registrar) {
    use Shape::{One, Plain};

    register_flags(registrar, "sed", &[(&["regex"], Plain), (&["all", "g"], Plain), (&["in_place", "i"], Plain)]);
    registrar.function("sed", |old: &str, new: &str, path: &str| sed(&Flags::of("sed", Array::new())?, old, new, path));
    registrar.function("sed", |flags: Array, old: &str, new: &str, path: &str| sed(&Flags::of("sed", flags)?, old, new, path));

    register_flags(registrar, "head", &[(&["n"], One)]);
    registrar.addition("head", |path: &str| head(HEAD_LINES, path));
    registrar.addition("head", |flags: Array, path: &str| head(Flags::of("head", flags)?.value("n").unwrap_or(HEAD_LINES), path));

    let sort_flags: &[(&[&'static str], Shape)] =
        &[(&["reverse", "r"], Plain), (&["numeric", "n"], Plain), (&["unique", "u"], Plain)];
    register_flags(registrar, "sort", sort_flags);
    registrar.addition("sort", |path: &str| sort(Order::default(), path));
    registrar.addition("sort", sort_by_flags_or_function);

    register_awk(registrar);
}

fn register_awk(registrar: &mut Registrar) {
    registrar.function("awk_field", |number: i64, delimiter: &str, path: &str| -> ApiResult<Array> {
        let field = Field::new(number, delimiter)?;
        Ok(lines(field.values(&show(path)?)))
    });
    registrar.function("awk_filter", |part: &str, path: &str| -> ApiResult<Array> {
        Ok(lines(show(path)?.lines().filter(|line| line.contains(part))))
    });
    registrar.function("awk_filter_field", |number: i64, delimiter: &str, part: &str, path: &str| -> ApiResult<Array> {
        let field = Field::new(number, delimiter)?;
        Ok(lines(field.lines_with(&show(path)?, part)))
    });
    registrar.function("awk_sum", |number: i64, delimiter: &str, path: &str| -> ApiResult<f64> {
        let field = Field::new(number, delimiter)?;
        Ok(field.sum(&show(path)?))
    });
    registrar.function("awk_count_unique", |number: i64, delimiter: &str, path: &str| -> ApiResult<Map> {
        let field = Field::new(number, delimiter)?;
        Ok(field.counts(&show(path)?))
    });
    registrar.function("awk_filter_range", |first: i64, last: i64, path: &str| -> ApiResult<Array> {
        let (before, count) = awk::range(first, last)?;
        Ok(lines(show(path)?.lines().skip(before).take(count)))
    });
}

/// Gives the new text; with `sed::in_place` the file has it as well, or is what it was.
fn sed(flags: &Flags, old: &str, new: &str, path: &str) -> ApiResult<String> {
    let in_place = flags.has("in_place");
    let write = if in_place { OpenFileFlags::WRITE } else { OpenFileFlags::empty() };
    let file = FileHandle::open(path, OpenFileFlags::READ | OpenFileFlags::FOLLOW | write)?;
    // What is written back must be what was there.
    let text = if in_place { file.read() } else { file.show() }?;
    let text = replace(&text, old, new, How { is_regex: flags.has("regex"), all: flags.has("all") })?;
    if in_place {
        file.write(&text, WriteMode::Replace)?;
    }
    Ok(text)
}

fn head(count: i64, path: &str) -> ApiResult<Array> {
    let count = natural("head::n", count)?;
    open(path)?.read_lines(LineSelection::First(count))
}

fn sort(order: Order, path: &str) -> ApiResult<Array> {
    Ok(lines(sorted(&show(path)?, order)))
}

/// The language has `array.sort("comparer")`, with the name of a script's function, and it would be hidden. A path begins with a `/`,
/// which no name of a function does, and only flags of `sort` stand in front of a path.
fn sort_by_flags_or_function(context: NativeCallContext, array: &mut Array, text: &str) -> ApiResult<Dynamic> {
    if text.starts_with('/') || array.iter().any(Dynamic::is::<Flag>) {
        let flags = Flags::of("sort", array.clone())?;
        let order = Order { reverse: flags.has("reverse"), numeric: flags.has("numeric"), unique: flags.has("unique") };
        return sort(order, text).map(Into::into);
    }
    let mut comparer = Dynamic::from(FnPtr::new(text)?);
    let mut values = Dynamic::from_array(std::mem::take(array));
    let answer = context.call_native_fn_raw("sort", true, &mut [&mut values, &mut comparer]);
    *array = values.into_array().unwrap_or_default();
    answer
}

#[cfg(test)]
mod tests {
    use rhai::{Dynamic, Scope};

    use crate::engine::Language;

    fn run(script: &str) -> Result<Dynamic, String> {
        Language::new().run(script, &mut Scope::new()).map_err(|error| error.message)
    }

    #[test]
    fn the_languages_own_sort_stays() {
        for script in [
            "let a = [3, 1, 2]; a.sort(); a",
            "let a = [3, 1, 2]; sort(a); a",
            "let a = [3, 1, 2]; a.sort(|x, y| x - y); a",
            "fn by(x, y) { x - y } let a = [3, 1, 2]; a.sort(\"by\"); a",
            "fn by(x, y) { x - y } let a = [3, 1, 2]; a.sort(by); a",
            "fn sort(values) { values.sort(); values } sort([3, 1, 2])",
        ] {
            assert_eq!(run(script).unwrap().to_string(), "[1, 2, 3]", "{script}");
        }
        assert_eq!(run("let a = []; a.sort(\"by\"); a").unwrap().to_string(), "[]");
    }

    #[test]
    fn what_is_no_flag_is_told() {
        for (script, function) in [
            ("sort([1], \"/f\")", "sort"),
            ("sort([cat::n], \"f\")", "sort"),
            ("head([1], \"/f\")", "head"),
            ("sed([sort::r], \"a\", \"b\", \"/f\")", "sed"),
        ] {
            let message = run(script).unwrap_err();
            assert!(message.contains(&format!("InvalidArguments: `{function}` takes flags")), "{script}: {message}");
        }
    }

    /// Before the host is asked for anything.
    #[test]
    fn numbers_out_of_range_are_refused() {
        for script in [
            "awk_field(0, \" \", \"/f\")",
            "awk_filter_field(0, \" \", \"x\", \"/f\")",
            "awk_sum(-1, \" \", \"/f\")",
            "awk_count_unique(0, \" \", \"/f\")",
            "awk_filter_range(3, 2, \"/f\")",
            "head([head::n(-1)], \"/f\")",
        ] {
            let message = run(script).unwrap_err();
            assert!(message.contains("IoErrorKind: InvalidArguments"), "{script}: {message}");
        }
    }

    #[test]
    fn texts_are_replaced_and_split() {
        for (script, result) in [
            ("replace_text(\"a a\", \"a\", \"b\", ReplacementOptions().build())", "b a"),
            ("replace_text(\"a a\", \"a\", \"b\", ReplacementOptions().replace_all(true).build())", "b b"),
            ("replace_text(\"a1\", \"(a)\\\\d\", \"$1\", ReplacementOptions().is_regex(true).build())", "a"),
            ("awk_split(\"a,b,,c\", \",\")", "[\"a\", \"b\", \"\", \"c\"]"),
        ] {
            assert_eq!(run(script).unwrap().to_string(), result, "{script}");
        }
    }
}
