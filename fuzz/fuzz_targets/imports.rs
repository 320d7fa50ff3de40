//! Runs `keywell_fuzz::imports`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::imports(data));
