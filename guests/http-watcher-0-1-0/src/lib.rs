//! `http-watcher` on `wasi:keyvalue@0.1.0`, whose watcher is `handle-watch` and takes values as resources.

#[path = "../../http-watcher/src/alert.rs"]
mod alert;
#[path = "../../http-watcher/src/send.rs"]
mod send;
mod watcher;

use watcher::Watcher;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue-0.1.0"],
    world: "wasi:keyvalue/watch-service@0.1.0",
    generate_all,
});

export!(Watcher);
