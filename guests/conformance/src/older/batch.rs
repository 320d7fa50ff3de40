//! Many keys in one call.

use super::handle::Handle;
use crate::scratch::Scratch;
use crate::verdict::{Kept, holds, show};

behaviours! { "eventual-batch":
    Must "eventual-batch.get-many" every_key_that_is_there_is_answered,
    Must "eventual-batch.get-many" an_empty_value_is_not_a_missing_one,
    Must "eventual-batch.get-many" no_keys_answer_nothing,
    May "eventual-batch.get-many" answers_come_in_the_order_asked,
    May "eventual-batch.get-many" a_key_asked_twice_is_answered_twice,
    Must "eventual-batch.keys" every_key_is_listed_once,
    Must "eventual-batch.keys" a_deleted_key_is_not_listed,
    May "eventual-batch.keys" a_thousand_keys_are_listed,
    Must "eventual-batch.set-many" every_pair_is_written,
    Must "eventual-batch.set-many" values_there_before_are_replaced,
    Must "eventual-batch.set-many" values_may_have_every_byte,
    Must "eventual-batch.set-many" no_pairs_write_nothing,
    May "eventual-batch.set-many" of_two_values_for_a_key_the_last_stands,
    Must "eventual-batch.delete-many" every_key_named_is_gone,
    Must "eventual-batch.delete-many" missing_keys_are_passed_over,
    Must "eventual-batch.delete-many" other_keys_stay,
    Must "eventual-batch.delete-many" no_keys_delete_nothing,
    May "eventual-batch.delete-many" a_key_named_twice_is_no_error,
    May "eventual-batch" a_thousand_keys_go_in_one_call,
}

fn every_key_that_is_there_is_answered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set("milk", "oat")?;
    let mut answers = bucket.get_many(&["tea", "milk"])?;
    answers.sort_unstable();
    answers_are(&answers, &[Some(b"green"), Some(b"oat")])
}

fn an_empty_value_is_not_a_missing_one(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("empty", "")?;
    answers_are(&bucket.get_many(&["empty"])?, &[Some(b"")])
}

fn no_keys_answer_nothing(scratch: &Scratch) -> Kept {
    answers_are(&scratch.open()?.get_many(&[])?, &[])
}

fn answers_come_in_the_order_asked(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let keys: Vec<_> = (0..40).map(|n| format!("key-{}", n * 17 % 40)).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    for key in &keys {
        bucket.set(key, key)?;
    }
    let expected: Vec<_> = keys.iter().map(|key| Some(key.as_bytes())).collect();
    answers_are(&bucket.get_many(&keys)?, &expected)
}

fn a_key_asked_twice_is_answered_twice(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set("milk", "oat")?;
    let answers = bucket.get_many(&["tea", "milk", "tea"])?;
    answers_are(&answers, &[Some(b"green"), Some(b"oat"), Some(b"green")])
}

fn every_key_is_listed_once(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.set("tea", "again")?;
    lists(&bucket, &["milk", "sugar", "tea"])
}

fn a_deleted_key_is_not_listed(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.delete("milk")?;
    lists(&bucket, &["sugar", "tea"])
}

/// More than a page of a store has.
fn a_thousand_keys_are_listed(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let keys: Vec<_> = (0..1100).map(|n| format!("key-{n:04}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let entries: Vec<_> = keys.iter().map(|key| (*key, key.as_bytes())).collect();
    bucket.set_many(&entries)?;
    lists(&bucket, &keys)
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
    answers_are(&bucket.get_many(&["bytes"])?, &[Some(&every)])
}

fn no_pairs_write_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set_many(&[])?;
    lists(&bucket, &[])
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
    lists(&bucket, &[])
}

fn missing_keys_are_passed_over(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.delete_many(&["missing", "tea", "absent", "sugar"])?;
    lists(&bucket, &["milk"])
}

fn other_keys_stay(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.delete_many(&["tea", "sugar"])?;
    bucket.has("milk", "milk")
}

fn no_keys_delete_nothing(scratch: &Scratch) -> Kept {
    let bucket = three(scratch)?;
    bucket.delete_many(&[])?;
    lists(&bucket, &["milk", "sugar", "tea"])
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
    let expected: Vec<_> = entries.iter().map(|(_, value)| Some(*value)).collect();
    answers_are(&answers, &expected)?;
    bucket.delete_many(&keys)?;
    lists(&bucket, &[])
}

fn three(scratch: &Scratch) -> Kept<Handle<'_>> {
    let bucket = scratch.open()?;
    for key in ["tea", "milk", "sugar"] {
        bucket.set(key, key)?;
    }
    Ok(bucket)
}

fn lists(bucket: &Handle<'_>, expected: &[&str]) -> Kept {
    let mut keys = bucket.keys()?;
    keys.sort_unstable();
    let promised = match expected {
        [] => "no key is listed".to_owned(),
        [first, ..] => format!("{} keys are listed, the first {first:?}", expected.len()),
    };
    holds(keys == expected, &promised, || {
        let first: Vec<_> = keys.iter().take(8).cloned().collect();
        format!("{} keys: {}", keys.len(), first.join(", "))
    })
}

fn answers_are(answers: &[Option<Vec<u8>>], expected: &[Option<&[u8]>]) -> Kept {
    let given: Vec<_> = answers.iter().map(Option::as_deref).collect();
    holds(
        given == expected,
        &format!("get-many answers {}", shown(expected)),
        || shown(&given),
    )
}

fn shown(values: &[Option<&[u8]>]) -> String {
    const SHOWN: usize = 8;
    let first = values.iter().take(SHOWN);
    let first: Vec<_> = first
        .map(|value| show(&value.map(<[u8]>::to_vec)))
        .collect();
    let rest = if values.len() > SHOWN {
        " and so on"
    } else {
        ""
    };
    format!("[{}{rest}], {} answers", first.join(", "), values.len())
}
