//! Runs `keywell_fuzz::projects`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::projects(data));
