//! Several keys changed as one. Where the store has no transactions, all of them are not offered.

use crate::handle::Handle;
use crate::keywell::keyvalue::store::{Error, Expectation};
use crate::keywell::keyvalue::transactions::{Action, Check, NewValue, Write, Written, transact};
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, check_failed, refused, same};

behaviours! { "transactions":
    May "transactions.transact" all_writes_happen,
    May "transactions.transact" what_each_write_did_is_answered_in_order,
    May "transactions.transact" a_check_that_fails_is_named_and_nothing_is_written,
    May "transactions.transact" checks_hold_of_absent_keys_and_of_versions,
    May "transactions.transact" a_check_of_anything_holds_and_counts,
    May "transactions.transact" checks_alone_write_nothing,
    May "transactions.transact" a_key_written_twice_is_invalid,
    May "transactions.transact" a_write_that_is_refused_undoes_the_others,
    May "transactions.transact" a_value_can_have_a_time_to_live,
    May "transactions.transact" two_handles_go_into_one_transaction,
    Must "transactions.transact" nothing_to_do_is_done_or_unsupported,
}

fn check<'a>(bucket: &'a Handle, key: &str, expected: Expectation) -> Check<'a> {
    Check {
        bucket: &bucket.bucket,
        key: bucket.scratch.key(key),
        expected,
    }
}

fn write<'a>(bucket: &'a Handle, key: &str, action: Action) -> Write<'a> {
    Write {
        bucket: &bucket.bucket,
        key: bucket.scratch.key(key),
        action,
    }
}

fn set(value: &str) -> Action {
    Action::Set(NewValue {
        value: value.into(),
        ttl: None,
    })
}

fn done(checks: &[Check], writes: &[Write]) -> Kept<Vec<Written>> {
    answered("transact", transact(checks, writes))
}

fn all_writes_happen(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("old", "v")?;
    let writes = [
        write(&bucket, "tea", set("green")),
        write(&bucket, "milk", set("")),
        write(&bucket, "old", Action::Delete),
        write(&bucket, "none", Action::Delete),
        write(&bucket, "n", Action::Increment(3)),
    ];
    done(&[], &writes)?;
    bucket.has("tea", "green")?;
    bucket.has("milk", "")?;
    bucket.has("n", "3")?;
    bucket.lacks("old")
}

fn what_each_write_did_is_answered_in_order(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("n", "40")?;
    bucket.set("old", "v")?;
    let writes = [
        write(&bucket, "n", Action::Increment(2)),
        write(&bucket, "old", Action::Delete),
        write(&bucket, "tea", set("green")),
    ];
    let written = done(&[], &writes)?;
    let written: Vec<_> = written
        .into_iter()
        .map(|written| (written.version, written.counter))
        .collect();
    let expected = vec![
        (Some(bucket.has("n", "42")?), Some(42)),
        (None, None),
        (Some(bucket.has("tea", "green")?), None),
    ];
    same("transact", &written, &expected)
}

fn a_check_that_fails_is_named_and_nothing_is_written(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let version = bucket.set("tea", "green")?;
    bucket.set("milk", "oat")?;
    let checks = [
        check(&bucket, "tea", Expectation::At(version)),
        check(&bucket, "none", Expectation::Absent),
        check(&bucket, "milk", Expectation::Absent),
    ];
    let writes = [
        write(&bucket, "tea", set("black")),
        write(&bucket, "n", Action::Increment(1)),
    ];
    check_failed("transact", transact(&checks, &writes), 2)?;
    bucket.has("tea", "green")?;
    bucket.lacks("n")
}

fn checks_hold_of_absent_keys_and_of_versions(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let first = bucket.set("tea", "green")?;
    let writes = [write(&bucket, "tea", set("black"))];
    let at_first = [check(&bucket, "tea", Expectation::At(first))];
    let absent = [check(&bucket, "none", Expectation::Absent)];
    done(&absent, &[])?;
    done(&at_first, &writes)?;
    check_failed("transact again", transact(&at_first, &writes), 0)
}

fn a_check_of_anything_holds_and_counts(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("milk", "oat")?;
    let checks = [
        check(&bucket, "tea", Expectation::Any),
        check(&bucket, "milk", Expectation::Any),
        check(&bucket, "milk", Expectation::Absent),
    ];
    let writes = [write(&bucket, "tea", set("green"))];
    check_failed("transact", transact(&checks, &writes), 2)?;
    done(&checks[..2], &writes)?;
    bucket.has("tea", "green").map(drop)
}

fn checks_alone_write_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let checks = [check(&bucket, "tea", Expectation::Absent)];
    let written = done(&checks, &[])?;
    same("the number of writes", &written.len(), &0)
}

fn a_key_written_twice_is_invalid(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let writes = [
        write(&bucket, "tea", set("green")),
        write(&bucket, "tea", Action::Delete),
    ];
    refused("transact", transact(&[], &writes), "invalid", |error| {
        matches!(error, Error::Invalid(_))
    })?;
    bucket.lacks("tea")
}

fn a_write_that_is_refused_undoes_the_others(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("n", "tea")?;
    let writes = [
        write(&bucket, "tea", set("green")),
        write(&bucket, "n", Action::Increment(1)),
    ];
    refused(
        "transact",
        transact(&[], &writes),
        "not-a-number",
        |error| matches!(error, Error::NotANumber),
    )?;
    bucket.lacks("tea")
}

fn a_value_can_have_a_time_to_live(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let short = Action::Set(NewValue {
        value: b"green".to_vec(),
        ttl: Some(20),
    });
    done(&[], &[write(&bucket, "tea", short)])?;
    super::subscriptions::within_patience(|| Ok(bucket.get("tea")?.is_none()), "the key is gone")
}

fn two_handles_go_into_one_transaction(scratch: &Scratch) -> Kept {
    let (one, other) = (scratch.open()?, scratch.open()?);
    let writes = [
        write(&one, "tea", set("green")),
        write(&other, "milk", set("oat")),
    ];
    done(&[check(&other, "tea", Expectation::Absent)], &writes)?;
    one.has("milk", "oat").map(drop)
}

fn nothing_to_do_is_done_or_unsupported(_: &Scratch) -> Kept {
    match transact(&[], &[]) {
        Err(Error::Unsupported(_)) => Ok(()),
        written => same(
            "transact of nothing",
            &answered("transact", written)?.len(),
            &0,
        ),
    }
}
