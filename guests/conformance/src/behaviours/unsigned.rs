//! Counters of 64 bits without a sign.

use crate::scratch::Scratch;
use crate::verdict::{Kept, same, show};

behaviours! { "atomics":
    Must "atomics.increment" a_sum_of_64_bits_is_right_or_an_error,
    May "atomics.increment" a_value_below_zero_is_an_error_and_stays,
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
    }?;
    match bucket.increment("m", u64::MAX) {
        Ok(answer) => same("increment from none", &answer, &u64::MAX, u64::to_string),
        Err(_) => bucket.lacks("m"),
    }
}

fn a_value_below_zero_is_an_error_and_stays(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("n", "-7")?;
    bucket.will_not_count("n", 3)
}
