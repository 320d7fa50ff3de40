use std::time::{Duration, Instant};

use futures::StreamExt as _;
use keywell_store::{Change, Event, Expected, Filter, Invalid, Set, Since, Swap, Watching};

use crate::failure::{Failure, Verdict, answer, holds, invalid, same};
use crate::scratch::{Handle, Scratch, keys, set, set_for, value};

/// A time that a test can wait for.
const SHORT: Duration = Duration::from_millis(60);

/// A time in which something else can be done before it ends, also on a busy machine.
const AMPLE: Duration = Duration::from_secs(3);

/// A time that certainly does not end during a test.
const LONG: Duration = Duration::from_hours(1);

/// By as much a store's clock may be ahead within one key's time: it counts in milliseconds.
const SLACK: Duration = Duration::from_millis(5);

fn put(value: &'static str, ttl: Option<Duration>) -> Change {
    Change::Set(value.into(), Set { ttl })
}

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

pub(crate) async fn a_key_is_gone_when_its_time_ends(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let begun = Instant::now();
    set_for(&bucket, "k", "v", SHORT * 3).await?;
    gone(scratch, &bucket, "k").await?;
    let lasted = begun.elapsed();
    holds(
        lasted + SLACK >= SHORT * 3,
        lasted,
        "a key is not gone before its time ends",
    )?;
    same(
        bucket.get("k").await?,
        None,
        "a key is gone when its time ends",
    )
}

pub(crate) async fn a_key_is_there_until_its_time_ends(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "a key with a time to live is there until it ends";
    for ttl in [LONG, Duration::from_secs(30), Set::MAX_TTL] {
        let version = set_for(&bucket, "k", "v", ttl).await?;
        let read = bucket.get("k").await?;
        let read = read.map(|entry| (entry.value, entry.version));
        same(read, Some(("v".into(), version)), promise)?;
        same(bucket.exists("k").await?, true, promise)?;
    }
    Ok(())
}

pub(crate) async fn nothing_expires_that_was_not_asked_to(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "set", "v").await?;
    bucket.set_many(vec![("batch", "v".into())]).await?;
    set_for(&bucket, "long", "v", LONG).await?;
    after_the_others(scratch, &bucket).await?;
    for key in ["set", "batch", "long"] {
        stays(&bucket, key, "v", "a key stays that was not asked to go").await?;
    }
    Ok(())
}

pub(crate) async fn a_set_ends_an_earlier_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "k", "v", SHORT).await?;
    set(&bucket, "k", "w").await?;
    after_the_others(scratch, &bucket).await?;
    stays(
        &bucket,
        "k",
        "w",
        "a set without a time to live ends an earlier one",
    )
    .await
}

pub(crate) async fn a_set_replaces_an_earlier_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "longer", "v", SHORT).await?;
    set_for(&bucket, "longer", "w", LONG).await?;
    set_for(&bucket, "shorter", "v", LONG).await?;
    set_for(&bucket, "shorter", "w", SHORT).await?;
    after_the_others(scratch, &bucket).await?;
    stays(
        &bucket,
        "longer",
        "w",
        "a set with a longer time replaces a shorter one",
    )
    .await?;
    gone(scratch, &bucket, "shorter").await
}

pub(crate) async fn a_deletion_ends_a_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for key in ["alone", "batch"] {
        set_for(&bucket, key, "v", SHORT).await?;
    }
    bucket.delete("alone").await?;
    bucket.delete_many(&["batch"]).await?;
    for key in ["alone", "batch"] {
        set(&bucket, key, "w").await?;
    }
    after_the_others(scratch, &bucket).await?;
    for key in ["alone", "batch"] {
        stays(
            &bucket,
            key,
            "w",
            "a key that was deleted and set again stays",
        )
        .await?;
    }
    Ok(())
}

pub(crate) async fn a_batch_ends_earlier_times_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for key in ["a", "b"] {
        set_for(&bucket, key, "v", SHORT).await?;
    }
    bucket
        .set_many(vec![("a", "w".into()), ("b", "w".into())])
        .await?;
    after_the_others(scratch, &bucket).await?;
    for key in ["a", "b"] {
        stays(
            &bucket,
            key,
            "w",
            "a batch ends the times to live of what it sets",
        )
        .await?;
    }
    Ok(())
}

pub(crate) async fn an_increment_keeps_the_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "short", "1", AMPLE).await?;
    set_for(&bucket, "long", "1", LONG).await?;
    bucket.increment("short", 1).await?;
    bucket.increment("long", 1).await?;
    gone(scratch, &bucket, "short").await?;
    stays(
        &bucket,
        "long",
        "2",
        "an increment keeps the time to live that there is",
    )
    .await
}

pub(crate) async fn an_expired_counter_starts_anew(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "n", "41", SHORT).await?;
    gone(scratch, &bucket, "n").await?;
    same(
        bucket.increment("n", 2).await?,
        2,
        "an expired counter starts anew",
    )?;
    after_the_others(scratch, &bucket).await?;
    stays(
        &bucket,
        "n",
        "2",
        "a counter that starts anew has no time to live",
    )
    .await
}

pub(crate) async fn a_swap_can_give_a_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let version = set(&bucket, "there", "v").await?;
    let promise = "a swap can give a time to live";
    let there = bucket
        .swap("there", Expected::At(version), put("w", Some(SHORT)))
        .await?;
    let none = bucket
        .swap("none", Expected::Absent, put("w", Some(SHORT)))
        .await?;
    for done in [there, none] {
        holds(matches!(done, Swap::Done(Some(_))), &done, promise)?;
    }
    gone(scratch, &bucket, "there").await?;
    gone(scratch, &bucket, "none").await
}

pub(crate) async fn a_swap_ends_an_earlier_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let version = set_for(&bucket, "k", "v", AMPLE).await?;
    let done = bucket
        .swap("k", Expected::At(version), put("w", None))
        .await?;
    let promise = "a swap without a time to live ends an earlier one";
    holds(matches!(done, Swap::Done(Some(_))), &done, promise)?;
    set_for(&bucket, "later", "v", AMPLE).await?;
    gone(scratch, &bucket, "later").await?;
    stays(&bucket, "k", "w", promise).await
}

pub(crate) async fn a_stale_swap_changes_no_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "a stale swap changes no time to live";
    set(&bucket, "forever", "v").await?;
    let stale = bucket
        .swap("forever", Expected::Absent, put("w", Some(SHORT)))
        .await?;
    same(stale, Swap::Stale, promise)?;
    set_for(&bucket, "short", "v", AMPLE).await?;
    let stale = bucket
        .swap("short", Expected::Absent, put("w", None))
        .await?;
    same(stale, Swap::Stale, promise)?;
    gone(scratch, &bucket, "short").await?;
    stays(&bucket, "forever", "v", promise).await
}

pub(crate) async fn an_expired_key_is_absent_for_a_swap(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let version = set_for(&bucket, "k", "v", SHORT).await?;
    gone(scratch, &bucket, "k").await?;
    let stale = bucket
        .swap("k", Expected::At(version), put("w", None))
        .await?;
    same(
        stale,
        Swap::Stale,
        "the version of an expired key no longer stands",
    )?;
    let done = bucket.swap("k", Expected::Absent, put("w", None)).await?;
    let promise = "an expired key is absent for a swap";
    holds(matches!(done, Swap::Done(Some(_))), &done, promise)?;
    after_the_others(scratch, &bucket).await?;
    stays(&bucket, "k", "w", "a key created anew has no time to live").await
}

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

pub(crate) async fn a_watch_tells_what_expired(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut watch = bucket.watch(Filter::Key("k".into()), Since::Now).await?;
    set_for(&bucket, "k", "v", SHORT).await?;
    let promise = "a watch tells that a key's time ended, though nobody touches it";
    // A lossy watch may tell the set within the end, if it comes to read the value too late.
    let mut is_set = bucket.capabilities().watch == Watching::Lossy;
    loop {
        match tokio::time::timeout(scratch.patience(), watch.next()).await {
            Ok(Some(Ok(Event::Gap))) => return Err(Failure::inconclusive("events were lost")),
            Ok(Some(Ok(Event::Set { key, .. }))) if key == "k" => is_set = true,
            Ok(Some(Ok(Event::Delete { expired: true, .. }))) if is_set => break,
            Ok(Some(event)) => return Err(Failure::new(answer(&event), promise)),
            Ok(None) | Err(_) => return Err(Failure::new("nothing more is told", promise)),
        }
    }
    same(
        bucket.exists("k").await?,
        false,
        "what is told to have expired is gone",
    )
}

pub(crate) async fn a_time_to_live_has_bounds(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "there", "old").await?;
    let out_of_bounds = [
        Duration::ZERO,
        Duration::from_micros(999),
        Set::MAX_TTL + Duration::from_secs(1),
        Duration::MAX,
    ];
    for ttl in out_of_bounds {
        let promise = "a time to live out of bounds is refused as that";
        for key in ["none", "there"] {
            let answered = set_for(&bucket, key, "new", ttl).await;
            invalid(answered, |blamed| *blamed == Invalid::Ttl, promise)?;
        }
        stays(&bucket, "there", "old", "a refused set writes nothing").await?;
        same(
            bucket.exists("none").await?,
            false,
            "a refused set writes nothing",
        )?;
    }
    Ok(())
}

pub(crate) async fn a_time_to_live_survives_a_restart(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "short", "v", SHORT * 5).await?;
    set_for(&bucket, "long", "v", LONG).await?;
    let bucket = scratch.restart().await?;
    gone(scratch, &bucket, "short").await?;
    stays(
        &bucket,
        "long",
        "v",
        "a key is there after a restart until its time ends",
    )
    .await
}
