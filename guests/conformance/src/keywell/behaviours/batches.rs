//! Many keys in one call.

use crate::keywell::keyvalue::batch;
use crate::keywell::keyvalue::store::Entry;
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, same};

behaviours! { "batches":
    Must "batch.get-many" entries_come_in_the_order_asked,
    Must "batch.get-many" a_key_asked_twice_is_answered_twice,
    Must "batch.get-many" no_keys_answer_nothing,
    Must "batch.set-many" every_pair_is_written,
    Must "batch.set-many" of_two_values_for_a_key_the_later_stands,
    Must "batch.delete-many" every_key_named_is_gone,
}

fn get_many(scratch: &Scratch, keys: &[&str]) -> Kept<Vec<Option<Entry>>> {
    let keys: Vec<String> = keys.iter().map(|key| scratch.key(key)).collect();
    let bucket = scratch.open()?.bucket;
    answered("get-many", batch::get_many(&bucket, &keys))
}

fn set_many(scratch: &Scratch, pairs: &[(&str, &str)]) -> Kept {
    let pairs = pairs
        .iter()
        .map(|(key, value)| (scratch.key(key), value.as_bytes().to_vec()));
    let pairs: Vec<_> = pairs.collect();
    let bucket = scratch.open()?.bucket;
    answered("set-many", batch::set_many(&bucket, &pairs))
}

fn entries_come_in_the_order_asked(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let versions = [bucket.set("tea", "green")?, bucket.set("milk", "oat")?];
    let found = get_many(scratch, &["milk", "none", "tea"])?;
    let found: Vec<_> = found
        .into_iter()
        .map(|entry| entry.map(|entry| (entry.value, entry.version)))
        .collect();
    let [tea, milk] = versions;
    let expected = vec![
        Some((b"oat".to_vec(), milk)),
        None,
        Some((b"green".to_vec(), tea)),
    ];
    same("get-many", &found, &expected)
}

fn a_key_asked_twice_is_answered_twice(scratch: &Scratch) -> Kept {
    scratch.open()?.set("tea", "green")?;
    let found = get_many(scratch, &["tea", "tea"])?;
    same("the number of entries", &found.iter().flatten().count(), &2)
}

fn no_keys_answer_nothing(scratch: &Scratch) -> Kept {
    same("the number of answers", &get_many(scratch, &[])?.len(), &0)
}

fn every_pair_is_written(scratch: &Scratch) -> Kept {
    set_many(scratch, &[("tea", "green"), ("milk", "oat")])?;
    let bucket = scratch.open()?;
    bucket.has("tea", "green")?;
    bucket.has("milk", "oat").map(drop)
}

fn of_two_values_for_a_key_the_later_stands(scratch: &Scratch) -> Kept {
    set_many(scratch, &[("tea", "green"), ("tea", "black")])?;
    scratch.open()?.has("tea", "black").map(drop)
}

fn every_key_named_is_gone(scratch: &Scratch) -> Kept {
    set_many(scratch, &[("tea", "green"), ("milk", "oat")])?;
    let keys = ["tea", "none"].map(|key| scratch.key(key));
    let bucket = scratch.open()?;
    let deleted = batch::delete_many(&bucket.bucket, &keys);
    answered("delete-many", deleted)?;
    bucket.lacks("tea")?;
    bucket.has("milk", "oat").map(drop)
}
