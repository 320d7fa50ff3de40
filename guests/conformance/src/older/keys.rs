//! Which keys there may be.

use super::handle::outgoing;
use crate::scratch::Scratch;
use crate::verdict::{Kept, refused};

behaviours! { "eventual":
    Must "eventual.set" keys_differ_by_case_and_by_a_single_character,
    Must "eventual.set" keys_may_have_every_kind_of_character,
    May "eventual.set" keys_of_1024_bytes_are_kept_apart,
    May "eventual.set" a_key_of_1025_bytes_is_an_error_and_writes_nothing,
}

fn keys_differ_by_case_and_by_a_single_character(scratch: &Scratch) -> Kept {
    each_has_its_own(
        scratch,
        &["tea", "Tea", "TEA", "tea ", " tea", "te", "tea/"],
    )
}

fn keys_may_have_every_kind_of_character(scratch: &Scratch) -> Kept {
    let keys = [
        "a b",
        "a:b",
        "a/b",
        "../a",
        "a\\b",
        "*",
        "?",
        "[a]",
        "{a}",
        "%41",
        "\"a\"",
        "茶",
        "\u{1f375}",
    ];
    each_has_its_own(scratch, &keys)
}

fn keys_of_1024_bytes_are_kept_apart(scratch: &Scratch) -> Kept {
    let (one, other) = (scratch.long(1024, "1"), scratch.long(1024, "2"));
    each_has_its_own(scratch, &[&one, &other])
}

fn a_key_of_1025_bytes_is_an_error_and_writes_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let long = scratch.long(1025, "");
    let answer = bucket.try_set(&long, &outgoing(b"green")?);
    refused("set of a key of 1025 bytes", answer, |()| {
        "a success".into()
    })?;
    let keys = bucket.keys()?;
    crate::verdict::holds(keys.is_empty(), "no key is listed", || keys.join(", "))
}

fn each_has_its_own(scratch: &Scratch, keys: &[&str]) -> Kept {
    let bucket = scratch.open()?;
    for key in keys {
        bucket.set(key, format!("of {key}"))?;
    }
    for key in keys {
        bucket.has(key, format!("of {key}"))?;
    }
    Ok(())
}
