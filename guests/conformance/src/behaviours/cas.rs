//! Compare-and-swap by one writer at a time.

use crate::behaviours::listing;
use crate::generation::describe;
use crate::handle::Handle;
use crate::scratch::Scratch;
use crate::verdict::{Broken, Kept, answered, same, show};
use crate::wasi::keyvalue::atomics::{self, Cas, CasError};

behaviours! { "cas":
    Must "atomics.cas.current" a_present_key_is_its_value,
    Must "atomics.cas.current" a_missing_key_is_none,
    Must "atomics.cas.current" an_empty_value_is_not_a_missing_one,
    Must "atomics.cas.current" asked_again_it_answers_the_same,
    May "atomics.cas.current" it_is_the_value_when_the_handle_was_made,
    Must "atomics.cas.new" a_handle_that_is_dropped_writes_nothing,
    May "atomics.cas.new" a_handle_outlives_its_bucket,
    May "atomics.cas.new" a_thousand_handles_come_and_go,
    Must "atomics.swap" a_key_left_alone_is_written,
    Must "atomics.swap" a_missing_key_is_created,
    Must "atomics.swap" a_value_may_have_every_byte_or_none,
    Must "atomics.swap" swaps_follow_each_other,
    Must "atomics.swap" what_was_swapped_in_is_listed_and_read_in_batches,
    Must "atomics.swap" a_write_to_another_key_does_not_matter,
}

/// Reads a key for a swap.
pub fn read(bucket: &Handle, key: &str) -> Kept<Cas> {
    let cas = Cas::new(&bucket.bucket, &bucket.scratch.writes(key));
    answered(&format!("cas.new of {key:?}"), cas)
}

/// Expects what a handle holds.
pub fn current(cas: &Cas, expected: Option<&[u8]>) -> Kept {
    let value = answered("cas.current", cas.current())?;
    same("cas.current", &value, &expected.map(Vec::from), show)
}

/// Expects that a swap writes.
pub fn swaps(cas: Cas, value: impl AsRef<[u8]>) -> Kept {
    atomics::swap(cas, value.as_ref()).map_err(|error| Broken {
        promised: "swap writes".into(),
        answered: match error {
            CasError::StoreError(error) => describe(&error),
            CasError::CasFailed(_) => "cas-failed".into(),
        },
    })
}

/// Expects that a swap comes too late, and gives back the handle that it answers.
pub fn fails(cas: Cas, value: impl AsRef<[u8]>) -> Kept<Cas> {
    let answered = match atomics::swap(cas, value.as_ref()) {
        Err(CasError::CasFailed(fresh)) => return Ok(fresh),
        Err(CasError::StoreError(error)) => describe(&error),
        Ok(()) => "success".into(),
    };
    Err(Broken {
        promised: "swap answers cas-failed".into(),
        answered,
    })
}

fn a_present_key_is_its_value(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    current(&read(&bucket, "tea")?, Some(b"green"))
}

fn a_missing_key_is_none(scratch: &Scratch) -> Kept {
    current(&read(&scratch.open()?, "missing")?, None)
}

fn an_empty_value_is_not_a_missing_one(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("empty", "")?;
    current(&read(&bucket, "empty")?, Some(b""))
}

fn asked_again_it_answers_the_same(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    current(&cas, Some(b"green"))?;
    current(&cas, Some(b"green"))
}

/// What a swap will be compared with, rather than a later value that it was not read from.
fn it_is_the_value_when_the_handle_was_made(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.set("tea", "black")?;
    current(&cas, Some(b"green"))
}

fn a_handle_that_is_dropped_writes_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    drop(read(&bucket, "tea")?);
    drop(read(&bucket, "missing")?);
    bucket.has("tea", "green")?;
    bucket.lacks("missing")
}

fn a_handle_outlives_its_bucket(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    drop(bucket);
    current(&cas, Some(b"green"))?;
    swaps(cas, "black")?;
    scratch.open()?.has("tea", "black")
}

/// A host that keeps a connection for each runs out of them.
fn a_thousand_handles_come_and_go(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for _ in 0..1000 {
        current(&read(&bucket, "missing")?, None)?;
    }
    Ok(())
}

fn a_key_left_alone_is_written(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    swaps(read(&bucket, "tea")?, "black")?;
    bucket.has("tea", "black")
}

fn a_missing_key_is_created(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    swaps(read(&bucket, "tea")?, "green")?;
    bucket.has("tea", "green")
}

fn a_value_may_have_every_byte_or_none(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let every: Vec<u8> = (0..=255).collect();
    swaps(read(&bucket, "bytes")?, &every)?;
    bucket.has("bytes", &every)?;
    let cas = read(&bucket, "bytes")?;
    current(&cas, Some(&every))?;
    swaps(cas, "")?;
    bucket.has("bytes", "")
}

fn swaps_follow_each_other(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for n in 0..20 {
        let cas = read(&bucket, "n")?;
        let before = (n > 0).then(|| format!("{}", n - 1));
        current(&cas, before.as_ref().map(String::as_bytes))?;
        swaps(cas, n.to_string())?;
    }
    bucket.has("n", "19")
}

fn what_was_swapped_in_is_listed_and_read_in_batches(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    swaps(read(&bucket, "tea")?, "green")?;
    listing::lists(&bucket, &["tea"])?;
    let answers = bucket.get_many(&["tea"])?;
    let value = answers.into_iter().flatten().next().map(|(_, value)| value);
    same("get-many", &value, &Some(b"green".to_vec()), show)
}

fn a_write_to_another_key_does_not_matter(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cas = read(&bucket, "tea")?;
    bucket.set("milk", "oat")?;
    bucket.set("sugar", "cane")?;
    bucket.delete("sugar")?;
    swaps(cas, "black")?;
    bucket.has("tea", "black")
}
