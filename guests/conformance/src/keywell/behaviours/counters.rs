//! Counters, and windows of time.

use crate::keywell::keyvalue::store::Error;
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, holds, refused, same};

behaviours! { "counters":
    Must "atomics.increment" the_new_value_is_answered,
    Must "atomics.increment" a_counter_reads_as_its_decimal_text,
    Must "atomics.increment" a_value_that_is_no_number_is_an_error_and_stays,
    Must "atomics.increment" past_the_top_is_overflow_and_changes_nothing,
    Must "atomics.increment" past_the_bottom_is_overflow_and_changes_nothing,
    Must "atomics.increment" an_increment_changes_the_version,
    May "atomics.increment" a_window_ends_though_it_is_counted_in,
    May "atomics.increment" a_time_to_live_does_not_reach_a_key_that_is_there,
}

fn the_new_value_is_answered(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for (delta, expected) in [(41, 41), (1, 42), (-50, -8), (0, -8)] {
        let asked = format!("increment by {delta}");
        let sum = answered(&asked, bucket.increment("n", delta, None))?;
        same(&asked, &sum, &expected)?;
    }
    Ok(())
}

fn a_counter_reads_as_its_decimal_text(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    answered("increment", bucket.increment("n", -7, None))?;
    bucket.has("n", "-7")?;
    bucket.set("m", "41")?;
    let sum = answered("increment", bucket.increment("m", 1, None))?;
    same("increment of 41", &sum, &42)
}

fn a_value_that_is_no_number_is_an_error_and_stays(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for text in ["tea", "", "007", " 1", "1.5"] {
        let version = bucket.set("n", text)?;
        let sum = bucket.increment("n", 1, None);
        refused(
            &format!("increment of {text:?}"),
            sum,
            "not-a-number",
            |error| matches!(error, Error::NotANumber),
        )?;
        same("the version", &bucket.has("n", text)?, &version)?;
    }
    Ok(())
}

fn past_the_top_is_overflow_and_changes_nothing(scratch: &Scratch) -> Kept {
    overflows(scratch, i64::MAX, 1)
}

fn past_the_bottom_is_overflow_and_changes_nothing(scratch: &Scratch) -> Kept {
    overflows(scratch, i64::MIN, -1)
}

fn overflows(scratch: &Scratch, end: i64, delta: i64) -> Kept {
    let bucket = scratch.open()?;
    let sum = answered("increment", bucket.increment("n", end, None))?;
    same("increment", &sum, &end)?;
    let sum = bucket.increment("n", delta, None);
    refused(&format!("increment of {end}"), sum, "overflow", |error| {
        matches!(error, Error::Overflow)
    })?;
    bucket.has("n", end.to_string()).map(drop)
}

fn an_increment_changes_the_version(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let before = bucket.set("n", "1")?;
    answered("increment", bucket.increment("n", 1, None))?;
    let after = bucket.has("n", "2")?;
    holds(before != after, "the versions differ", || {
        format!("{after:?} twice")
    })
}

fn a_window_ends_though_it_is_counted_in(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let first = answered("increment", bucket.increment("n", 1, Some(100)))?;
    same("the first increment", &first, &1)?;
    // Each of them would begin another window, if any but the first did.
    super::subscriptions::within_patience(
        || Ok(answered("increment", bucket.increment("n", 1, Some(100)))? == 1),
        "the count begins again",
    )
}

fn a_time_to_live_does_not_reach_a_key_that_is_there(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("n", "1")?;
    answered("increment", bucket.increment("n", 1, Some(20)))?;
    answered("increment", bucket.increment("clock", 1, Some(40)))?;
    super::subscriptions::within_patience(
        || Ok(bucket.get("clock")?.is_none()),
        "the other key is gone",
    )?;
    bucket.has("n", "2").map(drop)
}
