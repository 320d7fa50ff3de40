//! Runs `keywell_fuzz::records`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::records(data));
