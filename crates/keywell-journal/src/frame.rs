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
    let bytes = encode(event)?;
    let length = u32::try_from(bytes.len()).expect("it is below the limit");
    stream.extend(length.to_le_bytes());
    stream.extend(bytes);
    Ok(())
}

/// Encodes one record.
///
/// # Errors
///
/// [`Error::RecordTooLarge`].
pub fn encode(event: &Event) -> Result<Vec<u8>> {
    let bytes = postcard::to_stdvec(event).expect("records have lengths and no maps without one");
    if bytes.len() > MAX_RECORD_BYTES {
        let (bytes, max) = (bytes.len(), MAX_RECORD_BYTES);
        return Err(Error::RecordTooLarge { bytes, max });
    }
    Ok(bytes)
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

/// Reads one record, which has all of these bytes.
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::record::{Asked, Created, Decision, Invoked, Record, Snapshot};
    use crate::time::Time;

    fn asked() -> Asked {
        Asked {
            name: "n".to_owned(),
            brief: "b".to_owned(),
            digest: [0xdd; 32],
        }
    }

    fn samples() -> Vec<Record> {
        let created = Created {
            digest: "d".to_owned(),
            seed: [0xee; 32],
            environment: [("E".to_owned(), "e".to_owned())].into(),
            limits: [("l".to_owned(), 300)].into(),
        };
        let invoked = Invoked {
            key: Some("k".to_owned()),
            function: "f".to_owned(),
            arguments: Bytes::from_static(b"\xff\x00"),
        };
        let snapshot = Snapshot {
            created: created.clone(),
            born: Time(5),
            pending: vec![(7, invoked.clone())],
            state: "s".into(),
        };
        let (call, asked) = (1, asked());
        vec![
            Record::Created(created),
            Record::Invoked(invoked.clone()),
            Record::Invoked(Invoked {
                key: None,
                ..invoked
            }),
            Record::Answered {
                call,
                asked: asked.clone(),
                outcome: "o".into(),
            },
            Record::Intended {
                call,
                asked,
                intent: "i".into(),
            },
            Record::Settled {
                call,
                outcome: "o".into(),
            },
            Record::Woke { call },
            Record::Returned {
                invocation: 2,
                answer: "a".into(),
            },
            Record::Failed {
                invocation: 2,
                why: "w".to_owned(),
            },
            Record::Snapshot(Box::new(snapshot)),
            Record::Upgraded {
                digest: "u".to_owned(),
            },
            Record::Forked {
                from: "w".to_owned(),
                at: 3,
                seed: [0xee; 32],
            },
            Record::Resolved {
                call,
                decision: Decision::Applied,
            },
            Record::Resolved {
                call,
                decision: Decision::NotApplied,
            },
            Record::Resolved {
                call,
                decision: Decision::Retry,
            },
        ]
    }

    fn event(record: Record) -> Event {
        Event {
            at: Time(1_000),
            record,
        }
    }

    /// What a released version wrote, this one reads.
    #[test]
    fn records_keep_their_bytes() {
        let mut text = String::new();
        for record in samples() {
            write!(text, "{}:", record.brief()).unwrap();
            let mut stream = Vec::new();
            super::write(&event(record.clone()), &mut stream).unwrap();
            for byte in &stream {
                write!(text, "{byte:02x}").unwrap();
            }
            text.push('\n');
            let mut stream = BytesMut::from(&stream[..]);
            assert_eq!(read(&mut stream).unwrap(), Some(event(record)));
            assert!(stream.is_empty());
        }
        assert_eq!(text, include_str!("encoded.txt"), "{text}");
    }

    /// Whatever the bytes are, they are a record or an error.
    #[test]
    fn changed_bytes_are_read_or_refused() {
        for record in samples() {
            let mut stream = Vec::new();
            super::write(&event(record), &mut stream).unwrap();
            for at in 0..stream.len() {
                for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                    let mut changed = stream.clone();
                    changed[at] = value;
                    let mut stream = BytesMut::from(&changed[..]);
                    drop(read(&mut stream));
                    drop(decode(&Bytes::from(changed)));
                }
                let mut cut = BytesMut::from(&stream[..at]);
                assert_eq!(read(&mut cut), Ok(None));
            }
        }
    }

    #[test]
    fn a_length_past_the_limit_is_refused_before_it_is_read() {
        let length = u32::try_from(MAX_RECORD_BYTES + 1).unwrap();
        let mut stream = BytesMut::from(&length.to_le_bytes()[..]);
        read(&mut stream).unwrap_err();
        let length = u32::try_from(MAX_RECORD_BYTES).unwrap();
        let mut stream = BytesMut::from(&length.to_le_bytes()[..]);
        assert_eq!(read(&mut stream), Ok(None));
    }
}
