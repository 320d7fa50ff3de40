//! Live watches of the buckets that keep no history.

use std::sync::Arc;

use keywell_store::feed::{self, Chunk, Feed};
use keywell_store::{Answer, BucketName, Filter, Result, Watch};
use tokio::sync::watch;

use crate::open::Open;
use crate::queue::closed;

/// The changes of one bucket without history. A position is the number of a change.
struct LiveFeed {
    open: Arc<Open>,
    bucket: BucketName,
    filter: Filter,
    last: watch::Receiver<Option<u64>>,
}

/// Opens a watch of a bucket without history.
pub(crate) fn open(open: &Arc<Open>, bucket: &BucketName, filter: Filter) -> Answer<Watch> {
    let last = open.core().live.subscribe();
    let Some(position) = *last.borrow() else {
        return closed().into();
    };
    let feed = LiveFeed {
        open: open.clone(),
        bucket: bucket.clone(),
        filter,
        last,
    };
    Answer::now(feed::follow_live([(feed, position)]))
}

// === impl LiveFeed ===

impl Feed for LiveFeed {
    type Position = u64;

    async fn after(&mut self, position: &u64) -> Result<Chunk<u64>> {
        if self.last.borrow().is_none() {
            return Err(closed());
        }
        let core = self.open.core();
        // The directory has the number of a bucket before its first change is published.
        let bucket = core.directory.find(&self.bucket);
        Ok(core.live.after(*position, bucket, &self.filter))
    }

    async fn wait(&mut self, position: &u64) -> Result<()> {
        let is_more = |last: &Option<u64>| last.is_none_or(|last| last > *position);
        let last = self.last.wait_for(is_more).await;
        last.map(drop).map_err(|_| closed())
    }
}
