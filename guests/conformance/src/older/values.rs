//! Single keys and their values.

use crate::generation;
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, holds};

behaviours! { "eventual":
    Must "types.bucket.open-bucket" an_unknown_name_is_an_error_with_a_trace_or_a_bucket,
    May "types.bucket.open-bucket" the_empty_name_is_a_bucket,
    Must "eventual.exists" a_missing_key_does_not_exist,
    Must "eventual.set" a_value_is_read_back,
    Must "eventual.set" a_value_may_have_every_byte,
    Must "eventual.set" an_empty_value_is_a_value,
    Must "eventual.set" a_second_value_replaces_the_first,
    Must "eventual.set" a_shorter_value_leaves_nothing_of_a_longer_one,
    Must "eventual" every_write_is_read_back_at_once,
    May "eventual.set" a_value_of_a_mebibyte_is_kept,
    Must "eventual.delete" a_deleted_key_is_gone,
    Must "eventual.delete" a_missing_key_is_deleted_without_an_error,
    Must "eventual.delete" a_deleted_key_can_be_set_again,
    Must "eventual.delete" other_keys_stay,
    Must "types.bucket" what_one_handle_wrote_another_reads,
}

/// Control characters, so that a host that makes buckets as they are asked for need not make this one.
fn an_unknown_name_is_an_error_with_a_trace_or_a_bucket(_: &Scratch) -> Kept {
    match generation::open("conformance\u{1}unknown") {
        Ok(bucket) => {
            let exists = generation::exists(&bucket, "missing");
            answered("exists in such a bucket", exists).map(drop)
        }
        Err(error) => holds(!error.trace().is_empty(), "the error has a trace", || {
            "an empty trace".into()
        }),
    }
}

fn the_empty_name_is_a_bucket(_: &Scratch) -> Kept {
    answered("open-bucket of \"\"", generation::open("")).map(drop)
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

fn what_one_handle_wrote_another_reads(scratch: &Scratch) -> Kept {
    let (one, other) = (scratch.open()?, scratch.open()?);
    one.set("tea", "green")?;
    other.has("tea", "green")?;
    other.set("tea", "black")?;
    drop(other);
    one.has("tea", "black")
}
