//! One attempt at a delivery: it calls the watcher of the component, in an instance of its own.
//!
//! It ends within the timeout, and the reason of a failure shows nothing of the host.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use keywell_store::BucketName;
use keywell_wasi::Watcher;

use crate::call::Call;
use crate::instance::{Instances, Made, is_no_room};
use crate::last_words::LastWords;
use crate::shelf::Shelf;
use crate::state::TimedOut;
use crate::watch::event::KeyEvent;
use crate::watch::hops::poll;

/// Calls the watcher of a component, each time in an instance of its own.
pub(crate) struct Delivery {
    instances: Instances,
    watcher: Watcher,
    /// The bucket that is handed over, by the component's name for it.
    bucket: BucketName,
    timeout: Duration,
    trigger: Arc<str>,
    /// An instance that was made ahead, for the next event.
    spare: Arc<Shelf<Made>>,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Attempt {
    Delivered,
    /// With the reason, as a dead letter has it.
    Failed(String),
    /// There was no instance for it, whatever room there was: it was not tried.
    NoRoom,
}

// === impl Delivery ===

impl Delivery {
    pub(crate) fn new(
        instances: Instances,
        watcher: Watcher,
        bucket: BucketName,
        timeout: Duration,
        trigger: Arc<str>,
    ) -> Self {
        Self {
            spare: instances.room().shelves().add(),
            instances,
            watcher,
            bucket,
            timeout,
            trigger,
        }
    }

    pub(crate) fn trigger(&self) -> &Arc<str> {
        &self.trigger
    }

    pub(crate) fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// How long an attempt may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) async fn attempt(
        self: Arc<Self>,
        event: KeyEvent,
        hops: u32,
        attempt: u32,
    ) -> Attempt {
        let place = self.instances.room().enter_at_length().await;
        let deadline = Instant::now() + self.timeout;
        let running = self.instances.run();
        // Of the instance, once there is one; it may end before this does.
        let last_words: Arc<OnceLock<LastWords>> = Arc::default();
        let guest = {
            let (delivery, event) = (self.clone(), event.clone());
            let last_words = last_words.clone();
            async move {
                let mut called = pin!(delivery.call(&event, deadline, &last_words));
                poll_fn(|cx| poll(hops, called.as_mut(), cx)).await
            }
        };
        let ended = Call::new(
            self.instances.name().clone(),
            guest,
            deadline,
            running,
            Some(place),
        )
        .await;
        let Err(error) = ended else {
            return Attempt::Delivered;
        };
        if is_no_room(&error) {
            return Attempt::NoRoom;
        }
        let trigger = &*self.trigger;
        let reason = self.reason(&error);
        tracing::warn!(trigger, attempt, "a delivery failed: {reason}");
        tracing::debug!(
            trigger,
            attempt,
            key = &*event.key,
            "a delivery failed: {error:#}"
        );
        Attempt::Failed(match last_words.get().and_then(LastWords::read) {
            Some(line) => format!("{reason}; it wrote: {line}"),
            None => reason,
        })
    }

    async fn call(
        &self,
        event: &KeyEvent,
        deadline: Instant,
        last_words: &OnceLock<LastWords>,
    ) -> wasmtime::Result<()> {
        let (mut store, instance) = self.instance(deadline).await?;
        drop(last_words.set(store.data_mut().last_words()));
        let (bucket, key) = (&self.bucket, &*event.key);
        let called = match &event.value {
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
        };
        called.map_err(|error| Instances::explain(&store, error))
    }

    async fn instance(&self, deadline: Instant) -> wasmtime::Result<Made> {
        let Some(mut made) = self.spare.take() else {
            return self.instances.instantiate(deadline).await;
        };
        Instances::resume(&mut made.0, deadline);
        Ok(made)
    }

    /// Makes an instance ahead of the next event, if there is room now: an event that comes alone
    /// does not wait for it then.
    ///
    /// What a component writes while it is made counts as caused by the delivery before.
    pub(crate) fn prepare(self: Arc<Self>, hops: u32) -> Option<Call> {
        if !self.spare.is_empty() {
            return None;
        }
        let place = self.instances.room().try_enter()?;
        let (deadline, running) = (self.instances.deadline(), self.instances.run());
        let name = self.instances.name().clone();
        let preparing = async move {
            let mut making = pin!(self.instances.prepare());
            let made = poll_fn(|cx| poll(hops, making.as_mut(), cx)).await?;
            self.spare.keep(made);
            Ok(())
        };
        Some(Call::new(name, preparing, deadline, running, Some(place)))
    }

    /// The cause without the places in the code, which are in the log, and without what a store's
    /// own error may show.
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
