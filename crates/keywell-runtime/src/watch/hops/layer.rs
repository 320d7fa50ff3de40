//! The layer that enters the writes of deliveries in the ledger, and how each of them ended.
//!
//! A write is entered before the bucket is called, and the ledger has its end before the caller has
//! its answer. Writes that no delivery makes are passed on, and not entered.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join;
use keywell_store::{
    Action, Answer, Bucket, Capabilities, Change, Collect, Collected, Entry, Error, Expected,
    Filter, List, Operation, Page, Part, Result, Set, Since, Swap, Transacted, Version, Watch,
};
use keywell_wasi::Origin;

use crate::watch::hops::ledger::{BucketPlace, Causes, Effect, Entered};

/// Wraps a bucket so that writes of deliveries are entered in the ledger.
pub(crate) fn layer(
    causes: &Arc<Causes>,
    origin: &Origin,
    bucket: Arc<dyn Bucket>,
) -> Arc<dyn Bucket> {
    let place = BucketPlace::of(&origin.store, origin.bucket.as_str());
    Arc::new(Caused::new(bucket, place, causes.clone()))
}

/// A bucket whose writes are entered among the [`Causes`] of events, where a delivery makes them.
pub(crate) struct Caused {
    inner: Arc<dyn Bucket>,
    place: BucketPlace,
    causes: Arc<Causes>,
}

// === impl Caused ===

impl Caused {
    pub(crate) fn new(inner: Arc<dyn Bucket>, place: BucketPlace, causes: Arc<Causes>) -> Self {
        Self {
            inner,
            place,
            causes,
        }
    }

    fn sets(&self, key: &str, value: &Bytes) -> Option<Entered> {
        self.causes
            .enter(&self.place, key, || self.causes.set(value))
    }

    fn deletes(&self, key: &str) -> Option<Entered> {
        self.causes.enter(&self.place, key, || Effect::Deleted)
    }

    fn counts(&self, key: &str) -> Option<Entered> {
        self.causes.enter(&self.place, key, || Effect::Counted)
    }

    /// Enters a write of a transaction.
    fn writes(&self, part: &Part) -> Option<Entered> {
        let Operation::Write(action) = &part.operation else {
            return None;
        };
        match action {
            Action::Change(Change::Set(value, _)) => self.sets(&part.key, value),
            Action::Change(Change::Delete) => self.deletes(&part.key),
            Action::Increment(_) => self.counts(&part.key),
        }
    }

    /// Reports to the ledger how a write ended, before its caller learns it.
    fn reporting<T: Send + 'static>(
        &self,
        entered: Option<Entered>,
        answer: Answer<T>,
        end: impl FnOnce(&Result<T>) -> End + Send + 'static,
    ) -> Answer<T> {
        let Some(entered) = entered else {
            return answer;
        };
        let causes = self.causes.clone();
        settling(answer, move |result| end(result).report(&causes, entered))
    }
}

/// A write of a transaction that has not run yet. It is taken back if it never does.
struct Pending {
    causes: Arc<Causes>,
    entered: Option<Entered>,
}

// === impl Pending ===

impl Pending {
    fn end(mut self, end: End) {
        if let Some(entered) = self.entered.take() {
            end.report(&self.causes, entered);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(entered) = self.entered.take() {
            End::Not.report(&self.causes, entered);
        }
    }
}

/// What became of a write, as far as its event goes.
#[derive(Clone, Copy)]
enum End {
    Made,
    /// Nothing was changed.
    Not,
    /// It may be made yet, or part of it.
    Unknown,
}

// === impl End ===

impl End {
    fn of<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Made,
            Err(error) if error.nothing_happened() => Self::Not,
            Err(_) => Self::Unknown,
        }
    }

    /// That of each write of a batch: an error may leave some of them made.
    fn of_batch<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Made,
            Err(Error::Invalid(_)) => Self::Not,
            Err(_) => Self::Unknown,
        }
    }

    /// That of the write at this place of a transaction.
    fn of_transacted(outcome: &Result<Transacted>, place: usize) -> Self {
        match outcome {
            Ok(Transacted::Stale(_)) => Self::Not,
            Ok(Transacted::Done(written)) => match written.get(place) {
                Some(written) if !written.has_changed => Self::Not,
                _ => Self::Made,
            },
            Err(_) => Self::of(outcome),
        }
    }

    fn report(self, causes: &Causes, entered: Entered) {
        match self {
            Self::Made => causes.made(entered),
            Self::Not => causes.take_back(entered),
            Self::Unknown => {}
        }
    }
}

/// Looks at an answer on its way.
fn settling<T: Send + 'static>(
    answer: Answer<T>,
    settle: impl FnOnce(&Result<T>) + Send + 'static,
) -> Answer<T> {
    match answer {
        Answer::Now(result) => {
            settle(&result);
            Answer::Now(result)
        }
        Answer::Later(answer) => Answer::later(async move {
            let result = answer.await;
            settle(&result);
            result
        }),
    }
}

/// Two answers, the first of them asked for first.
fn both<T: Send + 'static, U: Send + 'static>(
    first: Answer<T>,
    second: Answer<U>,
) -> Answer<(Result<T>, Result<U>)> {
    match (first, second) {
        (Answer::Now(first), Answer::Now(second)) => Answer::now((first, second)),
        (first, second) => Answer::later(async move { Ok(join(first, second).await) }),
    }
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for Caused {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.inner.get_within(key, max)
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        self.inner.exists(key)
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let entered = self.sets(key, &value);
        self.reporting(entered, self.inner.set(key, value, how), End::of)
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let Some(entered) = self.deletes(key) else {
            return self.inner.delete(key);
        };
        // To delete what is not there makes no event, and the answer does not say which it was.
        let (there, deleted) = (self.inner.exists(key), self.inner.delete(key));
        let causes = self.causes.clone();
        both(there, deleted).and_then(move |(there, deleted)| {
            let end = match there {
                Ok(false) => End::Not,
                _ => End::of(&deleted),
            };
            end.report(&causes, entered);
            deleted
        })
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let entered = match &change {
            Change::Set(value, _) => self.sets(key, value),
            Change::Delete => self.deletes(key),
        };
        let answer = self.inner.swap(key, expected, change);
        self.reporting(entered, answer, |result| match result {
            Ok(Swap::Stale) => End::Not,
            result => End::of(result),
        })
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let entered = self.counts(key);
        let answer = self.inner.increment_or_create(key, delta, created);
        self.reporting(entered, answer, End::of)
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.inner.get_many_within(keys, max)
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.inner.get_with_expiry(keys, max)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let entered = entries.iter().map(|(key, value)| self.sets(key, value));
        let entered: Option<Vec<Entered>> = entered.collect();
        let answer = self.inner.set_many(entries);
        let Some(entered) = entered else {
            return answer;
        };
        let causes = self.causes.clone();
        settling(answer, move |result| {
            let end = End::of_batch(result);
            for entered in entered {
                end.report(&causes, entered);
            }
        })
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        let entered = keys.iter().map(|key| self.deletes(key));
        let Some(entered) = entered.collect::<Option<Vec<Entered>>>() else {
            return self.inner.delete_many(keys);
        };
        let there = Answer::sequence(keys.iter().map(|key| self.inner.exists(key)));
        let deleted = self.inner.delete_many(keys);
        let causes = self.causes.clone();
        both(there, deleted).and_then(move |(there, deleted)| {
            let there = there.unwrap_or_else(|_| vec![true; entered.len()]);
            for (entered, there) in entered.into_iter().zip(there) {
                let end = if there {
                    End::of_batch(&deleted)
                } else {
                    End::Not
                };
                end.report(&causes, entered);
            }
            deleted
        })
    }

    fn admit(&self, mut part: Part) -> Result<Part> {
        if let Some(entered) = self.writes(&part) {
            let pending = Pending {
                causes: self.causes.clone(),
                entered: Some(entered),
            };
            part.on_settled(move |outcome, place| {
                pending.end(End::of_transacted(outcome, place));
            });
        }
        self.inner.admit(part)
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.inner.list(request)
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        self.inner.watch(filter, since)
    }

    /// Lists and sets make no events.
    fn collect(&self, operation: Collect) -> Answer<Collected> {
        self.inner.collect(operation)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use futures::StreamExt as _;
    use keywell_memory::MemoryStore;
    use keywell_store::layer::{Grant, Limits};
    use keywell_store::{BucketName, Event, Store, Transaction};
    use keywell_wasi::Grants;

    use super::*;
    use crate::watch::hops::ledger;

    /// A bucket as deliveries have it, and its ledger.
    struct Fixture {
        store: Arc<dyn Store>,
        causes: Arc<Causes>,
        place: BucketPlace,
        bucket: Arc<dyn Bucket>,
        watch: Watch,
    }

    impl Fixture {
        async fn new() -> Self {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
            let name = BucketName::default();
            let (grant, limits) = (Grant::default(), Limits::default());
            let grants =
                Grants::none().with(name.clone(), store.clone(), name.clone(), grant, limits);
            let origin = grants.origin(&name).unwrap();
            let causes = Arc::new(Causes::new());
            let inner = store.open(&name).await.unwrap();
            let watch = inner.watch(Filter::All, Since::Now).await.unwrap();
            let bucket = layer(&causes, &origin, inner);
            let place = BucketPlace::new(&origin);
            Self {
                store,
                causes,
                place,
                bucket,
                watch,
            }
        }

        /// The next event, and how many deliveries led to it.
        async fn event(&mut self) -> (bool, u32) {
            let event = self.watch.next().await.unwrap().unwrap();
            let value = match &event {
                Event::Set { value, .. } => Some(value.clone()),
                _ => None,
            };
            let key = event.key().unwrap();
            let hops = self.causes.hops(1, &self.place, key, value.as_ref());
            (value.is_some(), hops)
        }
    }

    /// Does as a delivery of so many hops would.
    fn deliver(hops: u32, writes: impl Future<Output = Result<()>>) -> Result<()> {
        let writes = std::pin::pin!(writes);
        let writes: Pin<&mut dyn Future<Output = Result<()>>> = writes;
        match ledger::poll(hops, writes, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => ended,
            Poll::Pending => panic!("a store in memory answers at once"),
        }
    }

    #[tokio::test]
    async fn a_chain_is_counted_whatever_it_writes_besides() {
        for is_batch in [false, true] {
            let mut fixture = Fixture::new().await;
            for hops in 0..20 {
                let bucket = &fixture.bucket;
                let ended = deliver(hops, async {
                    bucket.set("k", "v".into(), Set::default()).await?;
                    if is_batch {
                        bucket.delete_many(&["k", "k"]).await?;
                        return bucket.delete_many(&["k"]).await;
                    }
                    bucket.delete("k").await?;
                    bucket.delete("k").await
                });
                ended.unwrap();
                assert_eq!(fixture.event().await, (true, hops + 1));
                assert_eq!(fixture.event().await, (false, hops + 1));
            }
        }
    }

    #[tokio::test]
    async fn what_changes_nothing_causes_nothing() {
        let mut fixture = Fixture::new().await;
        let bucket = fixture.bucket.clone();
        let ended = deliver(7, async {
            bucket.delete("k").await?;
            bucket.delete_many(&["k"]).await?;
            let change = Change::Set("v".into(), Set::default());
            let old = bucket.set("other", "v".into(), Set::default()).await?;
            bucket.delete("other").await?;
            let swap = bucket.swap("k", Expected::At(old), change).await?;
            assert_eq!(swap, Swap::Stale);
            bucket.set("text", "v".into(), Set::default()).await?;
            let refused = bucket.increment("text", 1).await;
            assert!(matches!(refused, Err(Error::Invalid(_))));
            Ok(())
        });
        ended.unwrap();
        assert_eq!(fixture.event().await, (true, 8));
        assert_eq!(fixture.event().await, (false, 8));
        assert_eq!(fixture.event().await, (true, 8));
        bucket
            .set("text", "w".into(), Set::default())
            .await
            .unwrap();
        assert_eq!(fixture.event().await, (true, 0));
        bucket.set("k", "v".into(), Set::default()).await.unwrap();
        assert_eq!(fixture.event().await, (true, 0));
        bucket.delete("k").await.unwrap();
        assert_eq!(fixture.event().await, (false, 0));
    }

    fn set(value: &'static str) -> Action {
        Action::Change(Change::Set(value.into(), Set::default()))
    }

    /// Runs these writes as a transaction, if a key is absent, and answers whether it is.
    async fn transact(fixture: &Fixture, absent: &str, writes: &[(&str, Action)]) -> Result<bool> {
        let mut transaction = Transaction::default();
        transaction.check(&*fixture.bucket, absent, Expected::Absent)?;
        for (key, action) in writes {
            transaction.write(&*fixture.bucket, key, action.clone())?;
        }
        let outcome = transaction.run(&*fixture.store).await?;
        Ok(matches!(outcome, Transacted::Done(_)))
    }

    #[tokio::test]
    async fn a_chain_of_transactions_is_counted() {
        let mut fixture = Fixture::new().await;
        for hops in 0..20 {
            let ended = deliver(hops, async {
                let writes = [("k", set("v")), ("count", Action::Increment(1))];
                assert!(transact(&fixture, "none", &writes).await?);
                let delete = Action::Change(Change::Delete);
                assert!(transact(&fixture, "none", &[("k", delete)]).await?);
                Ok(())
            });
            ended.unwrap();
            assert_eq!(fixture.event().await, (true, hops + 1));
            assert_eq!(fixture.event().await, (true, hops + 1));
            assert_eq!(fixture.event().await, (false, hops + 1));
        }
    }

    #[tokio::test]
    async fn transactions_that_change_nothing_cause_nothing() {
        let mut fixture = Fixture::new().await;
        let bucket = fixture.bucket.clone();
        let how = Set::default();
        bucket.set("there", "v".into(), how).await.unwrap();
        bucket.set("text", "v".into(), how).await.unwrap();
        let ended = deliver(7, async {
            // Stale, refused, without an effect, and never run.
            assert!(!transact(&fixture, "there", &[("k", set("v"))]).await?);
            let refused = [("k", set("v")), ("text", Action::Increment(1))];
            let refused = transact(&fixture, "none", &refused).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
            let delete = Action::Change(Change::Delete);
            assert!(transact(&fixture, "none", &[("k", delete)]).await?);
            let mut transaction = Transaction::default();
            transaction.write(&*fixture.bucket, "k", set("v"))?;
            Ok(())
        });
        ended.unwrap();
        bucket.set("k", "v".into(), how).await.unwrap();
        bucket.delete("k").await.unwrap();
        for is_set in [true, true, true, false] {
            assert_eq!(fixture.event().await, (is_set, 0));
        }
    }
}
