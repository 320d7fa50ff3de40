//! What a listing has in it.

use crate::handle::Handle;
use crate::scratch::Scratch;
use crate::verdict::{Kept, holds};

behaviours! { "listing":
    Must "store.bucket.list-keys" nothing_is_listed_where_nothing_was_written,
    Must "store.bucket.list-keys" each_key_is_listed_once,
    Must "store.bucket.list-keys" a_key_written_twice_is_listed_once,
    Must "store.bucket.list-keys" a_deleted_key_is_not_listed,
    Must "store.bucket.list-keys" a_counter_is_listed,
    Must "store.bucket.list-keys" what_a_batch_wrote_and_deleted_is_listed_so,
    Must "store.bucket.list-keys" keys_are_listed_as_they_were_written,
    Must "store.bucket.list-keys" listing_changes_nothing,
    May "store.bucket.list-keys" keys_come_in_the_order_of_their_bytes,
}

/// Expects these keys, each once, in any order.
pub fn lists(bucket: &Handle, expected: &[&str]) -> Kept {
    let mut listed = bucket.keys()?;
    listed.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    holds(
        listed == expected,
        &format!("list-keys answers {expected:?}"),
        || format!("{listed:?}"),
    )
}

fn nothing_is_listed_where_nothing_was_written(scratch: &Scratch) -> Kept {
    lists(&scratch.open()?, &[])
}

fn each_key_is_listed_once(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for key in ["tea", "milk", "sugar"] {
        bucket.set(key, "v")?;
    }
    lists(&bucket, &["tea", "milk", "sugar"])
}

fn a_key_written_twice_is_listed_once(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set("tea", "black")?;
    lists(&bucket, &["tea"])
}

fn a_deleted_key_is_not_listed(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set("milk", "oat")?;
    bucket.delete("tea")?;
    lists(&bucket, &["milk"])
}

fn a_counter_is_listed(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 1, 1)?;
    lists(&bucket, &["n"])
}

fn what_a_batch_wrote_and_deleted_is_listed_so(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set_many(&[("tea", b"green"), ("milk", b"oat"), ("sugar", b"")])?;
    lists(&bucket, &["tea", "milk", "sugar"])?;
    bucket.delete_many(&["tea", "milk"])?;
    lists(&bucket, &["sugar"])
}

fn keys_are_listed_as_they_were_written(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let keys = [
        "*",
        "?[x]",
        "a:b",
        "a/b",
        " a b ",
        "'\"`\\",
        "a\nb",
        "caf\u{e9}",
        "🫖",
        "%20",
    ];
    for key in keys {
        bucket.set(key, "v")?;
    }
    lists(&bucket, &keys)
}

fn listing_changes_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    lists(&bucket, &["tea"])?;
    lists(&bucket, &["tea"])?;
    bucket.has("tea", "green")
}

fn keys_come_in_the_order_of_their_bytes(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let ordered = [
        "", "0", "10", "2", "A", "Z", "a", "aa", "ab", "b", "\u{e9}", "茶", "🫖",
    ];
    // The empty one stands for the scratch's prefix alone, which is a key like others.
    for key in ordered.iter().rev() {
        bucket.set(key, "v")?;
    }
    let listed = bucket.keys()?;
    holds(
        listed == ordered,
        &format!("list-keys answers {ordered:?}"),
        || format!("{listed:?}"),
    )
}
