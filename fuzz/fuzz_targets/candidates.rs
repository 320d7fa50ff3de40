//! Runs `keywell_fuzz::candidates`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::candidates(data));
