//! Counters, and compare-and-swap of them.

use crate::scratch::Scratch;
use crate::verdict::{Broken, Kept, same, show};

behaviours! { "atomic":
    Must "atomic.increment" a_missing_key_starts_at_the_delta,
    Must "atomic.increment" the_new_value_is_answered,
    Must "atomic.increment" a_delta_of_zero_answers_the_value,
    Must "atomic.increment" counters_are_kept_apart,
    Must "atomic.increment" no_digit_is_lost_past_two_to_the_53rd,
    Must "atomic.increment" a_sum_of_64_bits_is_right_or_an_error,
    May "atomic.increment" a_counter_is_read_as_decimal_text,
    May "atomic.increment" decimal_text_that_was_set_is_a_counter,
    May "atomic.increment" a_value_that_is_no_number_is_an_error_and_stays,
    May "atomic.increment" a_value_below_zero_is_an_error_and_stays,
    Must "atomic.compare-and-swap" the_old_value_is_replaced_by_the_new_one,
    Must "atomic.compare-and-swap" another_value_stays_and_is_false,
    Must "atomic.compare-and-swap" a_value_may_be_replaced_by_itself,
    May "atomic.compare-and-swap" a_missing_key_is_false_and_stays_missing,
    May "atomic.compare-and-swap" a_value_that_is_no_number_stays,
    Must "atomic.compare-and-swap" a_swapped_counter_counts_on,
}

fn a_missing_key_starts_at_the_delta(scratch: &Scratch) -> Kept {
    scratch.open()?.counts("n", 41, 41)
}

fn the_new_value_is_answered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let mut sum = 0;
    for delta in 1..=20 {
        sum += delta;
        bucket.counts("n", delta, sum)?;
    }
    Ok(())
}

fn a_delta_of_zero_answers_the_value(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 7, 7)?;
    bucket.counts("n", 0, 7)?;
    bucket.counts("missing", 0, 0)
}

fn counters_are_kept_apart(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("a", 1, 1)?;
    bucket.counts("b", 10, 10)?;
    bucket.counts("a", 1, 2)?;
    bucket.counts("b", 10, 20)
}

/// Where a host counts in floating point.
fn no_digit_is_lost_past_two_to_the_53rd(scratch: &Scratch) -> Kept {
    const LARGE: u64 = 1 << 53;
    let bucket = scratch.open()?;
    bucket.counts("n", LARGE, LARGE)?;
    bucket.counts("n", 1, LARGE + 1)?;
    bucket.counts("n", 1 << 61, LARGE + 1 + (1 << 61))
}

/// A host may count with a sign inside, but not let it show.
fn a_sum_of_64_bits_is_right_or_an_error(scratch: &Scratch) -> Kept {
    const HALF: u64 = 1 << 63;
    let bucket = scratch.open()?;
    bucket.counts("n", HALF - 1, HALF - 1)?;
    let before = bucket.get("n")?;
    match bucket.increment("n", 1) {
        Ok(answer) => same(
            "increment past two to the 63rd",
            &answer,
            &HALF,
            u64::to_string,
        ),
        Err(_) => same("get after the error", &bucket.get("n")?, &before, show),
    }
}

fn a_counter_is_read_as_decimal_text(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 42, 42)?;
    bucket.has("n", "42")
}

fn decimal_text_that_was_set_is_a_counter(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("n", "41")?;
    bucket.counts("n", 1, 42)?;
    bucket.has("n", "42")
}

fn a_value_that_is_no_number_is_an_error_and_stays(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for value in [&b"pear"[..], b"", b"4 2", b"007", b"+1", b"\xff\x00"] {
        bucket.set("n", value)?;
        bucket.will_not_count("n", 1)?;
    }
    Ok(())
}

fn a_value_below_zero_is_an_error_and_stays(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("n", "-7")?;
    bucket.will_not_count("n", 3)
}

fn the_old_value_is_replaced_by_the_new_one(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 7, 7)?;
    bucket.swaps("n", 7, 9, true)?;
    bucket.counts("n", 0, 9)
}

fn another_value_stays_and_is_false(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 7, 7)?;
    bucket.swaps("n", 8, 9, false)?;
    bucket.counts("n", 0, 7)
}

fn a_value_may_be_replaced_by_itself(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 7, 7)?;
    bucket.swaps("n", 7, 7, true)?;
    bucket.counts("n", 0, 7)
}

fn a_missing_key_is_false_and_stays_missing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for old in [0, 7] {
        bucket.swaps("missing", old, 9, false)?;
        bucket.lacks("missing")?;
    }
    Ok(())
}

/// It is false or an error.
fn a_value_that_is_no_number_stays(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for value in [&b"pear"[..], b"", b"07"] {
        bucket.set("n", value)?;
        if let Ok(true) = bucket.swap("n", 7, 9) {
            return Err(Broken {
                promised: format!(
                    "compare-and-swap of {} does not swap",
                    show(&Some(value.into()))
                ),
                answered: "true".into(),
            });
        }
        bucket.has("n", value)?;
    }
    Ok(())
}

fn a_swapped_counter_counts_on(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 1, 1)?;
    bucket.swaps("n", 1, 100, true)?;
    bucket.counts("n", 1, 101)?;
    bucket.swaps("n", 100, 1, false)
}
