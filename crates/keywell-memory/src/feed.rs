use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use keywell_store::feed::{self, Chunk, Feed};
use keywell_store::{Event, Filter, Result, Version, Watch};
use tokio::time::{Instant, timeout_at};

use crate::data::MemoryBucket;
use crate::log::{Kind, Record};
use crate::sweep;

/// The log of a bucket, as a watch reads it. A position is the number of a write.
pub(crate) struct LogFeed {
    bucket: Arc<MemoryBucket>,
    filter: Filter,
}

/// Watches a bucket from the position after a write. The watch ends with an error if it falls behind
/// the history.
pub(crate) fn watch(bucket: Arc<MemoryBucket>, filter: Filter, after: u64) -> Watch {
    let issuer = bucket.issuer();
    let feed = LogFeed { bucket, filter };
    feed::follow([(feed, after)], move |positions| issuer.issue(positions[0]))
}

// === impl LogFeed ===

impl LogFeed {
    /// The longest timer: tokio's have a range of about two years, and times to live of a hundred.
    const LONGEST_SLEEP: Duration = Duration::from_hours(24);
}

impl Feed for LogFeed {
    type Position = u64;

    async fn after(&mut self, position: &u64) -> Result<Chunk<u64>> {
        sweep::due(&self.bucket);
        let read = self.bucket.log().read(*position, &self.filter)?;
        let (records, upto) =
            read.map_or((Vec::new(), *position), |read| (read.records, read.upto));
        let numbered = records.into_iter();
        let events = numbered.map(|(number, record)| (number, event(number, record)));
        Ok(Chunk {
            events: events.collect(),
            upto,
        })
    }

    /// Waits for a write or the next deadline.
    async fn wait(&mut self, position: &u64) -> Result<()> {
        let sleeper = self.bucket.log().sleeper();
        let mut woken = pin!(sleeper.woken());
        woken.as_mut().enable();
        if self.bucket.log().latest() != *position {
            return Ok(());
        }
        match self.bucket.alarm().get() {
            Some(due) => {
                let longest = Instant::now() + Self::LONGEST_SLEEP;
                let due = Instant::from_std(self.bucket.clock().instant(due)).min(longest);
                // There may be new records in either case.
                let _ = timeout_at(due, woken).await;
            }
            // Without deadlines no timer is needed, and so no runtime with a time driver.
            None => woken.await,
        }
        Ok(())
    }
}

fn event(number: u64, record: Record) -> Event {
    let key = record.key.as_ref().to_owned();
    let token = None;
    match record.kind {
        Kind::Set(value) => Event::Set {
            key,
            value,
            version: Some(Version::from(number)),
            token,
        },
        Kind::Deleted | Kind::Expired => Event::Delete {
            key,
            expired: matches!(record.kind, Kind::Expired),
            token,
        },
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
        let filter = Filter::All;
        let chunk = LogFeed { bucket, filter }.after(&0).await.unwrap();
        assert_eq!(chunk.events.len(), 2, "one read returns about a megabyte");
    }
}
