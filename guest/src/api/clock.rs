//! `sleep` and `timestamp`.

use crate::bindings::rex::host::clock;
use crate::engine::Registrar;

/// A moment of this run.
#[derive(Debug, Clone, Copy)]
struct Timestamp {
    nanoseconds: u64,
}

pub(super) fn register(registrar: &mut Registrar) {
    registrar.function("sleep", |seconds: i64| {
        if let Ok(seconds) = u64::try_from(seconds) {
            clock::sleep(seconds.saturating_mul(1000));
        }
    });
    registrar.function("sleep", |seconds: f64| {
        if seconds > 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a conversion from a positive float saturates"
            )]
            clock::sleep((seconds * 1000.0) as u64);
        }
    });

    registrar.engine.register_type_with_name::<Timestamp>("Timestamp");
    registrar.function("timestamp", || Timestamp { nanoseconds: clock::elapsed() });
    registrar.engine.register_get("elapsed", |from: &mut Timestamp| seconds_between(from.nanoseconds, clock::elapsed()));
    registrar.function("-", |to: Timestamp, from: Timestamp| seconds_between(from.nanoseconds, to.nanoseconds));
}

#[expect(clippy::cast_precision_loss, reason = "a run is shorter than the 104 days from which on nanoseconds are lost")]
fn seconds_between(from: u64, to: u64) -> f64 {
    (to as f64 - from as f64) / 1e9
}
