//! `reactor` on `wasi:keyvalue@0.2.0-draft`.

#[path = "../../reactor/src/react.rs"]
mod react;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft", world: "watch-service" });

export!(Reactor);

use react::Reactor;
