//! Runs `keywell_fuzz::counters`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::counters(data));
