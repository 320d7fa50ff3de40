use std::collections::HashMap;

use bytes::Bytes;
use keywell_store::{Event, Filter, Set};

use super::Listener;
use crate::checks::tasks::together;
use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Scratch, set, set_all, value};

pub(crate) async fn every_watch_hears_everything(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let other = scratch.bucket().await?;
    let mut listeners = Vec::new();
    for handle in [&bucket, &bucket, &other, &other] {
        listeners.push(Listener::new(scratch, handle, Filter::All).await?);
    }
    for value in ["1", "2", "3"] {
        set(&bucket, "k", value).await?;
        set(&other, "k", format!("{value}'")).await?;
    }
    let expected = ["k=1", "k=1'", "k=2", "k=2'", "k=3", "k=3'"];
    for listener in &mut listeners {
        listener
            .hears(&expected, "every watch of a bucket receives all changes")
            .await?;
    }
    Ok(())
}

pub(crate) async fn an_unread_watch_holds_nothing_up(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let unread = Listener::new(scratch, &bucket, Filter::All).await?;
    let mut read = Listener::new(scratch, &bucket, Filter::Key("last".into())).await?;
    let bytes = bucket.capabilities().value_bytes.min(1000);
    let value = Bytes::from(vec![b'v'; bytes]);
    for _ in 0..20 {
        let keys: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
        let entries = keys.iter().map(|key| (key.as_str(), value.clone()));
        set_all(&bucket, entries).await?;
    }
    bucket.set("last", "v".into(), Set::default()).await?;
    read.hears(&["last=v"], "an unread watch holds up no other")
        .await?;
    drop(unread);
    set(&bucket, "last", "w").await?;
    read.hears(
        &["last=w"],
        "a watch continues when another is dropped unread",
    )
    .await
}

pub(crate) async fn a_dropped_watch_disturbs_no_other(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut stays = Listener::new(scratch, &bucket, Filter::All).await?;
    for n in 0..30 {
        let goes = Listener::new(scratch, &bucket, Filter::All).await?;
        set(&bucket, "k", n.to_string()).await?;
        drop(goes);
        let received = format!("k={n}");
        stays
            .hears(&[&received], "a dropped watch disturbs no other")
            .await?;
    }
    let mut late = Listener::new(scratch, &bucket, Filter::All).await?;
    set(&bucket, "k", "late").await?;
    late.hears(
        &["k=late"],
        "a bucket can be watched after many watches were dropped",
    )
    .await
}

pub(crate) async fn a_watch_hears_nothing_of_other_buckets(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    for suffix in ["-other", ":k", ":", "/", "-"] {
        let other = scratch.beside(suffix).await?;
        set(&other, "k", "of the other").await?;
        other.delete("k").await?;
    }
    set(&bucket, "k", "v").await?;
    let received = listener.hear_until("k=v").await?;
    same(
        received,
        vec!["k=v".to_owned()],
        "a watch receives nothing from other buckets",
    )
}

pub(crate) async fn a_watch_hears_the_last_write_last(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let (writers, rounds) = (8, 30);
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let writing = bucket.clone();
    together(writers, move |writer| {
        let bucket = writing.clone();
        async move {
            for n in 0..rounds {
                set(&bucket, "k", format!("{writer}.{n}")).await?;
                // Three in a row, so that some neighbours are of one writer, whose order is known.
                if n % 3 == 2 {
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        }
    })
    .await?;
    let left = value(&bucket, "k").await?;
    let mut received: Vec<Bytes> = Vec::new();
    loop {
        let is_all = if listener.coalesces {
            received.last() == left.as_ref()
        } else {
            received.len() == writers * rounds
        };
        if is_all {
            break;
        }
        if let Event::Set { value, .. } = listener.next().await? {
            received.push(value);
        }
    }
    same(
        received.last().cloned(),
        left,
        "the event delivered last has the value that stays",
    )?;
    if listener.coalesces {
        return in_each_writers_order(&received);
    }
    for writer in 0..writers {
        let of = format!("{writer}.");
        let order: Vec<_> = received
            .iter()
            .filter(|value| value.starts_with(of.as_bytes()))
            .collect();
        let expected: Vec<Bytes> = (0..rounds)
            .map(|n| Bytes::from(format!("{of}{n}")))
            .collect();
        let promise = "the writes of one writer are delivered once, in order";
        same(order, expected.iter().collect(), promise)?;
    }
    Ok(())
}

/// Checks that the values of each writer never go back.
fn in_each_writers_order(received: &[Bytes]) -> Verdict {
    let written = |value: &Bytes| {
        let (writer, n) = std::str::from_utf8(value).ok()?.split_once('.')?;
        Some((writer.to_owned(), n.parse::<usize>().ok()?))
    };
    let promise = "the writes of one writer are delivered in order";
    let mut latest: HashMap<String, usize> = HashMap::new();
    for value in received {
        let (writer, n) =
            written(value).ok_or_else(|| Failure::new(format!("{value:?}"), promise))?;
        let before = latest.insert(writer, n);
        holds(before.is_none_or(|before| before <= n), value, promise)?;
    }
    Ok(())
}
