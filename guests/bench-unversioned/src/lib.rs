//! Calls `wasi:keyvalue` without a version in a loop, to measure a host. `bench-wit` says what each export does.

#![no_std]

extern crate alloc;

#[path = "../../bench-0-1-0/src/calls.rs"]
mod calls;
mod generation;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue", "../bench-wit"],
    inline: "
        package keywell:bench-unversioned;
        world guest {
            include wasi:keyvalue/keyvalue;
            include keywell:bench/calls;
        }
    ",
    generate_all,
});

export!(Bench);

struct Bench;
