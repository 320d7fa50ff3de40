//! Many keys in one call.

use super::listing;
use crate::handle::{Answers, Handle};
use crate::scratch::Scratch;
use crate::verdict::{Kept, holds, quote};

behaviours! { "batch":
    Must "batch.get-many" every_key_that_is_there_is_answered,
    Must "batch.get-many" a_missing_key_is_none,
    Must "batch.get-many" an_empty_value_is_not_a_missing_one,
    Must "batch.get-many" no_keys_answer_nothing,
    May "batch.get-many" answers_come_in_the_order_asked,
    May "batch.get-many" a_key_asked_twice_is_answered_twice,
    Must "batch.set-many" every_pair_is_written,
    Must "batch.set-many" values_there_before_are_replaced,
    Must "batch.set-many" values_may_have_every_byte,
    Must "batch.set-many" no_pairs_write_nothing,
    May "batch.set-many" of_two_values_for_a_key_the_last_stands,
    Must "batch.delete-many" every_key_named_is_gone,
    Must "batch.delete-many" missing_keys_are_passed_over,
    Must "batch.delete-many" other_keys_stay,
    Must "batch.delete-many" no_keys_delete_nothing,
    May "batch.delete-many" a_key_named_twice_is_no_error,
    May "batch" a_thousand_keys_go_in_one_call,
}

fn every_key_that_is_there_is_answered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set("milk", "oat")?;
    let mut answers = bucket.get_many(&["tea", "milk"])?;
    answers.sort_unstable();
    answers_are(
        answers,
        &[Some(("milk", &b"oat"[..])), Some(("tea", b"green"))],
    )
}

fn a_missing_key_is_none(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let mut answers = bucket.get_many(&["milk", "tea", "sugar"])?;
    answers.sort_unstable();
    answers_are(answers, &[None, None, Some(("tea", b"green"))])
}

fn an_empty_value_is_not_a_missing_one(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("empty", "")?;
    let mut answers = bucket.get_many(&["empty", "missing"])?;
    answers.sort_unstable();
    answers_are(answers, &[None, Some(("empty", b""))])
}

fn no_keys_answer_nothing(scratch: &Scratch) -> Kept {
    answers_are(scratch.open()?.get_many(&[])?, &[])
}

fn answers_come_in_the_order_asked(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let keys: Vec<_> = (0..40).map(|n| format!("key-{}", n * 17 % 40)).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    for key in keys.iter().step_by(2) {
        bucket.set(key, key)?;
    }
    let expected = keys.iter().enumerate();
    let expected: Vec<_> = expected
        .map(|(n, key)| (n % 2 == 0).then_some((*key, key.as_bytes())))
        .collect();
    answers_are(bucket.get_many(&keys)?, &expected)
}

fn a_key_asked_twice_is_answered_twice(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set("milk", "oat")?;
    let (tea, milk) = (Some(("tea", &b"green"[..])), Some(("milk", &b"oat"[..])));
    answers_are(bucket.get_many(&["tea", "milk", "tea"])?, &[tea, milk, tea])
}

fn every_pair_is_written(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set_many(&[("tea", b"green"), ("milk", b"oat")])?;
    bucket.has("tea", "green")?;
    bucket.has("milk", "oat")
}

fn values_there_before_are_replaced(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set_many(&[("tea", b"black"), ("milk", b"oat")])?;
    bucket.has("tea", "black")?;
    bucket.has("milk", "oat")
}

fn values_may_have_every_byte(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let every: Vec<u8> = (0..=255).collect();
    bucket.set_many(&[("bytes", &every), ("empty", b"")])?;
    bucket.has("bytes", &every)?;
    bucket.has("empty", "")?;
    answers_are(bucket.get_many(&["bytes"])?, &[Some(("bytes", &every))])
}

fn no_pairs_write_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set_many(&[])?;
    listing::lists(&bucket, &[])
}

fn of_two_values_for_a_key_the_last_stands(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set_many(&[("tea", b"green"), ("milk", b"oat"), ("tea", b"black")])?;
    bucket.has("tea", "black")?;
    bucket.has("milk", "oat")
}

fn every_key_named_is_gone(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.delete_many(&["tea", "milk", "sugar"])?;
    bucket.lacks("tea")?;
    bucket.lacks("milk")?;
    bucket.lacks("sugar")
}

fn missing_keys_are_passed_over(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.delete_many(&["missing", "tea", "absent", "sugar"])?;
    bucket.lacks("tea")?;
    bucket.lacks("sugar")
}

fn other_keys_stay(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.delete_many(&["tea", "sugar"])?;
    bucket.has("milk", "milk")
}

fn no_keys_delete_nothing(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.delete_many(&[])?;
    listing::lists(&bucket, &["tea", "milk", "sugar"])
}

fn a_key_named_twice_is_no_error(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.delete_many(&["tea", "tea"])?;
    bucket.lacks("tea")
}

/// Services behind a host have limits of 25, 100 or 1024, which a host can hide.
fn a_thousand_keys_go_in_one_call(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let keys: Vec<_> = (0..1100).map(|n| format!("key-{n:04}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let entries: Vec<_> = keys.iter().map(|key| (*key, key.as_bytes())).collect();
    bucket.set_many(&entries)?;
    let mut answers = bucket.get_many(&keys)?;
    answers.sort_unstable();
    let expected: Vec<_> = entries.iter().copied().map(Some).collect();
    answers_are(answers, &expected)?;
    bucket.delete_many(&keys)?;
    answers_are(bucket.get_many(&keys)?, &vec![None; keys.len()])
}

fn three(scratch: &Scratch) -> Kept<Handle<'_>> {
    let bucket = scratch.open()?;
    for key in ["tea", "milk", "sugar"] {
        bucket.set(key, key)?;
    }
    Ok(bucket)
}

#[expect(clippy::needless_pass_by_value, reason = "answers are looked at once")]
fn answers_are(answers: Answers, expected: &[Option<(&str, &[u8])>]) -> Kept {
    let entries = answers.iter();
    let entries: Vec<_> = entries
        .map(|entry| {
            let (key, value) = entry.as_ref()?;
            Some((&**key, &**value))
        })
        .collect();
    holds(
        entries == expected,
        &format!("get-many answers {}", shown(expected)),
        || shown(&entries),
    )
}

fn shown(entries: &[Option<(&str, &[u8])>]) -> String {
    const SHOWN: usize = 8;
    let first = entries.iter().take(SHOWN).map(|entry| {
        entry.map_or("none".into(), |(key, value)| {
            format!("{key}={}", quote(value))
        })
    });
    let first = first.collect::<Vec<_>>().join(", ");
    if entries.len() > SHOWN {
        return format!("[{first} and so on, {} answers]", entries.len());
    }
    format!("[{first}]")
}
