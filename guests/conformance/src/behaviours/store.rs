//! Single keys and their values.

use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, holds};
use crate::wasi::keyvalue::store as wasi;

behaviours! { "store":
    Must "store.open" an_unknown_identifier_is_an_error_or_a_bucket,
    May "store.open" the_empty_identifier_is_a_bucket,
    Must "store.bucket.get" a_missing_key_is_none,
    Must "store.bucket.exists" a_missing_key_does_not_exist,
    Must "store.bucket.set" a_value_is_read_back,
    Must "store.bucket.set" a_value_may_have_every_byte,
    Must "store.bucket.set" an_empty_value_is_a_value,
    Must "store.bucket.set" a_second_value_replaces_the_first,
    Must "store.bucket.set" a_shorter_value_leaves_nothing_of_a_longer_one,
    Must "store" every_write_is_read_back_at_once,
    May "store.bucket.set" a_value_of_a_mebibyte_is_kept,
    Must "store.bucket.delete" a_deleted_key_is_gone,
    Must "store.bucket.delete" a_missing_key_is_deleted_without_an_error,
    Must "store.bucket.delete" a_deleted_key_can_be_set_again,
    Must "store.bucket.delete" other_keys_stay,
}

/// Control characters, so that a host that makes buckets as they are asked for need not make this one.
fn an_unknown_identifier_is_an_error_or_a_bucket(_: &Scratch) -> Kept {
    match wasi::open("conformance\u{1}unknown") {
        Ok(bucket) => answered("exists in such a bucket", bucket.exists("missing")).map(drop),
        Err(_) => Ok(()),
    }
}

fn the_empty_identifier_is_a_bucket(_: &Scratch) -> Kept {
    answered("open of \"\"", wasi::open("")).map(drop)
}

fn a_missing_key_is_none(scratch: &Scratch) -> Kept {
    let answer = scratch.open()?.get("missing")?;
    holds(answer.is_none(), "get answers none", || {
        crate::verdict::show(&answer)
    })
}

fn a_missing_key_does_not_exist(scratch: &Scratch) -> Kept {
    scratch.open()?.lacks("missing")
}

fn a_value_is_read_back(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.has("tea", "green")
}

fn a_value_may_have_every_byte(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let every: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    bucket.set("bytes", &every)?;
    bucket.has("bytes", &every)
}

fn an_empty_value_is_a_value(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("empty", "")?;
    bucket.has("empty", "")
}

fn a_second_value_replaces_the_first(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set("tea", "black")?;
    bucket.has("tea", "black")
}

fn a_shorter_value_leaves_nothing_of_a_longer_one(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", vec![7; 10_000])?;
    bucket.set("tea", "g")?;
    bucket.has("tea", "g")?;
    bucket.set("tea", "")?;
    bucket.has("tea", "")
}

fn every_write_is_read_back_at_once(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for n in 0..50 {
        let (key, value) = (format!("key-{}", n % 5), format!("value {n}"));
        bucket.set(&key, &value)?;
        bucket.has(&key, &value)?;
        if n % 3 == 0 {
            bucket.delete(&key)?;
            bucket.lacks(&key)?;
        }
    }
    Ok(())
}

fn a_value_of_a_mebibyte_is_kept(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let value: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    bucket.set("large", &value)?;
    bucket.has("large", &value)
}

fn a_deleted_key_is_gone(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.delete("tea")?;
    bucket.lacks("tea")
}

fn a_missing_key_is_deleted_without_an_error(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.delete("missing")?;
    bucket.lacks("missing")
}

fn a_deleted_key_can_be_set_again(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.delete("tea")?;
    bucket.set("tea", "black")?;
    bucket.has("tea", "black")
}

fn other_keys_stay(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for key in ["te", "tea", "teas"] {
        bucket.set(key, key)?;
    }
    bucket.delete("tea")?;
    bucket.has("te", "te")?;
    bucket.lacks("tea")?;
    bucket.has("teas", "teas")
}
