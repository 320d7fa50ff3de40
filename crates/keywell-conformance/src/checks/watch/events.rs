use keywell_store::{Change, Event, Expected, Filter, Set};

use super::Listener;
use super::listener::text;
use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Scratch, set};

pub(crate) async fn a_watch_delivers_a_set(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    set(&bucket, "k", "v").await?;
    listener
        .hears(&["k=v"], "a watch delivers a set, with its value")
        .await?;
    set(&bucket, "k", "").await?;
    listener
        .hears(&["k="], "a watch delivers an empty value")
        .await
}

pub(crate) async fn a_watch_delivers_a_deletion(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "v").await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    bucket.delete("k").await?;
    listener
        .hears(&["-k"], "a watch delivers a deletion, not as an expiration")
        .await
}

pub(crate) async fn a_watch_delivers_nothing_from_before_it_began(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    for n in 0..20 {
        set(&bucket, "k", n.to_string()).await?;
    }
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    set(&bucket, "k", "after").await?;
    listener
        .hears(
            &["k=after"],
            "a watch delivers nothing from before it began",
        )
        .await
}

pub(crate) async fn events_of_a_key_come_in_order(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let mut expected = Vec::new();
    for n in 0..50 {
        set(&bucket, "k", n.to_string()).await?;
        expected.push(format!("k={n}"));
        if n % 10 == 9 {
            bucket.delete("k").await?;
            expected.push("-k".to_owned());
        }
    }
    set(&bucket, "k", "end").await?;
    expected.push("k=end".to_owned());
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    listener
        .hears(
            &expected,
            "events of one key come in the order of its writes",
        )
        .await
}

pub(crate) async fn an_event_has_the_value_of_its_write(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    // All are written before the first event is read, so a watch that reads values late reads others.
    set(&bucket, "k", "first").await?;
    set(&bucket, "k", "second").await?;
    bucket.delete("k").await?;
    set(&bucket, "k", "last").await?;
    let promise = "an event has the value that its write stored, not the current one";
    listener
        .hears(&["k=first", "k=second", "-k", "k=last"], promise)
        .await
}

pub(crate) async fn an_event_has_the_version_of_its_write(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let mut versions = Vec::new();
    let values = ["one", "two", "three"];
    for value in values {
        versions.push(set(&bucket, "k", value).await?);
    }
    let promise = "an event has the version that its write returned";
    loop {
        let Event::Set { value, version, .. } = listener.next().await? else {
            return Err(Failure::new("a deletion", promise));
        };
        // The value identifies the write: a lossy watch need not deliver each.
        let write = values.iter().position(|written| value == *written);
        let write = write.ok_or_else(|| Failure::new(format!("{value:?}"), promise))?;
        if let Some(version) = version {
            same(&version, &versions[write], promise)?;
        }
        if write + 1 == values.len() {
            return Ok(());
        }
    }
}

pub(crate) async fn a_watch_delivers_increments(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    for delta in [1, 41, -43] {
        bucket.increment("n", delta).await?;
    }
    let promise = "a watch delivers an increment as the set of its new value";
    listener.hears(&["n=1", "n=42", "n=-1"], promise).await
}

pub(crate) async fn a_watch_delivers_swaps(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let change = |text: &'static str| Change::Set(text.into(), Set::default());
    bucket.swap("k", Expected::Absent, change("one")).await?;
    bucket.swap("k", Expected::Absent, change("stale")).await?;
    let read = bucket.get("k").await?;
    let at = Expected::from(read.as_ref());
    bucket.swap("k", at.clone(), change("two")).await?;
    bucket.swap("k", at.clone(), change("stale")).await?;
    bucket.swap("k", at, Change::Delete).await?;
    let read = bucket.get("k").await?;
    bucket
        .swap("k", Expected::from(read.as_ref()), Change::Delete)
        .await?;
    set(&bucket, "k", "end").await?;
    let promise = "a watch delivers the swaps that wrote, and no stale one";
    listener
        .hears(&["k=one", "k=two", "-k", "k=end"], promise)
        .await
}

pub(crate) async fn a_watch_does_not_deliver_refused_writes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "no number").await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let refused = bucket.increment("k", 1).await;
    holds(
        refused.is_err(),
        refused,
        "what is no number is not counted on",
    )?;
    let large = vec![0; bucket.capabilities().value_bytes + 1];
    let refused = bucket.set("k", large.into(), Set::default()).await;
    holds(
        refused.is_err(),
        refused,
        "a value past the limit is refused",
    )?;
    set(&bucket, "k", "end").await?;
    let received = listener.hear_until("k=end").await?;
    same(
        received,
        vec!["k=end".to_owned()],
        "a watch does not deliver refused writes",
    )
}

pub(crate) async fn a_watch_delivers_every_write_of_a_batch(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let entries = [("a", "1"), ("b", "2"), ("c", "3")];
    bucket
        .set_many(entries.map(|(key, value)| (key, value.into())).into())
        .await?;
    listener
        .hears_all(
            &["a=1", "b=2", "c=3"],
            "a watch delivers every write of a batch",
        )
        .await?;
    bucket.delete_many(&["a", "c"]).await?;
    listener
        .hears_all(&["-a", "-c"], "a watch delivers every deletion of a batch")
        .await?;
    bucket
        .set_many(vec![("k", "1".into()), ("k", "2".into())])
        .await?;
    // A store may or may not treat the first of the two as a write.
    let received = text(&listener.next().await?);
    let received = if received == "k=1" {
        text(&listener.next().await?)
    } else {
        received
    };
    same(
        received,
        "k=2".to_owned(),
        "of a key given twice, the last value is delivered last",
    )
}
