//! What the count of bytes counts. There is one test here, since what others allocate would count with it.

// The code is instrumented, and this has what that calls.
use libfuzzer_sys as _;

#[test]
fn what_is_freed_again_is_counted() {
    let (length, bytes) = rex_fuzz::memory::taken(|| std::hint::black_box(vec![1_u8; 1 << 24]).len());
    assert!(length == 1 << 24 && bytes >= 1 << 24, "{bytes}");
}
