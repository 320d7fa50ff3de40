//! The watcher of the generations whose values are resources.

use crate::alert::{KeyChange, Template};
use crate::exports::wasi::keyvalue::handle_watch::Guest;
use crate::send;
use crate::wasi::keyvalue::types::{Bucket, IncomingValue};

pub struct Watcher;

impl Guest for Watcher {
    fn on_set(_bucket: Bucket, key: String, incoming_value: &IncomingValue) {
        match incoming_value.incoming_value_consume_sync() {
            Ok(value) => send_alert(KeyChange {
                key: &key,
                value: Some(&value),
            }),
            Err(error) => give_up(&error.trace(), &key),
        }
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
        give_up(&error, change.key);
    }
}

fn give_up(error: &str, key: &str) {
    // What went wrong stands first: of a long line only the beginning is kept.
    eprintln!("no alert: {error}; the key is {key:?}");
    std::process::abort();
}
