//! `http-watcher` on `wasi:keyvalue` without a version, whose watcher is `handle-watch` and takes values as resources.

#[path = "../../http-watcher/src/alert.rs"]
mod alert;
#[path = "../../http-watcher/src/send.rs"]
mod send;
#[path = "../../http-watcher-0-1-0/src/watcher.rs"]
mod watcher;

use watcher::Watcher;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue"],
    world: "wasi:keyvalue/keyvalue-handle-watch",
    generate_all,
});

export!(Watcher);
