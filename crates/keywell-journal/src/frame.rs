//! Records as bytes: the length of each as four bytes, little endian, and its fields in the encoding
//! of `postcard`. The version of the encoding stands in every chunk.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::error::{Error, Result};
use crate::record::Event;

/// The largest record, in bytes. Snapshots are records.
pub const MAX_RECORD_BYTES: usize = 32 << 20;

const LENGTH: usize = 4;

/// Appends a record to a stream of them.
///
/// # Errors
///
/// [`Error::RecordTooLarge`].
pub(crate) fn write(event: &Event, stream: &mut Vec<u8>) -> Result<()> {
    let bytes = postcard::to_stdvec(event).expect("records have lengths and no maps without one");
    if bytes.len() > MAX_RECORD_BYTES {
        let (bytes, max) = (bytes.len(), MAX_RECORD_BYTES);
        return Err(Error::RecordTooLarge { bytes, max });
    }
    let length = u32::try_from(bytes.len()).expect("it is below the limit");
    stream.extend(length.to_le_bytes());
    stream.extend(bytes);
    Ok(())
}

/// Takes the next record from a stream; none if the stream ends before the record does.
///
/// Allocates no more than the stream has.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn read(stream: &mut BytesMut) -> Result<Option<Event>, &'static str> {
    let Some(length) = stream.first_chunk::<LENGTH>() else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_RECORD_BYTES {
        return Err("has a record past the limit");
    }
    if stream.len() < LENGTH + length {
        return Ok(None);
    }
    stream.advance(LENGTH);
    decode(&stream.split_to(length).freeze()).map(Some)
}

/// Reads one record, all of these bytes. For fuzzers, too.
///
/// # Errors
///
/// What is wrong with it.
pub fn decode(bytes: &Bytes) -> Result<Event, &'static str> {
    match postcard::take_from_bytes(bytes) {
        Ok((event, [])) => Ok(event),
        Ok(_) => Err("has bytes behind a record"),
        Err(_) => Err("has a record that cannot be read"),
    }
}
