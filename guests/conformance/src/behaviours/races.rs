//! Compare-and-swap with a write of another client between the read and the swap.

use crate::cas::{current, fails, read, swaps};
use crate::generation::Number;
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered};
use crate::wasi::keyvalue::atomics::Cas;

behaviours! { "races":
    Must "atomics.swap" a_stale_swap_fails,
    Must "atomics.swap" a_stale_swap_writes_nothing,
    Must "atomics.cas-error.cas-failed" the_handle_it_carries_has_the_latest_value,
    Must "atomics.cas-error.cas-failed" the_handle_it_carries_swaps,
    Must "atomics.cas-error.cas-failed" the_handle_it_carries_can_be_late_as_well,
    Must "atomics.swap" a_key_created_meanwhile_fails_it,
    Must "atomics.swap" a_key_created_empty_meanwhile_fails_it,
    Must "atomics.swap" a_key_deleted_meanwhile_fails_it,
    Must "atomics.swap" an_increment_meanwhile_fails_it,
    Must "atomics.swap" a_batch_meanwhile_fails_it,
    Must "atomics.swap" of_two_handles_one_wins,
    Must "atomics.swap" of_two_creators_one_wins,
    Must "atomics.swap" a_write_through_another_bucket_handle_fails_it,
    Must "atomics.swap" counting_by_swaps_loses_nothing,
    May "atomics.swap" a_value_changed_and_changed_back_fails_it,
    May "atomics.swap" a_key_deleted_and_created_the_same_fails_it,
    May "atomics.swap" a_swap_of_an_equal_value_fails_others,
}

fn a_stale_swap_fails(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.set("tea", "black")?;
    fails(cas, "white").map(drop)
}

fn a_stale_swap_writes_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.set("tea", "black")?;
    fails(cas, "white")?;
    bucket.has("tea", "black")
}

fn the_handle_it_carries_has_the_latest_value(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.set("tea", "black")?;
    current(&fails(cas, "white")?, Some(b"black"))
}

fn the_handle_it_carries_swaps(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.set("tea", "black")?;
    swaps(fails(cas, "white")?, "white")?;
    bucket.has("tea", "white")
}

fn the_handle_it_carries_can_be_late_as_well(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let mut cas = read(&bucket, "tea")?;
    for n in 0..5 {
        bucket.set("tea", format!("theirs {n}"))?;
        cas = fails(cas, "mine")?;
        bucket.has("tea", format!("theirs {n}"))?;
    }
    swaps(cas, "mine")?;
    bucket.has("tea", "mine")
}

fn a_key_created_meanwhile_fails_it(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let cas = read(&bucket, "tea")?;
    bucket.set("tea", "theirs")?;
    let fresh = fails(cas, "mine")?;
    bucket.has("tea", "theirs")?;
    current(&fresh, Some(b"theirs"))
}

fn a_key_created_empty_meanwhile_fails_it(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let cas = read(&bucket, "tea")?;
    bucket.set("tea", "")?;
    fails(cas, "mine")?;
    bucket.has("tea", "")
}

fn a_key_deleted_meanwhile_fails_it(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.delete("tea")?;
    let fresh = fails(cas, "mine")?;
    bucket.lacks("tea")?;
    current(&fresh, None)?;
    swaps(fresh, "mine")?;
    bucket.has("tea", "mine")
}

fn an_increment_meanwhile_fails_it(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 1, 1)?;
    let cas = read(&bucket, "n")?;
    bucket.counts("n", 1, 2)?;
    fails(cas, "1")?;
    bucket.counts("n", 0, 2)
}

fn a_batch_meanwhile_fails_it(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.set_many(&[("milk", b"oat"), ("tea", b"black")])?;
    let fresh = fails(cas, "mine")?;
    bucket.has("tea", "black")?;
    bucket.delete_many(&["milk", "tea"])?;
    fails(fresh, "mine")?;
    bucket.lacks("tea")
}

fn of_two_handles_one_wins(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let (first, second) = (read(&bucket, "tea")?, read(&bucket, "tea")?);
    swaps(second, "second")?;
    fails(first, "first")?;
    bucket.has("tea", "second")
}

fn of_two_creators_one_wins(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let (first, second) = (read(&bucket, "tea")?, read(&bucket, "tea")?);
    swaps(first, "first")?;
    fails(second, "second")?;
    bucket.has("tea", "first")
}

fn a_write_through_another_bucket_handle_fails_it(scratch: &Scratch) -> Kept {
    let (bucket, other) = (scratch.open()?, scratch.open()?);
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    other.set("tea", "black")?;
    fails(cas, "mine")?;
    other.has("tea", "black")
}

/// Two writers who always read before the other has written.
fn counting_by_swaps_loses_nothing(scratch: &Scratch) -> Kept {
    const ROUNDS: Number = 20;
    let bucket = scratch.open()?;
    bucket.set("n", "0")?;
    let plus_one = |cas: &Cas| -> Kept<String> {
        let value = answered("cas.current", cas.current())?.unwrap_or_default();
        let number: Number = String::from_utf8_lossy(&value)
            .parse()
            .unwrap_or(Number::MIN);
        Ok((number + 1).to_string())
    };
    for _ in 0..ROUNDS {
        let (first, second) = (read(&bucket, "n")?, read(&bucket, "n")?);
        let (one, two) = (plus_one(&first)?, plus_one(&second)?);
        swaps(first, one)?;
        let second = fails(second, two)?;
        let two = plus_one(&second)?;
        swaps(second, two)?;
    }
    bucket.has("n", (2 * ROUNDS).to_string())
}

fn a_value_changed_and_changed_back_fails_it(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.set("tea", "black")?;
    bucket.set("tea", "green")?;
    fails(cas, "mine")?;
    bucket.has("tea", "green")
}

fn a_key_deleted_and_created_the_same_fails_it(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.delete("tea")?;
    bucket.set("tea", "green")?;
    fails(cas, "mine")?;
    bucket.has("tea", "green")
}

fn a_swap_of_an_equal_value_fails_others(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let (first, second) = (read(&bucket, "tea")?, read(&bucket, "tea")?);
    swaps(first, "green")?;
    fails(second, "mine")?;
    bucket.has("tea", "green")
}
