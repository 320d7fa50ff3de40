//! Runs `keywell_fuzz::store_urls`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywell_fuzz::store_urls(data));
