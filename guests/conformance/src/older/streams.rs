//! Values as streams.

use super::bodies::{is, there};
use super::handle::{Handle, consume, outgoing, write};
use crate::generation::{InputStream, OutgoingValue, OutputStream, StreamError};
use crate::scratch::Scratch;
use crate::verdict::{Broken, Kept, answered};

behaviours! { "types":
    Must "types.outgoing-value.outgoing-value-write-body-async" what_a_stream_wrote_is_stored_when_the_value_is_set,
    Must "types.outgoing-value.outgoing-value-write-body-async" a_stream_may_be_open_when_the_value_is_set,
    Must "types.outgoing-value.outgoing-value-write-body-async" a_value_of_many_pieces_is_whole,
    May "types.outgoing-value.outgoing-value-write-body-async" a_stream_and_a_call_write_one_after_the_other,
    May "types.outgoing-value.outgoing-value-write-body-async" a_stream_past_the_largest_value_fails_and_writes_nothing,
    Must "types.incoming-value.incoming-value-consume-async" a_stream_reads_the_whole_value_and_ends,
    Must "types.incoming-value.incoming-value-consume-async" a_stream_of_an_empty_value_ends,
    Must "types.incoming-value.incoming-value-consume-async" a_stream_need_not_be_read_to_its_end,
    May "types.incoming-value.incoming-value-consume-async" a_stream_outlives_its_value,
    May "types.incoming-value.incoming-value-consume-async" a_second_stream_is_empty,
}

fn what_a_stream_wrote_is_stored_when_the_value_is_set(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let value = OutgoingValue::new_outgoing_value();
    let stream = open(&value)?;
    send(&stream, b"green")?;
    drop(stream);
    bucket.lacks("tea")?;
    bucket.set_value("tea", &value)?;
    bucket.has("tea", "green")
}

fn a_stream_may_be_open_when_the_value_is_set(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let value = OutgoingValue::new_outgoing_value();
    let stream = open(&value)?;
    send(&stream, b"green")?;
    bucket.set_value("tea", &value)?;
    bucket.has("tea", "green")
}

fn a_value_of_many_pieces_is_whole(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let value = OutgoingValue::new_outgoing_value();
    let stream = open(&value)?;
    for piece in bytes.chunks(999) {
        send(&stream, piece)?;
    }
    drop(stream);
    bucket.set_value("large", &value)?;
    bucket.has("large", &bytes)
}

fn a_stream_and_a_call_write_one_after_the_other(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let value = outgoing(b"green")?;
    let stream = open(&value)?;
    send(&stream, b" and ")?;
    drop(stream);
    write(&value, b"black")?;
    bucket.set_value("tea", &value)?;
    bucket.has("tea", "green and black")
}

/// 17 MiB, in the stream or in the set.
fn a_stream_past_the_largest_value_fails_and_writes_nothing(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let value = OutgoingValue::new_outgoing_value();
    let stream = open(&value)?;
    let piece = [7; 4096];
    let is_written = (0..17 << 8).all(|_| stream.blocking_write_and_flush(&piece).is_ok());
    drop(stream);
    if is_written && bucket.try_set("large", &value).is_ok() {
        return Err(Broken {
            promised: "a value of 17 MiB is an error".into(),
            answered: "a success".into(),
        });
    }
    bucket.lacks("large")
}

fn a_stream_reads_the_whole_value_and_ends(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    bucket.set("large", &bytes)?;
    is(&receive(&stream_of(&bucket, "large")?)?, &bytes)
}

fn a_stream_of_an_empty_value_ends(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("empty", "")?;
    is(&receive(&stream_of(&bucket, "empty")?)?, b"")
}

fn a_stream_need_not_be_read_to_its_end(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    for _ in 0..20 {
        let stream = stream_of(&bucket, "tea")?;
        is(
            &stream
                .blocking_read(1)
                .map_err(|error| failed("read", &error))?,
            b"g",
        )?;
    }
    bucket.has("tea", "green")
}

fn a_stream_outlives_its_value(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let stream = stream_of(&bucket, "tea")?;
    bucket.delete("tea")?;
    is(&receive(&stream)?, b"green")
}

fn a_second_stream_is_empty(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let value = there(bucket.find("tea")?)?;
    let first = answered("consume-async", value.incoming_value_consume_async())?;
    is(&receive(&first)?, b"green")?;
    let second = answered("consume-async", value.incoming_value_consume_async())?;
    is(&receive(&second)?, b"")?;
    drop((first, second));
    is(&consume("tea", &value)?, b"")
}

fn open(value: &OutgoingValue) -> Kept<OutputStream> {
    let answer = value.outgoing_value_write_body_async();
    answered("outgoing-value-write-body-async", answer)
}

/// The stream of a key's value, whose resource is dropped.
fn stream_of(bucket: &Handle<'_>, key: &str) -> Kept<InputStream> {
    let value = there(bucket.find(key)?)?;
    let answer = value.incoming_value_consume_async();
    answered("incoming-value-consume-async", answer)
}

fn send(stream: &OutputStream, bytes: &[u8]) -> Kept {
    let sent = stream.blocking_write_and_flush(bytes);
    sent.map_err(|error| failed("write", &error))
}

fn receive(stream: &InputStream) -> Kept<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(4096) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(failed("read", &error)),
        }
    }
}

fn failed(asked: &str, error: &StreamError) -> Broken {
    Broken {
        promised: format!("a {asked} of the stream succeeds"),
        answered: match error {
            StreamError::Closed => "the stream is closed".into(),
            StreamError::LastOperationFailed(error) => error.to_debug_string(),
        },
    }
}
