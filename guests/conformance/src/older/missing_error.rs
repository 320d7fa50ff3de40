//! Where a missing key is an error with a certain trace.

use crate::generation::Error;
use crate::scratch::Scratch;
use crate::verdict::{Broken, Kept, same};

/// Components compare with it.
pub const NOT_FOUND: &str = "Key not found";

behaviours! { "eventual":
    Must "eventual.get" the_trace_of_a_missing_key_is_key_not_found,
    Must "eventual.get" the_trace_of_a_deleted_key_is_key_not_found,
    May "eventual-batch.get-many" one_missing_key_is_an_error_with_that_trace,
    May "types.error" every_missing_key_has_an_error_of_its_own,
}

fn the_trace_of_a_missing_key_is_key_not_found(scratch: &Scratch) -> Kept {
    not_found("get of a missing key", scratch.open()?.get_raw("missing"))
}

fn the_trace_of_a_deleted_key_is_key_not_found(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.delete("tea")?;
    not_found("get of a deleted key", bucket.get_raw("tea"))
}

fn one_missing_key_is_an_error_with_that_trace(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let answer = bucket.get_many_raw(&["tea", "missing"]);
    not_found("get-many with a missing key", answer)
}

fn every_missing_key_has_an_error_of_its_own(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let errors: Vec<_> = (0..100).map(|_| bucket.get_raw("missing")).collect();
    errors
        .into_iter()
        .try_for_each(|error| not_found("get of a missing key", error))
}

fn not_found<T>(asked: &str, answer: Result<T, Error>) -> Kept {
    match answer {
        Ok(_) => Err(Broken {
            promised: format!("{asked} answers an error"),
            answered: "a value".into(),
        }),
        Err(error) => {
            let asked = format!("the trace of {asked}");
            same(&asked, &error.trace(), &NOT_FOUND.into(), String::clone)
        }
    }
}
