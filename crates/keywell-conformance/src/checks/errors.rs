use std::time::Duration;

use bytes::Bytes;
use keywell_store::{
    Answer, Change, Cursor, Error, Expected, Filter, List, Result, ResumeToken, Set, Since,
};

use crate::failure::{Failure, Verdict, answer, holds, same};
use crate::scratch::{Handle, Scratch, set, value};

pub(crate) async fn a_refused_call_leaves_the_bucket_usable(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "one").await?;
    for refused in refusals(&bucket, "k").await {
        let Err(error) = refused else { continue };
        let is_sorted = matches!(error, Error::Invalid(_) | Error::Unsupported(_));
        let promise = "a call with invalid arguments is refused as invalid or unsupported";
        holds(is_sorted, &error, promise)?;
        let promise = "a bucket works after a refused call";
        same(value(&bucket, "k").await?, Some("one".into()), promise)?;
        set(&bucket, "k", "two").await?;
        set(&bucket, "k", "one").await?;
        let other = scratch.bucket().await?;
        same(value(&other, "k").await?, Some("one".into()), promise)?;
    }
    Ok(())
}

/// Invalid calls, some for a key whose value is not a number.
async fn refusals(bucket: &Handle, key: &str) -> Vec<Result<()>> {
    let forged = Some(Cursor::from("forged".to_owned()));
    let listing = List {
        cursor: forged,
        ..List::default()
    };
    let token = Since::After(ResumeToken::from("forged".to_owned()));
    let ttl = Some(Duration::ZERO);
    let put = Change::Set(Bytes::new(), Set { ttl });
    vec![
        ignore(bucket.increment(key, 1)).await,
        ignore(bucket.list(listing)).await,
        ignore(bucket.watch(Filter::All, token)).await,
        ignore(bucket.set(key, Bytes::new(), Set { ttl })).await,
        ignore(bucket.swap("none", Expected::Absent, put)).await,
        ignore(bucket.set("", Bytes::new(), Set::default())).await,
        ignore(bucket.get("")).await,
    ]
}

fn ignore<T: 'static>(answered: Answer<T>) -> Answer<()> {
    answered.map(drop)
}

pub(crate) async fn a_refused_increment_leaves_other_counters_usable(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "word", "no number").await?;
    for n in 1..=20 {
        let refused = bucket.increment("word", 1).await;
        holds(
            refused.is_err(),
            refused,
            "what is no number is not counted on",
        )?;
        same(
            bucket.increment("n", 1).await?,
            n,
            "other counters still count",
        )?;
    }
    set(&bucket, "word", "7").await?;
    same(
        bucket.increment("word", 1).await?,
        8,
        "a key counts once it is a number",
    )
}

pub(crate) async fn a_dropped_answer_does_no_harm(scratch: &Scratch<'_>) -> Verdict {
    const DROPPED: i64 = 20;
    let bucket = scratch.bucket().await?;
    let counts = bucket.capabilities().increment;
    set(&bucket, "k", "before").await?;
    for n in 0..DROPPED {
        // Some answers are never polled, some once.
        let mut dropped = bucket.set("k", Bytes::from(n.to_string()), Set::default());
        if n % 2 == 0 {
            drop(futures::poll!(&mut dropped));
        }
        drop(dropped);
        drop(bucket.get("k"));
        drop(bucket.increment("n", 1));
        drop(bucket.get_many(&["k", "n"]));
    }
    set(&bucket, "k", "after").await?;
    set(&bucket, "other", "v").await?;
    let other = scratch.bucket().await?;
    let promise = "a store works when an answer is dropped";
    same(value(&other, "other").await?, Some("v".into()), promise)?;
    // A dropped write may take effect at any time, or never. The value before them is gone, and no
    // other value has replaced it.
    let read = value(&other, "k").await?;
    let is_given = |read: &Bytes| {
        let number = std::str::from_utf8(read).ok().and_then(|n| n.parse().ok());
        *read == "after" || number.is_some_and(|n: i64| (0..DROPPED).contains(&n))
    };
    holds(
        read.as_ref().is_some_and(is_given),
        &read,
        "a key has the value of a dropped write, or of the last awaited one",
    )?;
    if counts {
        let counted = bucket.increment("n", 1).await?;
        holds(
            (1..=DROPPED + 1).contains(&counted),
            counted,
            "a dropped increment is counted once or never",
        )?;
    }
    Ok(())
}

pub(crate) async fn a_refusal_reads_as_one_line(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "no number").await?;
    for refused in refusals(&bucket, "k").await {
        let Err(error) = refused else { continue };
        let text = error.to_string();
        let is_line = !text.is_empty() && !text.contains(['\n', '\r']) && text.len() < 500;
        holds(is_line, &text, "a refusal reads as one line")?;
        let is_debug = text.contains(" { ") || text.contains("Err(") || text.contains("Some(");
        holds(!is_debug, &text, "a refusal is readable text")?;
    }
    Ok(())
}

pub(crate) async fn a_closed_store_takes_no_writes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "before").await?;
    let store = scratch.subject.store();
    store.close().await?;
    scratch.note("the store is closed");
    let answered = bucket.set("k", "after".into(), Set::default()).await;
    let late = bucket.delete("k").await;
    let health = store.health().await;
    drop((bucket, store));
    scratch.subject.open_again().await?;
    let promise = "a closed store answers that it is unavailable";
    for answered in [answered.map(drop), late, health] {
        let is_unavailable = matches!(answered, Err(Error::Unavailable(_)));
        if !is_unavailable {
            return Err(Failure::new(answer(&answered), promise));
        }
    }
    let bucket = scratch.bucket().await?;
    let kept = value(&bucket, "k").await?;
    same(
        kept,
        Some("before".into()),
        "a closed store takes no more writes",
    )
}

pub(crate) async fn closing_a_store_loses_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let keys: Vec<String> = (0..64).map(|n| format!("k{n:02}")).collect();
    // All at once, so that some are in flight when the store is closed.
    let writes = keys
        .iter()
        .map(|key| bucket.set(key, "v".into(), Set::default()));
    let writes = futures::future::join_all(writes);
    let store = scratch.subject.store();
    let (answers, closed) = futures::join!(writes, store.close());
    scratch.note(format!("the store is closed → {}", answer(&closed)));
    drop((bucket, store));
    scratch.subject.open_again().await?;
    closed?;
    let bucket = scratch.bucket().await?;
    for (key, answered) in keys.iter().zip(answers) {
        let there = bucket.exists(key).await?;
        match answered {
            Ok(_) => same(there, true, "what was acknowledged is kept")?,
            Err(error) if error.nothing_happened() => {
                same(there, false, "what was refused is not written")?;
            }
            Err(_) => {}
        }
    }
    Ok(())
}

pub(crate) async fn a_dropped_store_loses_nothing_acknowledged(scratch: &Scratch<'_>) -> Verdict {
    let mut bucket = scratch.bucket().await?;
    for round in 0..3 {
        let entries = [("batch", "b"), ("deleted", "d")];
        bucket
            .set_many(entries.map(|(key, value)| (key, value.into())).into())
            .await?;
        set(&bucket, "k", round.to_string()).await?;
        bucket.delete("deleted").await?;
        drop(bucket);
        bucket = scratch.abandon().await?;
        let promise = "acknowledged writes survive a store that was not closed";
        let kept = value(&bucket, "k").await?;
        same(kept, Some(Bytes::from(round.to_string())), promise)?;
        same(value(&bucket, "batch").await?, Some("b".into()), promise)?;
        same(value(&bucket, "deleted").await?, None, promise)?;
    }
    Ok(())
}

pub(crate) async fn a_closed_store_can_be_closed_again(scratch: &Scratch<'_>) -> Verdict {
    let store = scratch.subject.store();
    let first = store.close().await;
    let second = store.close().await;
    drop(store);
    scratch.subject.open_again().await?;
    first?;
    second.map_err(|error| Failure::new(error.to_string(), "closing what is closed succeeds"))
}
