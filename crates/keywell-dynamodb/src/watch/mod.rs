//! Watches of a bucket, which read the stream of the table: all of its shards, of which the records
//! of the bucket are delivered that the filter wants.
//!
//! A stream keeps its records for 24 hours, so a watch that resumes within them misses none, and one
//! that needs a record that is gone ends as compacted. Records of a key are in one shard, or in the
//! children of a shard that ended, which are read after it.
//!
//! A shard has no number for its end. A new watch therefore marks its beginning: it writes an item
//! under a key that no bucket has, which is hidden from all reads, and waits for it in the stream.
//! Its shard is that of the bucket; of the other shards, the time of its record is kept.

mod feed;
mod place;
mod record;

use std::sync::Arc;

use keywell_store::backend::Watcher;
use keywell_store::{Error, Filter, Invalid, Result, Since, Watch, feed as feeds};

use crate::backing::Backing;
use feed::StreamFeed;
use place::Position;

// === impl Backing ===

impl Watcher for Backing {
    async fn watch(self: Arc<Self>, filter: Filter, since: Since) -> Result<Watch> {
        let Some(stream) = self.stream.clone() else {
            return Err(Error::Unsupported(
                "watching of a table without a stream of both images",
            ));
        };
        let scope = self.scope.clone();
        let feed = match since {
            Since::Now => StreamFeed::begin(self, stream.clone(), filter).await?,
            Since::After(token) => {
                let (of, position) = Position::from_token(&token, &scope)?;
                if of != stream {
                    // The table has a new stream, and nothing of the one before.
                    return Err(Error::Invalid(Invalid::Compacted));
                }
                StreamFeed::resume(self, stream.clone(), filter, position).await?
            }
        };
        let position = feed.beginning().clone();
        let token = move |positions: &[Position]| positions[0].token(&stream, &scope);
        Ok(feeds::follow([(feed, position)], token))
    }
}
