//! Changes as they happen. Where the store cannot be watched, all of them are not offered.

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::poll;

use crate::handle::Handle;
use crate::keywell::keyvalue::store::{Error, Expectation};
use crate::keywell::keyvalue::watch::{Event, Filter, Subscription, subscribe};
use crate::scratch::Scratch;
use crate::verdict::{Broken, Kept, answered, holds, refused, same};

behaviours! { "subscriptions":
    May "watch.subscription.next" nothing_is_answered_without_waiting,
    May "watch.subscription.next" a_set_is_delivered_with_its_value,
    May "watch.subscription.next" a_delete_is_delivered,
    May "watch.subscription.next" an_increment_is_delivered,
    May "watch.subscription.next" the_last_state_of_each_key_is_delivered,
    May "watch.subscription.next" at_most_as_many_events_as_asked_are_answered,
    May "watch.subscription.next" a_transaction_is_delivered,
    May "watch.subscribe" only_keys_of_the_filter_are_delivered,
    May "watch.subscribe" what_was_before_is_not_delivered,
    May "watch.subscribe" it_resumes_after_an_event,
    May "watch.subscription.reached" it_resumes_from_where_it_has_come,
    May "watch.subscribe" a_forged_token_is_invalid,
    May "watch.subscription" several_are_open_at_once,
    May "watch.subscription" it_ends_when_it_is_dropped,
}

/// How long a change may take to be delivered, in nanoseconds.
const PATIENCE: u64 = 10_000_000_000;

/// Waits until something holds, in small steps.
pub fn within_patience(mut holds_now: impl FnMut() -> Kept<bool>, promised: &str) -> Kept {
    let end = monotonic_clock::now() + PATIENCE;
    while !holds_now()? {
        holds(monotonic_clock::now() < end, promised, || {
            "not so for 10 seconds".into()
        })?;
        monotonic_clock::subscribe_duration(2_000_000).block();
    }
    Ok(())
}

fn watch(bucket: &Handle, filter: &Filter, after: Option<&str>) -> Kept<Subscription> {
    let subscription = subscribe(&bucket.bucket, filter, after);
    answered("subscribe", subscription)
}

/// A subscription to all keys of the scratch.
fn all(bucket: &Handle) -> Kept<Subscription> {
    watch(bucket, &Filter::Prefix(bucket.scratch.key("")), None)
}

/// What there is next, once it is there.
fn next(subscription: &Subscription, limit: u32) -> Kept<Vec<Event>> {
    let late = monotonic_clock::subscribe_duration(PATIENCE);
    loop {
        let events = answered("next", subscription.next(limit))?;
        if !events.is_empty() {
            return Ok(events);
        }
        let pollable = subscription.pollable();
        let ready = poll(&[&pollable, &late]);
        holds(ready.contains(&0), "an event comes", || {
            "none for 10 seconds".into()
        })?;
    }
}

/// Changes, as `key=value` and `-key`, up to those that came with the expected one. Changes of
/// different keys come in any order where values are coalesced.
fn until(scratch: &Scratch, subscription: &Subscription, last: &str) -> Kept<Vec<String>> {
    let mut changes: Vec<String> = Vec::new();
    while !changes.iter().any(|change| change == last) {
        let events = next(subscription, 100)?;
        changes.extend(events.iter().map(|event| shown(scratch, event)));
        holds(changes.len() < 1000, &format!("{last} comes"), || {
            format!("{changes:?}")
        })?;
    }
    Ok(changes)
}

fn shown(scratch: &Scratch, event: &Event) -> String {
    let own = |key: &str| key.strip_prefix(&*scratch.prefix).unwrap_or(key).to_owned();
    match event {
        Event::Set(set) => {
            let value = set.value.as_deref().unwrap_or(b"(none)");
            format!("{}={}", own(&set.key), String::from_utf8_lossy(value))
        }
        Event::Delete(delete) => format!("-{}", own(&delete.key)),
        Event::Gap => "gap".into(),
    }
}

fn token(event: &Event) -> Option<&String> {
    match event {
        Event::Set(set) => set.token.as_ref(),
        Event::Delete(delete) => delete.token.as_ref(),
        Event::Gap => None,
    }
}

fn nothing_is_answered_without_waiting(scratch: &Scratch) -> Kept {
    let subscription = all(&scratch.open()?)?;
    let events = answered("next", subscription.next(100))?;
    same("the number of events", &events.len(), &0)
}

fn a_set_is_delivered_with_its_value(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let subscription = all(&bucket)?;
    let version = bucket.set("tea", "green")?;
    let events = next(&subscription, 100)?;
    let [Event::Set(set)] = &events[..] else {
        return holds(false, "one set is delivered", || format!("{events:?}"));
    };
    same(
        "the event",
        &shown(scratch, &events[0]),
        &"tea=green".into(),
    )?;
    match &set.version {
        Some(known) => same("its version", known, &version),
        None => Ok(()),
    }
}

fn a_delete_is_delivered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let subscription = all(&bucket)?;
    answered("delete", bucket.delete_if("tea", &Expectation::Any))?;
    until(scratch, &subscription, "-tea").map(drop)
}

fn an_increment_is_delivered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let subscription = all(&bucket)?;
    answered("increment", bucket.increment("n", 42, None))?;
    until(scratch, &subscription, "n=42").map(drop)
}

fn the_last_state_of_each_key_is_delivered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let subscription = all(&bucket)?;
    for number in 0..20 {
        bucket.set("tea", number.to_string())?;
    }
    let changes = until(scratch, &subscription, "tea=19")?;
    if subscription.guarantees().coalesces {
        return Ok(());
    }
    let expected: Vec<String> = (0..20).map(|number| format!("tea={number}")).collect();
    same("all events", &changes, &expected)
}

fn at_most_as_many_events_as_asked_are_answered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let subscription = all(&bucket)?;
    for key in ["a", "b", "c"] {
        bucket.set(key, "v")?;
    }
    for _ in 0..3 {
        same("the number of events", &next(&subscription, 1)?.len(), &1)?;
    }
    Ok(())
}

fn a_transaction_is_delivered(scratch: &Scratch) -> Kept {
    use crate::keywell::keyvalue::transactions::{Action, Write, transact};

    let bucket = scratch.open()?;
    let subscription = all(&bucket)?;
    let writes = ["a", "b"].map(|key| Write {
        bucket: &bucket.bucket,
        key: scratch.key(key),
        action: Action::Increment(1),
    });
    answered("transact", transact(&[], &writes))?;
    let mut changes = Vec::new();
    while changes.len() < 2 {
        let events = next(&subscription, 100)?;
        changes.extend(events.iter().map(|event| shown(scratch, event)));
    }
    changes.sort_unstable();
    same(
        "the events",
        &changes,
        &vec!["a=1".to_owned(), "b=1".into()],
    )
}

fn only_keys_of_the_filter_are_delivered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let key = watch(&bucket, &Filter::Key(scratch.key("tea")), None)?;
    let prefix = watch(&bucket, &Filter::Prefix(scratch.key("tea")), None)?;
    for (key, value) in [
        ("te", "1"),
        ("tea", "2"),
        ("teapot", "3"),
        ("tea", "4"),
        ("teapot", "5"),
    ] {
        bucket.set(key, value)?;
    }
    let of_key = until(scratch, &key, "tea=4")?;
    holds(
        of_key.iter().all(|change| change.starts_with("tea=")),
        "only the key is delivered",
        || format!("{of_key:?}"),
    )?;
    let of_prefix = until(scratch, &prefix, "teapot=5")?;
    holds(
        of_prefix.iter().all(|change| change.starts_with("tea")),
        "only keys of the prefix are delivered",
        || format!("{of_prefix:?}"),
    )
}

fn what_was_before_is_not_delivered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let subscription = all(&bucket)?;
    bucket.set("milk", "oat")?;
    let changes = until(scratch, &subscription, "milk=oat")?;
    same("the events", &changes, &vec!["milk=oat".to_owned()])
}

fn it_resumes_after_an_event(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let subscription = all(&bucket)?;
    if !subscription.guarantees().resumes {
        return unoffered("it resumes");
    }
    bucket.set("a", "1")?;
    let events = next(&subscription, 100)?;
    let after = events.last().and_then(token).cloned();
    drop(subscription);
    bucket.set("b", "2")?;
    let filter = Filter::Prefix(scratch.key(""));
    let resumed = watch(&bucket, &filter, after.as_deref())?;
    bucket.set("c", "3")?;
    let changes = until(scratch, &resumed, "c=3")?;
    let missed = !changes.contains(&"b=2".to_owned());
    holds(!missed, "what came meanwhile is delivered", || {
        format!("{changes:?}")
    })
}

fn it_resumes_from_where_it_has_come(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let subscription = all(&bucket)?;
    if !subscription.guarantees().resumes {
        return unoffered("it resumes");
    }
    let start = subscription.reached();
    holds(start.is_some(), "reached answers a token", || "none".into())?;
    drop(subscription);
    bucket.set("a", "1")?;
    let filter = Filter::Prefix(scratch.key(""));
    let resumed = watch(&bucket, &filter, start.as_deref())?;
    until(scratch, &resumed, "a=1").map(drop)
}

fn a_forged_token_is_invalid(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    // Where there is none at all, nothing can be forged.
    drop(all(&bucket)?);
    let forged = subscribe(&bucket.bucket, &Filter::All, Some("forged"));
    refused(
        "subscribe after a forged token",
        forged,
        "invalid-token",
        |error| matches!(error, Error::InvalidToken),
    )
}

fn several_are_open_at_once(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let subscriptions = [all(&bucket)?, all(&bucket)?, all(&bucket)?];
    bucket.set("tea", "green")?;
    for subscription in &subscriptions {
        until(scratch, subscription, "tea=green")?;
    }
    Ok(())
}

fn it_ends_when_it_is_dropped(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for _ in 0..100 {
        let subscription = all(&bucket)?;
        let pollable = subscription.pollable();
        drop(subscription);
        // One whose subscription is gone does not wait for ever.
        pollable.block();
    }
    Ok(())
}

fn unoffered(promised: &str) -> Kept {
    Err(Broken {
        promised: promised.into(),
        answered: "the subscription does not promise it".into(),
    })
}
