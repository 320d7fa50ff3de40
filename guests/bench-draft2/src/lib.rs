//! Calls `wasi:keyvalue@0.2.0-draft2` in a loop, to measure a host. `bench-wit` says what each export does.

#![no_std]

extern crate alloc;

mod calls;
mod generation;
mod swap;

wit_bindgen::generate!({
    path: ["../../wit/keyvalue-0.2.0-draft2", "../bench-wit"],
    inline: "
        package keywell:bench-draft2;
        world guest {
            include wasi:keyvalue/imports@0.2.0-draft2;
            include keywell:bench/calls;
        }
    ",
    generate_all,
});

export!(Bench);

struct Bench;
