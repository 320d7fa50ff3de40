use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::stream;
use keywell_store::{Event, Filter, Result, Version, Watch};
use tokio::task::coop;
use tokio::time::{Instant, timeout_at};

use crate::data::MemoryBucket;
use crate::log::{Kind, Record};
use crate::sweep;

/// Reads the log of a bucket at its own pace. Holds a bounded number of records.
pub(crate) struct Watcher {
    bucket: Arc<MemoryBucket>,
    filter: Filter,
    /// The number of the last record that was read.
    upto: u64,
    /// Records that are read and not yet delivered.
    ahead: VecDeque<(u64, Record)>,
    /// The number up to which all events are delivered.
    reached: Arc<AtomicU64>,
}

// === impl Watcher ===

impl Watcher {
    /// The longest timer: tokio's have a range of about two years, and times to live of a hundred.
    const LONGEST_SLEEP: Duration = Duration::from_hours(24);

    /// Watches from the position after a write.
    pub(crate) fn new(bucket: Arc<MemoryBucket>, filter: Filter, after: u64) -> Self {
        Self {
            bucket,
            filter,
            upto: after,
            ahead: VecDeque::new(),
            reached: Arc::new(AtomicU64::new(after)),
        }
    }

    /// The stream of events, which ends with an error if it falls behind the history.
    pub(crate) fn watch(self) -> Watch {
        let start = self.bucket.issuer().issue(self.upto);
        let (bucket, reached) = (self.bucket.clone(), self.reached.clone());
        let reached = move || bucket.issuer().issue(reached.load(Ordering::Relaxed));
        let events = stream::unfold(Some(self), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await {
                Ok(event) => Some((Ok(event), Some(watcher))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Watch::new(Some(start), events).reaching(reached)
    }

    async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some((sequence, record)) = self.ahead.pop_front() {
                self.reached.store(sequence, Ordering::Relaxed);
                return Ok(self.event(sequence, record));
            }
            self.reached.store(self.upto, Ordering::Relaxed);
            // Many records that the filter excludes must not block the thread.
            coop::consume_budget().await;
            sweep::due(&self.bucket);
            if !self.read()? {
                self.sleep().await?;
            }
        }
    }

    /// Reads the log; whether there were new records.
    fn read(&mut self) -> Result<bool> {
        let Some(chunk) = self.bucket.log().read(self.upto, &self.filter)? else {
            return Ok(false);
        };
        self.upto = chunk.upto;
        self.ahead = chunk.records.into();
        Ok(true)
    }

    /// Waits for a write or the next deadline.
    async fn sleep(&mut self) -> Result<()> {
        let bucket = self.bucket.clone();
        let sleeper = bucket.log().sleeper();
        let mut woken = pin!(sleeper.woken());
        woken.as_mut().enable();
        if self.read()? {
            return Ok(());
        }
        let longest = Instant::now() + Self::LONGEST_SLEEP;
        match bucket.alarm().get() {
            Some(due) => {
                let due = Instant::from_std(bucket.clock().instant(due)).min(longest);
                // There may be new records in either case.
                let _ = timeout_at(due, woken).await;
            }
            // Without deadlines no timer is needed, and so no runtime with a time driver.
            None => woken.await,
        }
        Ok(())
    }

    fn event(&self, sequence: u64, record: Record) -> Event {
        let token = Some(self.bucket.issuer().issue(sequence));
        let key = record.key.as_ref().to_owned();
        match record.kind {
            Kind::Set(value) => Event::Set {
                key,
                value,
                version: Some(Version::from(sequence)),
                token,
            },
            Kind::Deleted | Kind::Expired => Event::Delete {
                key,
                expired: matches!(record.kind, Kind::Expired),
                token,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use bytes::Bytes;
    use futures::{FutureExt as _, StreamExt as _};
    use keywell_store::{Answer, Bucket as _, BucketName, Set, Since, StoreId};

    use super::*;
    use crate::History;

    fn bucket() -> Arc<MemoryBucket> {
        MemoryBucket::new(
            StoreId::unique(),
            &BucketName::default(),
            History::default(),
            Arc::default(),
            None,
        )
    }

    fn watch(bucket: &MemoryBucket) -> Watch {
        match bucket.watch(Filter::All, Since::Now) {
            Answer::Now(Ok(watch)) => watch,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_dropped_watch_is_no_longer_counted_and_frees_the_bucket() {
        let bucket = bucket();
        let (mut one, other) = (watch(&bucket), watch(&bucket));
        assert!(one.next().now_or_never().is_none(), "nothing was written");
        assert_eq!(bucket.log().sleepers(), 1);
        drop(one);
        assert_eq!(bucket.log().sleepers(), 0);

        let weak = Arc::downgrade(&bucket);
        drop(bucket);
        assert!(weak.upgrade().is_some(), "a watch keeps its bucket");
        drop(other);
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn the_first_watch_waits_for_writes_in_progress() {
        let bucket = bucket();
        let writing = bucket.stripes().at(7).write();
        let watching = thread::spawn({
            let bucket = bucket.clone();
            move || drop(watch(&bucket))
        });
        while !bucket.log().is_recording() {
            thread::yield_now();
        }
        for _ in 0..1000 {
            thread::yield_now();
            assert!(!watching.is_finished());
        }
        drop(writing);
        watching.join().expect("it does not panic");
    }

    #[tokio::test]
    async fn a_slow_watch_holds_a_bounded_number_of_records() {
        let bucket = bucket();
        let _recording = watch(&bucket);
        for _ in 0..50 {
            let value = Bytes::from(vec![0; 512 * 1024]);
            bucket.set("k", value, Set::default()).await.unwrap();
        }
        let mut watcher = Watcher::new(bucket, Filter::All, 0);
        watcher.next().await.unwrap();
        assert_eq!(watcher.ahead.len(), 1, "one read returns about a megabyte");
    }
}
