use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures::{FutureExt as _, StreamExt as _};
use keywell_store::{Error, Event, Filter, Invalid, ResumeToken, Since};

use super::Listener;
use super::listener::{key_of, text};
use crate::failure::{Failure, Verdict, holds, invalid, same};
use crate::scratch::{Handle, Scratch, set};

fn token(event: &Event) -> Result<ResumeToken, Failure> {
    let token = event.token().cloned();
    token.ok_or_else(|| {
        Failure::new(
            format!("{event:?}"),
            "an event of a resumable watch carries a token",
        )
    })
}

fn beginning(listener: &Listener<'_>) -> Result<ResumeToken, Failure> {
    let start = listener.watch.start().cloned();
    start.ok_or_else(|| Failure::new("no token", "a resumable watch reports its start"))
}

pub(crate) async fn a_resumed_watch_misses_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let mut tokens = vec![beginning(&listener)?];
    for n in 0..10 {
        set(&bucket, "k", n.to_string()).await?;
        tokens.push(token(&listener.next().await?)?);
    }
    drop(listener);
    bucket.delete("k").await?;
    set(&bucket, "k", "end").await?;
    for (n, token) in tokens.into_iter().enumerate() {
        let mut expected: Vec<String> = (n..10).map(|n| format!("k={n}")).collect();
        expected.extend(["-k".to_owned(), "k=end".to_owned()]);
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        let mut resumed = Listener::resumed(scratch, &bucket, Filter::All, token).await?;
        let promise = "a resumed watch delivers every event after its token, once";
        resumed.hears(&expected, promise).await?;
    }
    Ok(())
}

/// The writes of several keys, each as [`text`], and how far a reader has come.
#[derive(Clone)]
struct Progress<'a> {
    writes: &'a [String],
    /// The latest write that was delivered of each key.
    newest: BTreeMap<&'a str, usize>,
}

impl Progress<'_> {
    /// Adds an event, which must not be older than one of its key before.
    fn add(&mut self, event: &str) -> Verdict {
        let writes = self.writes;
        let promise =
            "no state of a key is delivered after a newer one, and none that it never had";
        let Some(write) = writes.iter().position(|write| write == event) else {
            return Err(Failure::new(event, promise));
        };
        let newest = self.newest.entry(key_of(&writes[write])).or_insert(write);
        holds(*newest <= write, event, promise)?;
        *newest = write;
        Ok(())
    }

    /// Whether the last state of every key was delivered.
    fn is_complete(&self) -> bool {
        let lasts: BTreeMap<&str, usize> = (self.writes.iter().enumerate())
            .map(|(at, write)| (key_of(write), at))
            .collect();
        self.newest == lasts
    }
}

pub(crate) async fn the_last_state_of_every_key_is_delivered(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let start = beginning(&listener)?;
    // All are written before the first event is read, so that a store could coalesce them.
    let mut writes = Vec::new();
    for n in 0..5 {
        for key in ["a", "b", "c"] {
            set(&bucket, key, n.to_string()).await?;
            writes.push(format!("{key}={n}"));
        }
    }
    bucket.delete("b").await?;
    writes.push("-b".to_owned());
    let mut progress = Progress {
        writes: &writes,
        newest: BTreeMap::new(),
    };
    let mut tokens = vec![(start, progress.clone())];
    let mut received = BTreeSet::new();
    while !progress.is_complete() {
        let event = listener.next().await?;
        progress.add(&text(&event))?;
        received.insert(text(&event));
        tokens.push((token(&event)?, progress.clone()));
    }
    let coalesced = usize::try_from(listener.watch.coalesced()).unwrap_or(usize::MAX);
    holds(
        coalesced <= writes.len() - received.len(),
        coalesced,
        "no more writes are counted as coalesced than were not delivered",
    )?;
    for (token, mut progress) in tokens {
        let mut resumed = Listener::resumed(scratch, &bucket, Filter::All, token).await?;
        while !progress.is_complete() {
            progress.add(&text(&resumed.next().await?))?;
        }
    }
    Ok(())
}

pub(crate) async fn a_watch_that_resumes_coalesces_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let start = beginning(&listener)?;
    // All are written before the first event is read, so that a store could coalesce them.
    let mut expected = Vec::new();
    for n in 0..200 {
        set(&bucket, "k", n.to_string()).await?;
        expected.push(format!("k={n}"));
    }
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    let promise = "a resumable watch delivers every write separately";
    listener.hears(&expected, promise).await?;
    let mut resumed = Listener::resumed(scratch, &bucket, Filter::All, start).await?;
    resumed.hears(&expected, promise).await?;
    for watch in [&listener.watch, &resumed.watch] {
        let promise = "a resumable watch counts no write as coalesced";
        same(watch.coalesced(), 0, promise)?;
    }
    Ok(())
}

pub(crate) async fn a_watch_resumes_from_its_beginning(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "before").await?;
    let listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let start = beginning(&listener)?;
    drop(listener);
    set(&bucket, "k", "one").await?;
    set(&bucket, "k", "two").await?;
    let text = ResumeToken::from(start.as_str().to_owned());
    let other = scratch.bucket().await?;
    let mut resumed = Listener::resumed(scratch, &other, Filter::All, text).await?;
    let promise = "a watch resumes from its start, on any handle";
    resumed.hears(&["k=one", "k=two"], promise).await?;
    // A resumed watch is like any other: it continues, and has a start of its own.
    let again = beginning(&resumed)?;
    set(&bucket, "k", "three").await?;
    resumed
        .hears(&["k=three"], "a resumed watch continues")
        .await?;
    let mut again = Listener::resumed(scratch, &bucket, Filter::All, again).await?;
    again.hears(&["k=one", "k=two", "k=three"], promise).await
}

pub(crate) async fn a_resumed_watch_keeps_to_its_filter(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let start = beginning(&listener)?;
    for key in ["a", "k", "k/1", "kk", "k/2", "z"] {
        set(&bucket, key, "v").await?;
    }
    let key = Filter::Key("k".into());
    let mut resumed = Listener::resumed(scratch, &bucket, key, start.clone()).await?;
    set(&bucket, "k", "end").await?;
    resumed
        .hears(
            &["k=v", "k=end"],
            "a watch resumed for a key delivers its changes",
        )
        .await?;
    let prefix = Filter::Prefix("k/".into());
    let mut resumed = Listener::resumed(scratch, &bucket, prefix, start).await?;
    let promise = "a watch resumed for a prefix delivers its keys only";
    resumed.hears_all(&["k/1=v", "k/2=v"], promise).await
}

pub(crate) async fn how_far_a_watch_has_come_is_where_it_resumes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let key = || Filter::Key("k".into());
    let mut listener = Listener::new(scratch, &bucket, key()).await?;
    // Some changes are delivered and some pending, with changes of other keys in between.
    let mut expected = Vec::new();
    let mut positions = vec![(0, listener.watch.reached())];
    for n in 0..6 {
        set(&bucket, "other", "v").await?;
        set(&bucket, "k", n.to_string()).await?;
        expected.push(format!("k={n}"));
    }
    while let Some((0..6, _)) = positions.last() {
        let event = text(&listener.next().await?);
        let received = expected.iter().position(|write| *write == event);
        let received = received.map_or(0, |write| write + 1);
        positions.push((received, listener.watch.reached()));
    }
    let expected: Vec<&str> = expected
        .iter()
        .map(String::as_str)
        .chain(["k=end"])
        .collect();
    set(&bucket, "k", "end").await?;
    for (received, position) in positions {
        // A store need not report it.
        let Some(position) = position else {
            return Ok(());
        };
        let mut resumed = Listener::resumed(scratch, &bucket, key(), position).await?;
        let promise = "a watch resumed from a position delivers what came after it";
        resumed.hears(&expected[received..], promise).await?;
    }
    Ok(())
}

pub(crate) async fn a_watch_position_advances_past_filtered_changes(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    let key = || Filter::Key("k".into());
    let mut listener = Listener::new(scratch, &bucket, key()).await?;
    let Some(before) = listener.watch.reached() else {
        return Ok(());
    };
    let began = Instant::now();
    let further = loop {
        set(&bucket, "other", "v").await?;
        if let Some(event) = listener.watch.next().now_or_never() {
            return Err(Failure::new(
                format!("{event:?}"),
                "a watch of a key delivers no other",
            ));
        }
        match listener.watch.reached() {
            Some(reached) if reached != before => break reached,
            _ if began.elapsed() > scratch.patience() => {
                let promise = "the position of a watch advances also when it delivers nothing";
                return Err(Failure::new("the position stays at the start", promise));
            }
            _ => {}
        }
    };
    set(&bucket, "k", "end").await?;
    let mut resumed = Listener::resumed(scratch, &bucket, key(), further).await?;
    let promise = "a watch resumed from a position delivers what came after it";
    resumed.hears(&["k=end"], promise).await
}

pub(crate) async fn text_that_never_was_a_token_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    set(&bucket, "k", "v").await?;
    let real = token(&listener.next().await?)?;
    let (cut, longer) = (&real.as_str()[1..], format!("{}A", real.as_str()));
    // If tokens end with a number, this one is of a future event.
    let future = format!("{}9", real.as_str());
    for text in [
        "", "0", "-1", "1", "latest", "$", "0-0", "é", "\0", cut, &longer, &future,
    ] {
        is_refused(&bucket, ResumeToken::from(text.to_owned())).await?;
    }
    Ok(())
}

async fn is_refused(bucket: &Handle, token: ResumeToken) -> Verdict {
    let answered = bucket.watch(Filter::All, Since::After(token)).await;
    let promise = "a token that this bucket did not issue is refused as such";
    invalid(answered, |blamed| *blamed == Invalid::Token, promise)
}

pub(crate) async fn a_token_of_another_bucket_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let (bucket, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let _watched_too = Listener::new(scratch, &other, Filter::All).await?;
    for n in 0..5 {
        set(&bucket, "k", n.to_string()).await?;
        set(&other, "k", n.to_string()).await?;
    }
    is_refused(&other, beginning(&listener)?).await?;
    is_refused(&other, token(&listener.next().await?)?).await
}

pub(crate) async fn a_token_of_another_store_is_refused(scratch: &Scratch<'_>) -> Verdict {
    // Both buckets have the same name, and one has had more events than the other.
    let bucket = scratch.bucket().await?;
    let (other, _) = scratch.brief().await?;
    let mut here = Listener::new(scratch, &bucket, Filter::All).await?;
    let mut there = Listener::new(scratch, &other, Filter::All).await?;
    set(&bucket, "k", "v").await?;
    let near = token(&here.next().await?)?;
    is_refused(&bucket, beginning(&there)?).await?;
    for n in 0..5 {
        set(&other, "k", n.to_string()).await?;
        is_refused(&bucket, token(&there.next().await?)?).await?;
    }
    is_refused(&other, near).await?;
    is_refused(&other, beginning(&here)?).await
}

pub(crate) async fn a_watch_resumes_after_a_restart(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    set(&bucket, "k", "delivered").await?;
    let token = token(&listener.next().await?)?;
    set(&bucket, "k", "missed").await?;
    drop(listener);
    drop(bucket);
    let bucket = scratch.restart().await?;
    set(&bucket, "k", "after").await?;
    let mut resumed = Listener::resumed(scratch, &bucket, Filter::All, token).await?;
    let promise = "a watch resumes after a restart where it ended";
    resumed.hears(&["k=missed", "k=after"], promise).await
}

pub(crate) async fn a_token_from_before_the_history_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let (bucket, events) = scratch.brief().await?;
    let listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let start = beginning(&listener)?;
    drop(listener);
    for n in 0..=events {
        set(&bucket, "k", n.to_string()).await?;
    }
    let answered = bucket.watch(Filter::All, Since::After(start)).await;
    let promise = "a token from before the history that is kept is refused as compacted";
    invalid(answered, |blamed| *blamed == Invalid::Compacted, promise)?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    set(&bucket, "k", "now").await?;
    listener
        .hears(&["k=now"], "a bucket can be watched again after that")
        .await
}

pub(crate) async fn a_watch_that_fell_behind_reports_the_gap(scratch: &Scratch<'_>) -> Verdict {
    let (bucket, events) = scratch.brief().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::All).await?;
    let last = format!("k={}", events * 2);
    for n in 0..=events * 2 {
        set(&bucket, "k", n.to_string()).await?;
    }
    let promise = "a watch that fell behind delivers every event, or reports that it lost some";
    let mut expected = 0;
    loop {
        let next = tokio::time::timeout(scratch.patience(), listener.watch.next()).await;
        let received = match next {
            Ok(Some(Err(Error::Invalid(Invalid::Compacted)) | Ok(Event::Gap))) => return Ok(()),
            Ok(Some(event)) => text(&event?),
            Ok(None) | Err(_) => return Err(Failure::new("no more events", promise)),
        };
        if listener.coalesces {
            let number = received.strip_prefix("k=").and_then(|n| n.parse().ok());
            expected = number.filter(|n| *n >= expected).unwrap_or(expected);
        }
        same(&received, &format!("k={expected}"), promise)?;
        if received == last {
            return Ok(());
        }
        expected += 1;
    }
}
