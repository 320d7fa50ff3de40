//! `http-watcher`, built as components for wasmCloud 1.x are: with its log, and with its configuration values in place of
//! environment variables, which components have none of there.

mod config {
    wit_bindgen::generate!({ path: "../../wit/config-0.2.0-draft", world: "imports" });
}
mod logging {
    wit_bindgen::generate!({ path: "../../wit/logging-0.1.0-draft", world: "imports" });
}
#[path = "../../http-watcher/src/alert.rs"]
mod alert;
#[path = "../../http-watcher/src/send.rs"]
mod send;

use alert::{KeyChange, Template};
use config::wasi::config::runtime;
use exports::wasi::keyvalue::watcher::Guest;
use logging::wasi::logging::logging::{Level, log};
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
    let template = Template::from_variables(|name| runtime::get(name).ok().flatten());
    let sent = template.alert(change).and_then(|alert| send::send(&alert));
    if let Err(error) = sent {
        let problem = format!("no alert: {error}; the key is {:?}", change.key);
        log(Level::Error, "http-watcher", &problem);
        std::process::abort();
    }
}
