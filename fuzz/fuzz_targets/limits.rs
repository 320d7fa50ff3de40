//! Runs `keywell_fuzz::limits`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::limits(data));
