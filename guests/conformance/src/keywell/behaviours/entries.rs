//! Single keys, their versions and their times to live.

use crate::keywell::keyvalue::store::{Error, Expectation};
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, check_failed, holds, refused, same};

behaviours! { "entries":
    Must "store.bucket.get" a_missing_key_is_none,
    Must "store.bucket.exists" a_key_exists_while_it_is_there,
    Must "store.bucket.set" a_value_is_read_back_with_its_version,
    Must "store.bucket.set" an_empty_value_is_a_value,
    Must "store.bucket.set" another_value_has_another_version,
    May "store.bucket.set" an_equal_value_has_another_version,
    May "store.bucket.set" a_key_created_again_has_another_version,
    Must "store.bucket.set" an_absent_key_is_created_once,
    Must "store.bucket.set" a_value_is_replaced_at_its_version,
    Must "store.bucket.set" a_stale_set_writes_nothing,
    Must "store.bucket.set" a_missing_key_has_no_version,
    Must "store.bucket.set" a_version_that_never_was_is_stale,
    Must "store.bucket.set" of_two_writers_at_one_version_one_wins,
    Must "store.bucket.delete" a_deleted_key_is_gone,
    Must "store.bucket.delete" a_missing_key_is_deleted_without_an_error,
    Must "store.bucket.delete" a_key_is_deleted_at_its_version,
    Must "store.bucket.delete" a_stale_delete_leaves_the_key,
    Must "store.bucket.set" a_time_to_live_of_zero_is_invalid,
    May "store.bucket.set" a_key_with_a_time_to_live_is_there,
    May "store.bucket.set" a_time_to_live_ends,
    May "store.bucket.set" a_set_ends_an_earlier_time_to_live,
}

fn a_missing_key_is_none(scratch: &Scratch) -> Kept {
    scratch.open()?.lacks("missing")
}

fn a_key_exists_while_it_is_there(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let exists = || answered("exists", bucket.bucket.exists(&scratch.key("tea")));
    same("exists", &exists()?, &false)?;
    bucket.set("tea", "green")?;
    same("exists", &exists()?, &true)
}

fn a_value_is_read_back_with_its_version(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let every: Vec<u8> = (0..=255).collect();
    let version = bucket.set("bytes", &every)?;
    let read = bucket.has("bytes", &every)?;
    same("the version of get", &read, &version)
}

fn an_empty_value_is_a_value(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let version = bucket.set("empty", "")?;
    same("the version", &bucket.has("empty", "")?, &version)
}

fn another_value_has_another_version(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let (first, second) = (bucket.set("tea", "green")?, bucket.set("tea", "black")?);
    holds(first != second, "the versions differ", || {
        format!("{first:?} twice")
    })
}

fn an_equal_value_has_another_version(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let (first, second) = (bucket.set("tea", "green")?, bucket.set("tea", "green")?);
    holds(first != second, "the versions differ", || {
        format!("{first:?} twice")
    })
}

fn a_key_created_again_has_another_version(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let first = bucket.set("tea", "green")?;
    answered("delete", bucket.delete_if("tea", &Expectation::Any))?;
    let second = bucket.set("tea", "green")?;
    holds(first != second, "the versions differ", || {
        format!("{first:?} twice")
    })
}

fn an_absent_key_is_created_once(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let created = bucket.set_if("tea", "green", &Expectation::Absent);
    let version = answered("set of an absent key", created)?;
    let again = bucket.set_if("tea", "black", &Expectation::Absent);
    check_failed("set of a key that is there", again, 0)?;
    same("the version", &bucket.has("tea", "green")?, &version)
}

fn a_value_is_replaced_at_its_version(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let first = bucket.set("tea", "green")?;
    let second = bucket.set_if("tea", "black", &Expectation::At(first));
    let second = answered("set at the version", second)?;
    same("the version", &bucket.has("tea", "black")?, &second)
}

fn a_stale_set_writes_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let first = bucket.set("tea", "green")?;
    bucket.set("tea", "black")?;
    let stale = bucket.set_if("tea", "white", &Expectation::At(first));
    check_failed("set at an old version", stale, 0)?;
    bucket.has("tea", "black").map(drop)
}

fn a_missing_key_has_no_version(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let version = bucket.set("tea", "green")?;
    answered("delete", bucket.delete_if("tea", &Expectation::Any))?;
    let stale = bucket.set_if("tea", "black", &Expectation::At(version));
    check_failed("set at the version of a deleted key", stale, 0)?;
    bucket.lacks("tea")
}

fn a_version_that_never_was_is_stale(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    for version in [&b""[..], b"forged", b"\0", b"\0\0\0\0\0\0\0\0\0"] {
        let stale = bucket.set_if("tea", "black", &Expectation::At(version.into()));
        check_failed(&format!("set at the version {version:?}"), stale, 0)?;
    }
    bucket.has("tea", "green").map(drop)
}

fn of_two_writers_at_one_version_one_wins(scratch: &Scratch) -> Kept {
    let (one, other) = (scratch.open()?, scratch.open()?);
    one.set("tea", "green")?;
    let read = other.has("tea", "green")?;
    let first = one.set_if("tea", "black", &Expectation::At(read.clone()));
    answered("set by the first", first)?;
    let second = other.set_if("tea", "white", &Expectation::At(read));
    check_failed("set by the second", second, 0)?;
    other.has("tea", "black").map(drop)
}

fn a_deleted_key_is_gone(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    answered("delete", bucket.delete_if("tea", &Expectation::Any))?;
    bucket.lacks("tea")
}

fn a_missing_key_is_deleted_without_an_error(scratch: &Scratch) -> Kept {
    let deleted = scratch.open()?.delete_if("missing", &Expectation::Any);
    answered("delete of a missing key", deleted)
}

fn a_key_is_deleted_at_its_version(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let version = bucket.set("tea", "green")?;
    let deleted = bucket.delete_if("tea", &Expectation::At(version));
    answered("delete at the version", deleted)?;
    bucket.lacks("tea")
}

fn a_stale_delete_leaves_the_key(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let first = bucket.set("tea", "green")?;
    bucket.set("tea", "black")?;
    let stale = bucket.delete_if("tea", &Expectation::At(first));
    check_failed("delete at an old version", stale, 0)?;
    bucket.has("tea", "black").map(drop)
}

/// In a store without times to live it is unsupported, which is no less right.
fn a_time_to_live_of_zero_is_invalid(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let set = bucket
        .bucket
        .set(&scratch.key("tea"), b"green", &Expectation::Any, Some(0));
    refused("set with a time to live of 0", set, "invalid", |error| {
        matches!(error, Error::Invalid(_) | Error::Unsupported(_))
    })?;
    bucket.lacks("tea")
}

fn a_key_with_a_time_to_live_is_there(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let hour = Some(3_600_000);
    let key = scratch.key("tea");
    let set = bucket.bucket.set(&key, b"green", &Expectation::Any, hour);
    let version = answered("set with a time to live of an hour", set)?;
    same("the version", &bucket.has("tea", "green")?, &version)
}

fn a_time_to_live_ends(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let key = scratch.key("tea");
    let set = bucket
        .bucket
        .set(&key, b"green", &Expectation::Absent, Some(20));
    answered("set with a time to live of 20 ms", set)?;
    super::subscriptions::within_patience(|| Ok(bucket.get("tea")?.is_none()), "the key is gone")
}

fn a_set_ends_an_earlier_time_to_live(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for (key, ttl) in [("tea", Some(50)), ("clock", Some(60))] {
        let set = bucket
            .bucket
            .set(&scratch.key(key), b"green", &Expectation::Any, ttl);
        answered("set with a time to live", set)?;
    }
    bucket.set("tea", "black")?;
    // Its time to live ends after the one that would have ended.
    super::subscriptions::within_patience(
        || Ok(bucket.get("clock")?.is_none()),
        "the other key is gone",
    )?;
    bucket.has("tea", "black").map(drop)
}
