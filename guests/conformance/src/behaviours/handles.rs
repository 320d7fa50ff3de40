//! Several handles on one bucket. A component is one client of a store however many handles it holds, so it reads what it wrote
//! through any of them.

use crate::scratch::Scratch;
use crate::verdict::Kept;

behaviours! { "handles":
    Must "store.open" an_open_bucket_opens_again,
    Must "store" what_one_handle_wrote_another_reads,
    Must "store" what_one_handle_deleted_another_misses,
    Must "store" a_handle_opened_later_reads_what_was_written_before,
    Must "store" what_was_written_outlives_the_handle,
    Must "store.bucket" dropping_one_handle_leaves_another_open,
    Must "store.bucket.list-keys" what_one_handle_wrote_another_lists,
    Must "atomics.increment" two_handles_count_together,
    Must "batch.set-many" a_batch_through_one_handle_is_read_through_another,
    May "store.open" fifty_handles_are_open_at_once,
    May "store.bucket" a_thousand_handles_come_and_go,
}

fn an_open_bucket_opens_again(scratch: &Scratch) -> Kept {
    let (_first, _second) = (scratch.open()?, scratch.open()?);
    Ok(())
}

fn what_one_handle_wrote_another_reads(scratch: &Scratch) -> Kept {
    let (first, second) = (scratch.open()?, scratch.open()?);
    first.set("tea", "green")?;
    second.has("tea", "green")?;
    second.set("tea", "black")?;
    first.has("tea", "black")
}

fn what_one_handle_deleted_another_misses(scratch: &Scratch) -> Kept {
    let first = scratch.open()?;
    first.set("tea", "green")?;
    let second = scratch.open()?;
    second.has("tea", "green")?;
    first.delete("tea")?;
    second.lacks("tea")
}

fn a_handle_opened_later_reads_what_was_written_before(scratch: &Scratch) -> Kept {
    let first = scratch.open()?;
    first.set("tea", "green")?;
    scratch.open()?.has("tea", "green")
}

fn what_was_written_outlives_the_handle(scratch: &Scratch) -> Kept {
    scratch.open()?.set("tea", "green")?;
    scratch.open()?.has("tea", "green")
}

fn dropping_one_handle_leaves_another_open(scratch: &Scratch) -> Kept {
    let (first, second) = (scratch.open()?, scratch.open()?);
    second.set("tea", "green")?;
    drop(first);
    second.has("tea", "green")
}

fn what_one_handle_wrote_another_lists(scratch: &Scratch) -> Kept {
    let (first, second) = (scratch.open()?, scratch.open()?);
    first.set("tea", "green")?;
    super::listing::lists(&second, &["tea"])
}

fn two_handles_count_together(scratch: &Scratch) -> Kept {
    let (first, second) = (scratch.open()?, scratch.open()?);
    first.counts("n", 1, 1)?;
    second.counts("n", 1, 2)?;
    first.counts("n", 1, 3)
}

fn a_batch_through_one_handle_is_read_through_another(scratch: &Scratch) -> Kept {
    let (first, second) = (scratch.open()?, scratch.open()?);
    first.set_many(&[("tea", b"green"), ("milk", b"oat")])?;
    second.has("tea", "green")?;
    second.has("milk", "oat")
}

fn fifty_handles_are_open_at_once(scratch: &Scratch) -> Kept {
    let handles: Kept<Vec<_>> = (0..50).map(|_| scratch.open()).collect();
    for (n, handle) in handles?.iter().enumerate() {
        let key = format!("key-{n}");
        handle.set(&key, "green")?;
        handle.has(&key, "green")?;
    }
    Ok(())
}

/// A host that never frees a handle runs out of them.
fn a_thousand_handles_come_and_go(scratch: &Scratch) -> Kept {
    for _ in 0..1000 {
        scratch.open()?.lacks("missing")?;
    }
    Ok(())
}
