//! Runs `keywell_fuzz::exports`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::exports(data));
