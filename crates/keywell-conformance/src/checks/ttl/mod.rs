mod ends;
mod expired;
mod swaps;
mod writes;

pub(crate) use ends::*;
pub(crate) use expired::*;
pub(crate) use swaps::*;
pub(crate) use writes::*;

use std::time::Duration;

use crate::failure::{Verdict, same};
use crate::scratch::{Handle, Scratch, set_for, value};

/// A time that a test can wait for.
const SHORT: Duration = Duration::from_millis(60);

/// A time in which something else can be done before it ends, also on a busy machine.
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

/// Judges a key whose time has to be at its end by now.
async fn stays(bucket: &Handle, key: &str, written: &'static str, promise: &str) -> Verdict {
    same(value(bucket, key).await?, Some(written.into()), promise)
}
