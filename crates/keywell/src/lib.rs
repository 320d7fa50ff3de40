//! Runs WebAssembly components on key-value stores.
