//! Calls `wasi:keyvalue@0.2.0-draft` in a loop, to measure a host. `bench-wit` says what each export does.

#![no_std]

extern crate alloc;

#[path = "../../bench-draft2/src/calls.rs"]
mod calls;
mod generation;

wit_bindgen::generate!({
    path: ["../../wit/keyvalue-0.2.0-draft", "../bench-wit"],
    inline: "
        package keywell:bench-draft;
        world guest {
            include wasi:keyvalue/imports@0.2.0-draft;
            include keywell:bench/calls;
        }
    ",
    generate_all,
});

export!(Bench);

struct Bench;
