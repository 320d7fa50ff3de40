//! Runs `keywell_fuzz::calls`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::calls(data));
