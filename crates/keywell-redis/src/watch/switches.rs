use std::sync::Weak;
use std::time::Duration;

use redis::Value;

use super::hub::Hub;
use crate::link::{Backoff, Link};
use crate::wire::text;

/// Hears from sentinels when another server becomes the primary: the old one may be silent without
/// its connections being lost. Returns where there are no sentinels.
pub(super) async fn follow(link: &Link, hub: &Weak<Hub>) {
    let Some(sentinels) = link.sentinels() else {
        return;
    };
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    let mut known = None;
    loop {
        for sentinel in sentinels.addresses() {
            let Ok((mut connection, primary)) = sentinels.ask(sentinel).await else {
                continue;
            };
            if known
                .replace(primary.clone())
                .is_some_and(|known| known != primary)
            {
                let Some(hub) = hub.upgrade() else { return };
                hub.reconnect();
            }
            if connection
                .send(&[&text("SUBSCRIBE +switch-master")])
                .await
                .is_err()
            {
                continue;
            }
            backoff.reset();
            while let Ok(message) = connection.reply().await {
                if is_about(&message, sentinels.service()) {
                    let Some(hub) = hub.upgrade() else { return };
                    hub.reconnect();
                    break;
                }
            }
        }
        backoff.pause().await;
    }
}

/// Whether a message is of this service: `<service> <old ip> <old port> <new ip> <new port>`.
fn is_about(message: &Value, service: &str) -> bool {
    let Value::Array(parts) = message else {
        return false;
    };
    let [_, _, Value::BulkString(text)] = &parts[..] else {
        return false;
    };
    let words = text.strip_prefix(service.as_bytes());
    words.is_some_and(|rest| rest.starts_with(b" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_of_another_service_is_not_ours() {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let message =
            |text: &str| Value::Array(vec![bulk("message"), bulk("+switch-master"), bulk(text)]);
        assert!(is_about(&message("main 1.1.1.1 1 2.2.2.2 2"), "main"));
        assert!(!is_about(&message("main2 1.1.1.1 1 2.2.2.2 2"), "main"));
        assert!(!is_about(&Value::Nil, "main"));
    }
}
