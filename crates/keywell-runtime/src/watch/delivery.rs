use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keywell_store::BucketName;
use keywell_wasi::Watcher;
use wasmtime::PoolConcurrencyLimitError;

use super::causes;
use super::change::Change;
use crate::call::Call;
use crate::instance::Instances;
use crate::state::TimedOut;

/// Calls the watcher of a component, each time in an instance of its own.
pub(super) struct Delivery {
    pub(super) instances: Instances,
    pub(super) watcher: Watcher,
    /// The bucket that is handed over, by the component's name for it.
    pub(super) bucket: BucketName,
    pub(super) timeout: Duration,
    pub(super) trigger: Arc<str>,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Attempt {
    Delivered,
    /// With the reason, as a dead letter has it.
    Failed(String),
    /// There was no instance for it, whatever room there was: it was not tried.
    NoRoom,
}

// === impl Delivery ===

impl Delivery {
    pub(super) async fn attempt(
        self: Arc<Self>,
        change: Change,
        hops: u32,
        attempt: u32,
    ) -> Attempt {
        let place = self.instances.room().enter_at_length().await;
        let deadline = Instant::now() + self.timeout;
        let running = self.instances.run();
        let guest = {
            let (delivery, change) = (self.clone(), change.clone());
            async move {
                let mut called = pin!(delivery.call(&change, deadline));
                poll_fn(|cx| causes::poll(hops, called.as_mut(), cx)).await
            }
        };
        let ended = Call::new(guest, deadline, running, place).await;
        let Err(error) = ended else {
            return Attempt::Delivered;
        };
        if error.is::<PoolConcurrencyLimitError>() {
            return Attempt::NoRoom;
        }
        let trigger = &*self.trigger;
        tracing::warn!(trigger, attempt, "a delivery failed: {error:#}");
        tracing::debug!(trigger, attempt, key = &*change.key, "a delivery failed");
        Attempt::Failed(self.reason(&error))
    }

    async fn call(&self, change: &Change, deadline: Instant) -> wasmtime::Result<()> {
        let (mut store, instance) = self.instances.instantiate(deadline).await?;
        let (bucket, key) = (&self.bucket, &*change.key);
        match &change.value {
            Some(value) => {
                self.watcher
                    .on_set(&mut store, &instance, bucket, key, value)
                    .await
            }
            None => {
                self.watcher
                    .on_delete(&mut store, &instance, bucket, key)
                    .await
            }
        }
    }

    /// The cause without the places in the code, which are in the log, and without what a store's
    /// own error may tell.
    fn reason(&self, error: &wasmtime::Error) -> String {
        if error.is::<TimedOut>() {
            return format!("the delivery took longer than {:?}", self.timeout);
        }
        match error.downcast_ref::<keywell_store::Error>() {
            Some(error) => format!("the bucket cannot be opened: {}", error.for_guest()),
            None => error.root_cause().to_string(),
        }
    }
}
