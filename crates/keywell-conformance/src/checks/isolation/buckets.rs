use std::time::Duration;

use keywell_store::{Cas, Change, Error, Expected, Filter, Set, Swap, Watching};

use crate::checks::watch::Listener;
use crate::failure::{Failure, Verdict, same};
use crate::scratch::{Scratch, set, set_for, value};

pub(crate) async fn a_bucket_is_listed_while_it_holds_something(scratch: &Scratch<'_>) -> Verdict {
    let name = scratch.name("")?;
    let store = scratch.subject.store();
    let bucket = scratch.bucket().await?;
    match store.buckets().await {
        Err(Error::Unsupported(_)) => return Ok(()),
        listed => same(
            listed?.contains(&name),
            false,
            "a bucket that holds nothing is not listed",
        )?,
    }
    set(&bucket, "k", "v").await?;
    let listed = store.buckets().await?;
    same(
        listed.contains(&name),
        true,
        "a bucket is listed while it holds something",
    )?;
    let disorder = listed.windows(2).find(|pair| pair[0] >= pair[1]);
    same(
        disorder,
        None,
        "buckets are listed once each, in the order of their names",
    )?;
    bucket.delete("k").await?;
    let listed = store.buckets().await?;
    same(
        listed.contains(&name),
        false,
        "a bucket that was emptied is no longer listed",
    )
}

/// Whether the store lists the bucket of the behaviour; `None` if it lists no buckets.
async fn is_listed(scratch: &Scratch<'_>) -> Result<Option<bool>, Failure> {
    match scratch.subject.store().buckets().await {
        Err(Error::Unsupported(_)) => Ok(None),
        listed => Ok(Some(listed?.contains(&scratch.name("")?))),
    }
}

pub(crate) async fn a_bucket_whose_keys_expired_is_not_listed(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let Some(before) = is_listed(scratch).await? else {
        return Ok(());
    };
    same(before, false, "a bucket that holds nothing is not listed")?;
    for key in ["a", "b"] {
        set_for(&bucket, key, "v", Duration::from_millis(60)).await?;
    }
    for key in ["a", "b"] {
        let ends = || async { Ok(!bucket.exists(key).await?) };
        scratch.until("the time of the key ends", ends).await?;
    }
    let promise = "a bucket whose keys have expired holds nothing, and is not listed";
    same(is_listed(scratch).await?, Some(false), promise)
}

pub(crate) async fn forgetting_what_holds_something_does_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "forgetting a bucket that holds something does nothing";
    let is_resumable = bucket.capabilities().watch.resumes();
    let start = if is_resumable && !scratch.subject.is_unwatched() {
        let listener = Listener::new(scratch, &bucket, Filter::All).await?;
        listener.watch.start().cloned()
    } else {
        None
    };
    for key in ["a", "b", "c", "d", "e", "f"] {
        set(&bucket, key, "v").await?;
        bucket.delete(key).await?;
    }
    set(&bucket, "k", "v").await?;
    let before = bucket.get("k").await?;
    let listed = is_listed(scratch).await?;
    scratch.note("the bucket is to be forgotten");
    scratch.subject.store().forget(&scratch.name("")?).await?;
    for handle in [&bucket, &scratch.bucket().await?] {
        same(handle.get("k").await?, before.clone(), promise)?;
    }
    same(is_listed(scratch).await?, listed, promise)?;
    if let Some(start) = start {
        let mut resumed =
            Listener::resumed(scratch, &bucket, Filter::Key("a".into()), start).await?;
        resumed.hears(&["a=v", "-a"], promise).await?;
    }
    Ok(())
}

pub(crate) async fn a_forgotten_bucket_starts_empty(scratch: &Scratch<'_>) -> Verdict {
    let (bucket, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    let declared = bucket.capabilities();
    set(&other, "k", "of the other").await?;
    let version = set(&bucket, "k", "old").await?;
    bucket.delete("k").await?;
    scratch.note("the bucket is forgotten");
    scratch.subject.store().forget(&scratch.name("")?).await?;
    let promise = "a bucket that was forgotten holds nothing, and others are unchanged";
    same(bucket.get("k").await?, None, promise)?;
    let kept = value(&other, "k").await?;
    same(kept, Some("of the other".into()), promise)?;
    let promise = "a bucket that was forgotten can be used again";
    for handle in [bucket, scratch.bucket().await?] {
        if declared.watch == Watching::None || scratch.subject.is_unwatched() {
            set(&handle, "k", "new").await?;
        } else {
            let mut listener = Listener::new(scratch, &handle, Filter::All).await?;
            set(&handle, "k", "new").await?;
            listener.hears(&["k=new"], promise).await?;
        }
        same(value(&handle, "k").await?, Some("new".into()), promise)?;
        if declared.cas == Cas::ByVersion {
            let change = Change::Set("late".into(), Set::default());
            let late = handle
                .swap("k", Expected::At(version.clone()), change)
                .await?;
            let promise = "a version from before a bucket was forgotten is not used again";
            same(late, Swap::Stale, promise)?;
        }
    }
    Ok(())
}
