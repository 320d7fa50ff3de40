use keywell_store::{Ends, Filter, Since};

use super::{LONG, SHORT, after_the_others, await_expiration, gone};
use crate::checks::watch::Listener;
use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Scratch, keys, set, set_for};

pub(crate) async fn an_expired_key_is_in_no_answer(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "stays", "v").await?;
    set_for(&bucket, "k", "v", SHORT).await?;
    gone(scratch, &bucket, "k").await?;
    same(bucket.get("k").await?, None, "an expired key has no value")?;
    let many = bucket.get_many(&["k", "stays", "k"]).await?;
    let there: Vec<bool> = many.iter().map(Option::is_some).collect();
    same(
        there,
        vec![false, true, false],
        "an expired key is in no batch",
    )?;
    bucket.delete("k").await?;
    same(
        bucket.exists("k").await?,
        false,
        "an expired key can be deleted, to no effect",
    )
}

pub(crate) async fn an_expired_key_is_not_listed(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for n in 0..20 {
        let ttl = if n % 2 == 0 { SHORT } else { LONG };
        set_for(&bucket, &format!("k{n:02}"), "v", ttl).await?;
    }
    after_the_others(scratch, &bucket).await?;
    for n in (0..20).step_by(2) {
        gone(scratch, &bucket, &format!("k{n:02}")).await?;
    }
    let mut listed = keys(&bucket, "", 3).await?;
    listed.sort_unstable();
    let left: Vec<String> = (0..20)
        .skip(1)
        .step_by(2)
        .map(|n| format!("k{n:02}"))
        .collect();
    same(listed, left, "a listing has no expired key, and all others")
}

pub(crate) async fn a_watch_delivers_expirations(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut watch = bucket.watch(Filter::Key("k".into()), Since::Now).await?;
    set_for(&bucket, "k", "v", SHORT).await?;
    let is_set = await_expiration(scratch, &mut watch, "k").await?;
    // A watch that coalesces may do so with the set if it reads the value too late.
    let is_possible = is_set || bucket.capabilities().watch.coalesces();
    holds(
        is_possible,
        "the expiration",
        "a watch delivers the set before the expiration",
    )?;
    same(
        bucket.exists("k").await?,
        false,
        "a key is gone once its expiration is delivered",
    )
}

pub(crate) async fn an_expiration_is_delivered_before_the_next_write(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    let declared = bucket.capabilities();
    let filter = Filter::Key("k".into());
    let mut listener = Listener::new(scratch, &bucket, filter.clone()).await?;
    let start = listener.watch.start().cloned();
    let promise = match declared.ends {
        Ends::Swept => "the expiration of a key is delivered once, before the next write",
        Ends::Late => {
            "a late expiration is delivered once and before the next write, or not at all"
        }
        Ends::Untold => "nothing is delivered for the expiration of a key",
    };
    for (first, again) in [("1", "2"), ("3", "4")] {
        set_for(&bucket, "k", first, SHORT).await?;
        gone(scratch, &bucket, "k").await?;
        set(&bucket, "k", again).await?;
        let (first, again) = (format!("k={first}"), format!("k={again}"));
        let events = [&*first, "~k", &*again];
        hears_expirations(&mut listener, declared.ends, &events, promise).await?;
    }
    let Some(start) = start.filter(|_| declared.watch.resumes()) else {
        return Ok(());
    };
    let mut resumed = Listener::resumed(scratch, &bucket, filter, start).await?;
    let events = ["k=1", "~k", "k=2", "k=3", "~k", "k=4"];
    hears_expirations(&mut resumed, declared.ends, &events, promise).await
}

/// Checks the events of the key `k`, where expirations are delivered as declared.
async fn hears_expirations(
    listener: &mut Listener<'_>,
    ends: Ends,
    events: &[&str],
    promise: &str,
) -> Verdict {
    match ends {
        Ends::Swept => listener.hears(events, promise).await,
        Ends::Late => listener.hears_some(events, &["~k"], promise).await,
        Ends::Untold => {
            let events: Vec<&str> = events.iter().copied().filter(|it| *it != "~k").collect();
            listener.hears(&events, promise).await
        }
    }
}

pub(crate) async fn a_resumed_watch_delivers_missed_expirations(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let watch = bucket.watch(Filter::All, Since::Now).await?;
    let start = watch.start().cloned();
    let promise = "a resumable watch reports its start";
    let start = start.ok_or_else(|| Failure::new("no token", promise))?;
    drop(watch);
    set_for(&bucket, "k", "v", SHORT).await?;
    gone(scratch, &bucket, "k").await?;
    set(&bucket, "end", "v").await?;
    let mut resumed = Listener::resumed(scratch, &bucket, Filter::All, start).await?;
    let promise = "a resumed watch delivers missed expirations, once";
    resumed.hears_all(&["k=v", "~k", "end=v"], promise).await
}
