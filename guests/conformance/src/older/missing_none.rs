//! Where a missing key is none.

use crate::behaviours::handle::Answers;
use crate::scratch::Scratch;
use crate::verdict::{Kept, holds, show};

behaviours! { "eventual":
    Must "eventual.get" a_missing_key_is_none,
    Must "eventual.get" a_deleted_key_is_none,
    Must "eventual-batch.get-many" missing_keys_are_none_in_the_place_they_were_asked,
}

fn a_missing_key_is_none(scratch: &Scratch) -> Kept {
    let answer = scratch.open()?.get("missing")?;
    holds(answer.is_none(), "get answers none", || show(&answer))
}

fn a_deleted_key_is_none(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.delete("tea")?;
    let answer = bucket.get("tea")?;
    holds(answer.is_none(), "get answers none", || show(&answer))
}

fn missing_keys_are_none_in_the_place_they_were_asked(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set("empty", "")?;
    let answers = bucket.get_many(&["milk", "tea", "sugar", "empty"])?;
    let expected: Answers = vec![None, Some(b"green".into()), None, Some(Vec::new())];
    holds(
        answers == expected,
        "get-many answers none, green, none and an empty value",
        || {
            let shown: Vec<_> = answers.iter().map(show).collect();
            shown.join(", ")
        },
    )
}
