mod counters;
mod ends;
mod expired;
mod left;
mod swaps;
mod writes;

pub(crate) use counters::*;
pub(crate) use ends::*;
pub(crate) use expired::*;
pub(crate) use left::{
    a_reading_has_what_is_left_of_a_time_to_live, a_write_decides_when_its_entry_expires,
    what_is_left_of_a_time_to_live_runs_down,
};
pub(crate) use swaps::*;
pub(crate) use writes::*;

use std::time::Duration;

use futures::StreamExt as _;
use keywell_store::{Event, Watch};

use crate::failure::{Failure, Verdict, answer, same};
use crate::scratch::{Handle, Scratch, set_for, value};

/// A time that a test can wait for.
const SHORT: Duration = Duration::from_millis(60);

/// A time that leaves room for other calls before it ends, also on a busy machine.
const AMPLE: Duration = Duration::from_secs(3);

/// A time that certainly does not end during a test.
const LONG: Duration = Duration::from_hours(1);

async fn gone(scratch: &Scratch<'_>, bucket: &Handle, key: &str) -> Verdict {
    let promise = format!("the time of {key:?} ends");
    scratch
        .until(&promise, || async { Ok(!bucket.exists(key).await?) })
        .await
}

/// Waits until a key that is set only now, for as long as others were before, is gone.
async fn after_the_others(scratch: &Scratch<'_>, bucket: &Handle) -> Verdict {
    set_for(bucket, "later", "v", SHORT + SHORT).await?;
    gone(scratch, bucket, "later").await
}

/// Reads a watch of one key until it delivers the expiration; answers whether a set came before it.
async fn await_expiration(
    scratch: &Scratch<'_>,
    watch: &mut Watch,
    key: &str,
) -> Result<bool, Failure> {
    let promise = "a watch delivers the expiration of a key that is not accessed";
    let mut is_set = false;
    loop {
        match tokio::time::timeout(scratch.patience(), watch.next()).await {
            Ok(Some(Ok(Event::Gap))) => return Err(Failure::inconclusive("events were lost")),
            Ok(Some(Ok(Event::Set { key: set, .. }))) if set == key => is_set = true,
            Ok(Some(Ok(Event::Delete {
                key: ended,
                expired: true,
                ..
            }))) if ended == key => return Ok(is_set),
            Ok(Some(event)) => return Err(Failure::new(answer(&event), promise)),
            Ok(None) | Err(_) => return Err(Failure::new("no more events", promise)),
        }
    }
}

/// Checks a key that would have expired by now if it still had its time to live.
async fn stays(bucket: &Handle, key: &str, written: &'static str, promise: &str) -> Verdict {
    same(value(bucket, key).await?, Some(written.into()), promise)
}
