//! Values as resources, and their bodies as bytes.

use super::handle::{consume, outgoing, write};
use crate::generation::{self, OutgoingValue};
use crate::scratch::Scratch;
use crate::verdict::{Broken, Kept, answered, holds, quote, same};

behaviours! { "types":
    Must "types.outgoing-value.outgoing-value-write-body-sync" nothing_is_stored_before_the_value_is_set,
    May "types.outgoing-value.outgoing-value-write-body-sync" what_is_written_in_several_calls_is_appended,
    May "types.outgoing-value.new-outgoing-value" a_value_without_a_body_is_an_empty_one,
    May "types.outgoing-value" a_value_may_be_set_under_several_keys,
    May "types.outgoing-value" what_is_written_after_a_set_is_in_the_next_one,
    Must "types.outgoing-value" a_value_that_is_dropped_changes_nothing,
    May "types.outgoing-value.outgoing-value-write-body-sync" a_value_too_large_is_an_error_and_writes_nothing,
    Must "types.incoming-value.incoming-value-size" the_size_is_that_of_the_value,
    Must "types.incoming-value" a_value_that_was_read_stays_as_it_was,
    May "types.incoming-value.incoming-value-consume-sync" a_second_consume_is_empty,
    Must "types.incoming-value" a_value_need_not_be_consumed,
}

fn nothing_is_stored_before_the_value_is_set(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let value = outgoing(b"green")?;
    bucket.lacks("tea")?;
    bucket.set_value("tea", &value)?;
    bucket.has("tea", "green")
}

fn what_is_written_in_several_calls_is_appended(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let value = outgoing(b"green")?;
    write(&value, b"")?;
    write(&value, b" and ")?;
    write(&value, b"black")?;
    bucket.set_value("tea", &value)?;
    bucket.has("tea", "green and black")
}

fn a_value_without_a_body_is_an_empty_one(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set_value("empty", &OutgoingValue::new_outgoing_value())?;
    bucket.has("empty", "")
}

fn a_value_may_be_set_under_several_keys(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let value = outgoing(b"green")?;
    for key in ["tea", "cup", "tea"] {
        bucket.set_value(key, &value)?;
    }
    bucket.has("tea", "green")?;
    bucket.has("cup", "green")
}

fn what_is_written_after_a_set_is_in_the_next_one(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let value = outgoing(b"green")?;
    bucket.set_value("tea", &value)?;
    write(&value, b" tea")?;
    bucket.has("tea", "green")?;
    bucket.set_value("cup", &value)?;
    bucket.has("cup", "green tea")?;
    bucket.has("tea", "green")
}

fn a_value_that_is_dropped_changes_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    drop(outgoing(b"black")?);
    bucket.has("tea", "green")
}

/// 16 MiB and some more, in the write or in the set.
fn a_value_too_large_is_an_error_and_writes_nothing(scratch: &Scratch) -> Kept {
    const PART: usize = 1 << 20;
    let bucket = scratch.open()?;
    let value = OutgoingValue::new_outgoing_value();
    let part = vec![7; PART];
    let is_written = (0..17).all(|_| value.outgoing_value_write_body_sync(&part).is_ok());
    if is_written && bucket.try_set("large", &value).is_ok() {
        return Err(Broken {
            promised: "a value of 17 MiB is an error".into(),
            answered: "a success".into(),
        });
    }
    bucket.lacks("large")
}

fn the_size_is_that_of_the_value(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for bytes in [0, 1, 5000] {
        bucket.set("tea", vec![7; bytes])?;
        let value = there(bucket.find("tea")?)?;
        let size = answered("incoming-value-size", generation::size(&value))?;
        same("the size", &size, &(bytes as u64), u64::to_string)?;
    }
    Ok(())
}

fn a_value_that_was_read_stays_as_it_was(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let value = there(bucket.find("tea")?)?;
    bucket.set("tea", "black")?;
    bucket.delete("tea")?;
    is(&consume("tea", &value)?, b"green")
}

fn a_second_consume_is_empty(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let value = there(bucket.find("tea")?)?;
    is(&consume("tea", &value)?, b"green")?;
    is(&consume("tea", &value)?, b"")?;
    bucket.has("tea", "green")
}

fn a_value_need_not_be_consumed(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    for _ in 0..100 {
        drop(there(bucket.find("tea")?)?);
    }
    bucket.has("tea", "green")
}

pub fn there<T>(value: Option<T>) -> Kept<T> {
    value.ok_or_else(|| Broken {
        promised: "the key is there".into(),
        answered: "none".into(),
    })
}

pub fn is(value: &[u8], expected: &[u8]) -> Kept {
    let promised = format!("the value is {}", quote(expected));
    holds(value == expected, &promised, || quote(value))
}
