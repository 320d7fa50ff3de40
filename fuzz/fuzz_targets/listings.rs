//! Runs `keywell_fuzz::listings`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::listings(data));
