//! Calls the other shape of `wasi:keyvalue@0.2.0-draft2` in a loop, to measure a host. `bench-wit` says what each
//! export does.

#![no_std]

extern crate alloc;

#[path = "../../bench-draft2/src/calls.rs"]
mod calls;
mod generation;
#[path = "../../bench-draft2/src/swap.rs"]
mod swap;

wit_bindgen::generate!({
    path: ["../../wit/keyvalue-0.2.0-draft2-pairs", "../bench-wit"],
    inline: "
        package keywell:bench-draft2-pairs;
        world guest {
            include wasi:keyvalue/imports@0.2.0-draft2;
            include keywell:bench/calls;
        }
    ",
    generate_all,
});

export!(Bench);

struct Bench;
