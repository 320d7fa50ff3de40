//! Runs `keywell_fuzz::wadm`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::wadm(data));
