//! What is wrong with an argument, and what the host says of it.

use crate::keywell::keyvalue::store::{self, Error, Expectation, Measure, SizeLimit};
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, holds, refused};

behaviours! { "errors":
    Must "store.open" a_name_with_control_characters_is_an_error,
    Must "store.bucket.set" the_empty_key_is_invalid,
    Must "store.bucket.set" a_key_too_long_is_refused_with_the_limit,
    Must "store.bucket.set" a_value_too_large_is_refused_with_its_limit,
    Must "batch.set-many" a_batch_too_long_is_refused_with_the_limit,
}

fn a_name_with_control_characters_is_an_error(_: &Scratch) -> Kept {
    let opened = store::open("conformance\u{1}unknown");
    refused("open of such a name", opened, "invalid", |error| {
        matches!(
            error,
            Error::Invalid(_) | Error::NoSuchBucket | Error::AccessDenied
        )
    })
}

fn the_empty_key_is_invalid(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let set = bucket.bucket.set("", b"v", &Expectation::Any, None);
    let is_invalid = |error: &Error| matches!(error, Error::Invalid(_));
    refused("set of the empty key", set, "invalid", is_invalid)?;
    let got = bucket.bucket.get("");
    refused("get of the empty key", got, "invalid", is_invalid)
}

/// The limit that an error names.
fn limit<T>(asked: &str, answer: Result<T, Error>, measure: Measure) -> Kept<u64> {
    match answer {
        Err(Error::TooLarge(SizeLimit {
            measure: measured,
            max,
        })) if measured == measure => Ok(max),
        other => refused(asked, other, &format!("too-large({measure:?})"), |_| false).map(|()| 0),
    }
}

fn a_key_too_long_is_refused_with_the_limit(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let set = |length: usize| {
        let end = length.saturating_sub(scratch.prefix.len());
        bucket.set_if(&"x".repeat(end), "v", &Expectation::Any)
    };
    let max = limit("set of 1 MiB of key", set(1 << 20), Measure::KeyBytes)?;
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    holds((64..1 << 20).contains(&max), "the limit is one", || {
        max.to_string()
    })?;
    answered(&format!("set of a key of {max} bytes"), set(max))?;
    limit(
        "set of a key of a byte more",
        set(max + 1),
        Measure::KeyBytes,
    )
    .map(drop)
}

fn a_value_too_large_is_refused_with_its_limit(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let set = bucket.set_if("tea", vec![0; 17 << 20], &Expectation::Any);
    let max = limit("set of 17 MiB", set, Measure::ValueBytes)?;
    holds(max >= 1 << 20, "a value may have a mebibyte", || {
        max.to_string()
    })?;
    bucket.lacks("tea")
}

fn a_batch_too_long_is_refused_with_the_limit(scratch: &Scratch) -> Kept {
    let pair = (scratch.key("tea"), b"v".to_vec());
    let pairs = vec![pair; 100_000];
    let bucket = scratch.open()?;
    let set = crate::keywell::keyvalue::batch::set_many(&bucket.bucket, &pairs);
    limit("set-many of 100,000 pairs", set, Measure::BatchKeys)?;
    bucket.lacks("tea")
}
