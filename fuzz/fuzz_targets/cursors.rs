//! Runs `keywell_fuzz::cursors`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::cursors(data));
