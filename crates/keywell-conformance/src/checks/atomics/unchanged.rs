//! Changes that a swap must notice.

use keywell_store::Expected;

use super::{is_stale, swap};
use crate::failure::{Verdict, same};
use crate::scratch::{Scratch, set, value};

pub(crate) async fn a_value_changed_and_changed_back_is_stale(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let read = set(&bucket, "k", "a").await?;
    set(&bucket, "k", "b").await?;
    set(&bucket, "k", "a").await?;
    let late = swap(&bucket, "k", Expected::At(read), "mine").await?;
    is_stale(
        late,
        "a value that was changed and changed back is not taken for unchanged",
    )?;
    same(
        value(&bucket, "k").await?,
        Some("a".into()),
        "a stale swap writes nothing",
    )
}

pub(crate) async fn a_key_deleted_and_created_again_is_stale(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "a key that was deleted and created again is not taken for unchanged";
    let first = set(&bucket, "k", "a").await?;
    bucket.delete("k").await?;
    let second = set(&bucket, "k", "a").await?;
    let late = swap(&bucket, "k", Expected::At(first.clone()), "mine").await?;
    is_stale(late, promise)?;
    bucket.delete("k").await?;
    swap(&bucket, "k", Expected::Absent, "a").await?;
    for read in [first, second] {
        let late = swap(&bucket, "k", Expected::At(read), "mine").await?;
        is_stale(late, promise)?;
    }
    same(
        value(&bucket, "k").await?,
        Some("a".into()),
        "a stale swap writes nothing",
    )
}

pub(crate) async fn an_increment_makes_a_read_stale(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let read = set(&bucket, "n", "1").await?;
    bucket.increment("n", 1).await?;
    let late = swap(&bucket, "n", Expected::At(read), "10").await?;
    is_stale(late, "an increment makes what was read before it stale")?;
    same(
        value(&bucket, "n").await?,
        Some("2".into()),
        "a stale swap writes nothing",
    )
}

pub(crate) async fn a_batch_makes_a_read_stale(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "a batch makes what was read before it stale";
    let read = set(&bucket, "k", "old").await?;
    bucket
        .set_many(vec![("j", "new".into()), ("k", "new".into())])
        .await?;
    is_stale(
        swap(&bucket, "k", Expected::At(read), "mine").await?,
        promise,
    )?;
    let read = set(&bucket, "k", "old").await?;
    bucket.delete_many(&["j", "k"]).await?;
    is_stale(
        swap(&bucket, "k", Expected::At(read), "mine").await?,
        promise,
    )?;
    same(
        value(&bucket, "k").await?,
        None,
        "a stale swap writes nothing",
    )
}
