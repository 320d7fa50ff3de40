//! Runs `keywell_fuzz::plans`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::plans(data));
