//! `seq`.

use rhai::{Array, Dynamic};

use crate::api::flag::{Flags, Shape, register_flags};
use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments};

pub(super) fn register(registrar: &mut Registrar) {
    register_flags(registrar, "seq", &[(&["step"], Shape::One)]);
    registrar.function("seq", |first: i64, last: i64| sequence(first, last, 1));
    registrar.function("seq", |flags: Array, first: i64, last: i64| {
        sequence(first, last, Flags::of("seq", flags)?.value("step").unwrap_or(1))
    });
}

/// Memory is what bounds the length: the host ends a guest that asks for more than its cap.
fn sequence(first: i64, last: i64, step: i64) -> ApiResult<Array> {
    if step == 0 {
        return Err(invalid_arguments(FILE_SYSTEM_KINDS, "`seq` cannot have a step of 0"));
    }
    let numbers = std::iter::successors(Some(first), |number| number.checked_add(step));
    Ok(numbers.take_while(|number| if step > 0 { *number <= last } else { *number >= last }).map(Dynamic::from_int).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(first: i64, last: i64, step: i64) -> Vec<i64> {
        sequence(first, last, step).unwrap().into_iter().map(|number| number.as_int().unwrap()).collect()
    }

    #[test]
    fn both_ends_belong_to_it() {
        assert_eq!(numbers(1, 4, 1), [1, 2, 3, 4]);
        assert_eq!(numbers(1, 10, 4), [1, 5, 9]);
        assert_eq!(numbers(3, 1, -1), [3, 2, 1]);
        assert!(numbers(3, 1, 1).is_empty());
        assert!(sequence(1, 2, 0).is_err());
    }

    #[test]
    fn it_ends_at_the_largest_integer() {
        assert_eq!(numbers(i64::MAX - 1, i64::MAX, 1), [i64::MAX - 1, i64::MAX]);
        assert_eq!(numbers(i64::MIN + 1, i64::MIN, -1), [i64::MIN + 1, i64::MIN]);
    }
}
