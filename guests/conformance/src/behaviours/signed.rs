//! Counters of 64 bits with a sign.

use crate::scratch::Scratch;
use crate::verdict::Kept;

behaviours! { "atomics":
    Must "atomics.increment" a_negative_delta_counts_down,
    Must "atomics.increment" a_counter_goes_below_zero_and_back,
    Must "atomics.increment" a_missing_key_starts_at_a_negative_delta,
    May "atomics.increment" a_counter_reaches_the_bottom_of_its_type,
    May "atomics.increment" an_underflow_is_an_error_and_changes_nothing,
}

fn a_negative_delta_counts_down(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 10, 10)?;
    bucket.counts("n", -3, 7)
}

fn a_counter_goes_below_zero_and_back(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 2, 2)?;
    bucket.counts("n", -5, -3)?;
    bucket.counts("n", 3, 0)?;
    bucket.counts("n", 1, 1)
}

fn a_missing_key_starts_at_a_negative_delta(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", -7, -7)?;
    bucket.counts("n", -1, -8)
}

fn a_counter_reaches_the_bottom_of_its_type(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", i64::MIN + 1, i64::MIN + 1)?;
    bucket.counts("n", -1, i64::MIN)?;
    bucket.counts("m", i64::MIN, i64::MIN)?;
    bucket.counts("m", i64::MAX, -1)
}

fn an_underflow_is_an_error_and_changes_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("n", i64::MIN.to_string())?;
    bucket.will_not_count("n", -1)?;
    bucket.set("n", "-2")?;
    bucket.will_not_count("n", i64::MIN)
}
