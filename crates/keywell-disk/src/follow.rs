//! Live watches of the buckets that keep no history.

use std::sync::Arc;

use futures::stream;
use keywell_store::{Answer, BucketName, Event, Filter, Result, Watch};
use tokio::sync::watch;

use crate::open::Open;
use crate::queue::closed;

/// A reader of the changes of one bucket.
struct Follower {
    open: Arc<Open>,
    bucket: BucketName,
    filter: Filter,
    last: watch::Receiver<Option<u64>>,
    /// The number of the last change that was read.
    position: u64,
}

/// Opens a watch of a bucket without history.
pub(crate) fn open(open: &Arc<Open>, bucket: &BucketName, filter: Filter) -> Answer<Watch> {
    let mut last = open.core().live.subscribe();
    let Some(position) = *last.borrow_and_update() else {
        return closed().into();
    };
    let follower = Follower {
        open: open.clone(),
        bucket: bucket.clone(),
        filter,
        last,
        position,
    };
    let events = stream::unfold(Some(follower), |follower| async {
        let mut follower = follower?;
        match follower.next().await {
            Ok(event) => Some((Ok(event), Some(follower))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Answer::now(Watch::new(None, events))
}

// === impl Follower ===

impl Follower {
    async fn next(&mut self) -> Result<Event> {
        loop {
            // Marked as seen before the changes are read, so that one in between wakes the watch.
            if self.last.borrow_and_update().is_none() {
                return Err(closed());
            }
            if let Some(event) = self.read() {
                return Ok(event);
            }
            self.last.changed().await.map_err(|_| closed())?;
        }
    }

    fn read(&mut self) -> Option<Event> {
        let core = self.open.core();
        // The directory has the number of a bucket before its first change is published.
        let bucket = core.directory.find(&self.bucket);
        core.live.next(&mut self.position, bucket, &self.filter)
    }
}
