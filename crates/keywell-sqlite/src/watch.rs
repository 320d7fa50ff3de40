use std::sync::Arc;

use keywell_store::feed::{self, Chunk, Feed};
use keywell_store::{
    Answer, BucketName, Cursor, Error, Filter, Invalid, Result, ResumeToken, Since, Watch,
};
use tokio::sync::watch;

use crate::log::Log;
use crate::open::Open;
use crate::queue::closed;

/// How many versions of others advance the reported position of a watch.
const SKIPPED_VERSIONS: i64 = 64;

/// The changes of one bucket, as a watch reads them. A position is a version.
struct LogFeed {
    open: Arc<Open>,
    bucket: BucketName,
    filter: Arc<Filter>,
    progress: watch::Receiver<Option<i64>>,
}

/// Opens a watch. It has no task, and reads when it is polled.
pub(crate) fn open(
    open: &Arc<Open>,
    bucket: &BucketName,
    filter: Filter,
    since: &Since,
) -> Answer<Watch> {
    let scope: Arc<str> = format!("sqlite-watch/{:016x}/{bucket}", open.core().store).into();
    let resumed = match since {
        Since::Now => None,
        Since::After(token) => match position(token, &scope) {
            Ok(position) => Some(position),
            Err(error) => return error.into(),
        },
    };
    let feed = LogFeed {
        open: open.clone(),
        bucket: bucket.clone(),
        filter: Arc::new(filter),
        progress: open.follow(),
    };
    let log = Log::of(bucket.as_str());
    open.read(move |connection| log.begin(connection, resumed))
        .map(move |position| {
            feed::follow([(feed, position)], move |positions| {
                token(positions[0], &scope)
            })
        })
}

// A token is sealed like a cursor: both are a position with a checksum over their scope.
fn token(position: i64, scope: &str) -> ResumeToken {
    let sealed = Cursor::seal(scope, "", &position.to_be_bytes());
    ResumeToken::from(String::from(sealed))
}

fn position(token: &ResumeToken, scope: &str) -> Result<i64> {
    Cursor::from(token.as_str().to_owned())
        .position(scope, "")
        .ok()
        .and_then(|position| Some(i64::from_be_bytes(position.try_into().ok()?)))
        .ok_or(Error::Invalid(Invalid::Token))
}

// === impl LogFeed ===

impl Feed for LogFeed {
    type Position = i64;

    async fn after(&mut self, position: &i64) -> Result<Chunk<i64>> {
        // Marked as seen before it reads, so that the wait misses nothing.
        if self.progress.borrow_and_update().is_none() {
            return Err(closed());
        }
        let (position, bucket, filter) = (*position, self.bucket.clone(), self.filter.clone());
        let log = Log::of(bucket.as_str());
        self.open
            .read(move |connection| log.read(connection, position, &bucket, &filter))
            .await
    }

    async fn wait(&mut self, _: &i64) -> Result<()> {
        self.progress.changed().await.map_err(|_| closed())
    }

    /// In steps: a caller that stores each position in the same store would otherwise advance it with
    /// every store, for ever.
    fn skips(&self, reached: &i64, upto: &i64) -> bool {
        upto - reached >= SKIPPED_VERSIONS
    }
}
