//! `http-watcher` on `wasi:keyvalue@0.2.0-draft`, for hosts that serve only that generation.

#[path = "../../http-watcher/src/alert.rs"]
mod alert;
#[path = "../../http-watcher/src/send.rs"]
mod send;

use alert::{KeyChange, Template};
use exports::wasi::keyvalue::watcher::Guest;
use wasi::keyvalue::store::Bucket;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft", world: "watch-service" });

struct Watcher;

export!(Watcher);

impl Guest for Watcher {
    fn on_set(_bucket: Bucket, key: String, value: Vec<u8>) {
        send_alert(KeyChange {
            key: &key,
            value: Some(&value),
        });
    }

    fn on_delete(_bucket: Bucket, key: String) {
        send_alert(KeyChange {
            key: &key,
            value: None,
        });
    }
}

fn send_alert(change: KeyChange<'_>) {
    let template = Template::from_variables(|name| std::env::var(name).ok());
    let sent = template.alert(change).and_then(|alert| send::send(&alert));
    if let Err(error) = sent {
        // What went wrong stands first: of a long line only the beginning is kept.
        eprintln!("no alert: {error}; the key is {:?}", change.key);
        std::process::abort();
    }
}
