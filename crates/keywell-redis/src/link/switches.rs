use std::sync::Arc;
use std::time::Duration;

use keywell_client::Backoff;
use redis::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::finder::{Finder, Sentinels};
use crate::options::Address;
use crate::wire::{DialError, text};

/// Hears from sentinels when another server becomes the primary: the old one may be silent without
/// its connections being lost. Ends when it is dropped.
pub(crate) struct Switches {
    named: Arc<watch::Sender<Option<Address>>>,
    task: JoinHandle<()>,
}

// === impl Switches ===

impl Switches {
    pub(super) fn start(finder: Arc<Finder>, named: Arc<watch::Sender<Option<Address>>>) -> Self {
        let task = tokio::spawn(follow(finder, named.clone()));
        Self { named, task }
    }

    /// The primary that is named, whenever it is another one. A connection that leads there already
    /// is none to give up.
    pub(crate) fn named(&self) -> watch::Receiver<Option<Address>> {
        self.named.subscribe()
    }
}

impl Drop for Switches {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens to one sentinel after the other, each for as long as it is there.
async fn follow(finder: Arc<Finder>, named: Arc<watch::Sender<Option<Address>>>) {
    let Finder::Sentinel(sentinels) = &*finder else {
        return;
    };
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        for sentinel in sentinels.addresses() {
            if let Err(error) = listen(sentinels, sentinel, &named, &mut backoff).await {
                tracing::debug!("a sentinel is listened to no more: {error}");
            }
        }
        backoff.pause().await;
    }
}

/// Listens to a sentinel until its connection is lost.
async fn listen(
    sentinels: &Sentinels,
    sentinel: &Address,
    named: &watch::Sender<Option<Address>>,
    backoff: &mut Backoff,
) -> Result<(), DialError> {
    let name = |primary: Address| {
        named.send_if_modified(|named| {
            let is_other = named.as_ref() != Some(&primary);
            *named = Some(primary);
            is_other
        });
    };
    let failed = |error| DialError::Unreachable(sentinel.clone(), error);
    let mut connection = sentinels.ask.dial(sentinel).await?;
    let subscribe = text("SUBSCRIBE +switch-master");
    let within = sentinels.ask.patience();
    let confirmed = connection.call(&subscribe, within).await.map_err(failed)?;
    if let Value::ServerError(error) = confirmed {
        let problem = format!("{sentinel} refuses subscriptions: {}", error.code());
        return Err(DialError::Other(problem));
    }
    // Once it listens: there is no moment in between in which a switch is missed.
    name(sentinels.ask(sentinel).await?);
    backoff.reset();
    loop {
        let message = connection.reply().await.map_err(failed)?;
        if let Some(primary) = switched(&message, &sentinels.service) {
            name(primary);
        }
    }
}

/// The new primary, if a message is of this service: `<service> <old ip> <old port> <new ip> <new port>`.
fn switched(message: &Value, service: &str) -> Option<Address> {
    let Value::Array(parts) = message else {
        return None;
    };
    let [_, _, Value::BulkString(text)] = &parts[..] else {
        return None;
    };
    let words = std::str::from_utf8(text.strip_prefix(service.as_bytes())?).ok()?;
    let mut words = words.strip_prefix(' ')?.split(' ').skip(2);
    let (host, port) = (words.next()?, words.next()?);
    Some(Address::Tcp {
        host: host.to_owned(),
        port: port.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_of_another_service_is_not_ours() {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let message =
            |text: &str| Value::Array(vec![bulk("message"), bulk("+switch-master"), bulk(text)]);
        let switched = |message| switched(&message, "main").map(|primary| primary.to_string());
        let ours = switched(message("main 1.1.1.1 1 2.2.2.2 2"));
        assert_eq!(ours.as_deref(), Some("2.2.2.2:2"));
        assert_eq!(switched(message("main2 1.1.1.1 1 2.2.2.2 2")), None);
        assert_eq!(switched(message("main 1.1.1.1 1 2.2.2.2")), None);
        assert_eq!(switched(message("main 1.1.1.1 1 2.2.2.2 x")), None);
        assert_eq!(switched(Value::Nil), None);
    }
}
