//! Calls `wasi:keyvalue@0.1.0` in a loop, to measure a host. `bench-wit` says what each export does.

#![no_std]

extern crate alloc;

mod calls;
mod generation;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue-0.1.0", "../bench-wit"],
    inline: "
        package keywell:bench-valued;
        world guest {
            include wasi:keyvalue/imports@0.1.0;
            include keywell:bench/calls;
        }
    ",
    generate_all,
});

export!(Bench);

struct Bench;
