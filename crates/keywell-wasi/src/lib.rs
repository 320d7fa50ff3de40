//! wasi:keyvalue for Wasmtime, every generation, over any store.
