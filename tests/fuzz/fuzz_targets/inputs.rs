#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rex_fuzz::inputs::check(data));
