//! A store that another process has open.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures::{Stream, stream};
use http::Method;
use keywell_folder::Folder;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Change, Check, Collect, Collected, Entry, Error,
    Event, Expected, Failure, Filter, Invalid, List, Maintenance, Page, Part, Promptness, Result,
    ResumeToken, Set, Since, Store, StoreId, Swap, Transacted, Transacting, Version, Watch, Write,
};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use crate::call::{BucketCall, Call, MOST_BYTES, STORE, Started, Step, Value};
use crate::link::{Fault, Link, Reply};
use crate::server::Server;

/// A store on this machine that another process has open, by way of that process.
///
/// What it answers is what the store answers. A write that was sent and not answered, as where the
/// process was killed, is [`Error::Ambiguous`].
#[derive(Clone)]
pub struct RemoteStore {
    link: Link,
    id: StoreId,
    is_closed: Arc<AtomicBool>,
}

struct RemoteBucket {
    store: RemoteStore,
    name: BucketName,
    capabilities: Capabilities,
}

// === impl RemoteStore ===

impl RemoteStore {
    /// Finds the process that has the store in a folder; none where no process answers there.
    pub async fn find(folder: &Path) -> Option<Self> {
        let link = Link::new(Folder::open(folder).ok()?, Server::STORE);
        link.try_connect().await.ok()?;
        Some(Self {
            link,
            id: StoreId::unique(),
            is_closed: Arc::default(),
        })
    }

    fn ask<T: DeserializeOwned + Send + 'static>(&self, call: &Call) -> Answer<T> {
        let writes = call.writes();
        match self.send(call) {
            Ok(reply) => Answer::later(async move {
                let answer = async { reply.await?.whole().await };
                let answer = answer.await.map_err(|fault| error(fault, writes))?;
                read(&answer)
            }),
            Err(error) => error.into(),
        }
    }

    /// Sends a call once the answer is waited for.
    fn send(
        &self,
        call: &Call,
    ) -> Result<impl Future<Output = Result<Reply, Fault>> + Send + 'static> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the store is closed".into()));
        }
        let body = serde_json::to_vec(call)
            .map_err(|error| Error::Internal(Failure::caused_by("writing a call", error)))?;
        let (bytes, max) = (body.len(), MOST_BYTES);
        if bytes > max {
            return Err(Invalid::BatchTooLarge { bytes, max }.into());
        }
        let link = self.link.clone();
        Ok(async move { link.send(Method::POST, STORE, body).await })
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for RemoteStore {
    fn promptness(&self) -> Promptness {
        Promptness::Waits
    }

    /// The process that has it uses it, too.
    fn is_exclusive(&self) -> bool {
        false
    }

    fn id(&self) -> Option<StoreId> {
        Some(self.id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let (store, name) = (self.clone(), name.clone());
        let opened = self.ask::<Capabilities>(&Call::In(name.clone(), BucketCall::Open));
        opened.map(move |capabilities| {
            Arc::new(RemoteBucket {
                store,
                name,
                capabilities: Capabilities {
                    promptness: Promptness::Waits,
                    ..capabilities
                },
            }) as Arc<dyn Bucket>
        })
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        self.ask(&Call::Transact(checks, writes))
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        self.ask(&Call::Buckets)
    }

    fn forget(&self, name: &BucketName) -> Answer<()> {
        self.ask(&Call::Forget(name.clone()))
    }

    /// Not asked for: the process that has it says how it is kept in its own words.
    fn description(&self, _: &BucketName) -> Answer<Option<String>> {
        Answer::now(None)
    }

    fn health(&self) -> Answer<()> {
        self.ask(&Call::Health)
    }

    fn maintain(&self, task: Maintenance) -> Answer<()> {
        self.ask(&Call::Maintain(task))
    }

    /// Ends the use of it here; the process that has it goes on.
    fn close(&self) -> Answer<()> {
        self.is_closed.store(true, Ordering::Relaxed);
        Answer::now(())
    }
}

// === impl RemoteBucket ===

impl RemoteBucket {
    fn ask<T: DeserializeOwned + Send + 'static>(&self, call: BucketCall) -> Answer<T> {
        self.store.ask(&Call::In(self.name.clone(), call))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for RemoteBucket {
    fn collect(&self, operation: Collect) -> Answer<Collected> {
        self.ask(BucketCall::Collect(operation))
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.ask(BucketCall::Get(key.to_owned(), max))
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.ask(BucketCall::Set(key.to_owned(), Value(value), how))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.ask(BucketCall::Delete(key.to_owned()))
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        self.ask(BucketCall::Exists(key.to_owned()))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        self.ask(BucketCall::Swap(key.to_owned(), expected, change))
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.ask(BucketCall::Increment(key.to_owned(), delta, created))
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.ask(BucketCall::GetMany(owned(keys), max))
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.ask(BucketCall::GetWithExpiry(owned(keys), max))
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let entries = entries.into_iter();
        let entries = entries.map(|(key, value)| (key.to_owned(), Value(value)));
        self.ask(BucketCall::SetMany(entries.collect()))
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        self.ask(BucketCall::DeleteMany(owned(keys)))
    }

    fn admit(&self, part: Part) -> Result<Part> {
        if self.capabilities.transact == Transacting::None {
            return Err(Error::Unsupported("transactions"));
        }
        self.capabilities
            .check(&part.key, part.value().unwrap_or_default())?;
        Ok(part.of(self.store.id, self.name.clone()))
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.ask(BucketCall::List(request))
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let call = Call::In(self.name.clone(), BucketCall::Watch(filter, since));
        let reply = match self.store.send(&call) {
            Ok(reply) => reply,
            Err(error) => return error.into(),
        };
        Answer::later(async move {
            let mut reply = reply.await.map_err(|fault| error(fault, false))?;
            let first = reply.line().await.map_err(|fault| error(fault, false))?;
            let Started { start, reached } = read(&first)?;
            let progress = Arc::new(Progress {
                reached: Mutex::new(reached.clone()),
                coalesced: Arc::default(),
            });
            let watch = Watch::new(start, events(reply, progress.clone()));
            let watch = watch.counting(progress.coalesced.clone());
            Ok(match reached {
                Some(first) => watch.reaching(move || {
                    let reached = progress.reached.lock();
                    reached.clone().unwrap_or_else(|| first.clone())
                }),
                None => watch,
            })
        })
    }
}

/// How far a watch has come.
struct Progress {
    reached: Mutex<Option<ResumeToken>>,
    coalesced: Arc<AtomicU64>,
}

/// The events that come as lines.
fn events(reply: Reply, progress: Arc<Progress>) -> impl Stream<Item = Result<Event>> {
    stream::unfold(Some((reply, progress)), async |open| {
        let (mut reply, progress) = open?;
        loop {
            let line = reply.line().await.map_err(|fault| error(fault, false));
            let step = match line.and_then(|line| read::<Step>(&line)) {
                Ok(step) => step,
                Err(error) => return Some((Err(error), None)),
            };
            *progress.reached.lock() = step.reached;
            progress.coalesced.store(step.coalesced, Ordering::Relaxed);
            if let Some(event) = step.event {
                let open = event.is_ok().then_some((reply, progress));
                return Some((event, open));
            }
        }
    })
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

/// Reads what the store answered.
fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T> {
    serde_json::from_slice(answer).unwrap_or_else(|error| {
        let what = "reading what the process that has the store answered";
        Err(Error::Internal(Failure::caused_by(what, error)))
    })
}

/// What it means for a caller that no answer came.
fn error(fault: Fault, writes: bool) -> Error {
    match fault {
        Fault::Unanswered(failure) if writes => Error::Ambiguous(failure),
        Fault::Unsent(failure) | Fault::Unanswered(failure) => Error::Unavailable(failure),
    }
}
