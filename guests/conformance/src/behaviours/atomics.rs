//! Counters, as far as the generations agree.

use crate::generation::Number;
use crate::scratch::Scratch;
use crate::verdict::Kept;

behaviours! { "atomics":
    Must "atomics.increment" a_missing_key_starts_at_the_delta,
    Must "atomics.increment" the_new_value_is_answered,
    Must "atomics.increment" a_delta_of_zero_answers_the_value,
    Must "atomics.increment" counters_are_kept_apart,
    Must "atomics.increment" a_counter_exists_and_can_be_deleted,
    Must "atomics.increment" no_digit_is_lost_past_two_to_the_53rd,
    May "atomics.increment" a_counter_is_read_as_decimal_text,
    May "atomics.increment" decimal_text_that_was_set_is_a_counter,
    May "atomics.increment" a_value_that_is_no_number_is_an_error_and_stays,
    May "atomics.increment" text_that_only_resembles_a_number_is_an_error_and_stays,
    May "atomics.increment" an_overflow_is_an_error_and_changes_nothing,
    May "atomics.increment" a_counter_reaches_the_top_of_its_type,
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

fn a_counter_exists_and_can_be_deleted(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", 5, 5)?;
    let exists = bucket.exists("n")?;
    crate::verdict::same("exists of \"n\"", &exists, &true, bool::to_string)?;
    bucket.delete("n")?;
    bucket.lacks("n")?;
    bucket.counts("n", 1, 1)
}

/// Where a host counts in floating point.
fn no_digit_is_lost_past_two_to_the_53rd(scratch: &Scratch) -> Kept {
    const LARGE: Number = 1 << 53;
    let bucket = scratch.open()?;
    bucket.counts("n", LARGE, LARGE)?;
    bucket.counts("n", 1, LARGE + 1)?;
    bucket.counts("n", 1 << 61, LARGE + 1 + (1 << 61))
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
    refuses_all(scratch, &[b"pear", b"", b"4 2", b"1.5", b"\xff\x00"])
}

/// One number has one text, so that a counter can move between stores.
fn text_that_only_resembles_a_number_is_an_error_and_stays(scratch: &Scratch) -> Kept {
    refuses_all(
        scratch,
        &[b"007", b"+1", b" 1", b"1\n", b"-0", b"1e3", b"0x1"],
    )
}

fn an_overflow_is_an_error_and_changes_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("n", Number::MAX.to_string())?;
    bucket.will_not_count("n", 1)?;
    bucket.set("n", "1")?;
    bucket.will_not_count("n", Number::MAX)
}

fn a_counter_reaches_the_top_of_its_type(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.counts("n", Number::MAX - 1, Number::MAX - 1)?;
    bucket.counts("n", 1, Number::MAX)
}

fn refuses_all(scratch: &Scratch, values: &[&[u8]]) -> Kept {
    let bucket = scratch.open()?;
    for value in values {
        bucket.set("n", value)?;
        bucket.will_not_count("n", 1)?;
    }
    Ok(())
}
