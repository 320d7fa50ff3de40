//! What a stream keeps of a write: a message on the subject of its key.
//!
//! As ADR-8 of NATS has it, a message without `KV-Operation` is a value, and one with it a deletion,
//! as is a marker of the server's for what expired. Two headers are ours: when a value expires, in
//! milliseconds, where the server counts whole seconds; and which operation wrote it, by which an
//! unacknowledged write finds itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, Bytes, BytesMut};
use keywell_store::{Entry, Expires, Version};
use serde::Deserialize;

use super::unsound;

/// What a message of the tool's conventions does: absent in a value.
pub(crate) const OPERATION: &str = "KV-Operation";
/// A value of [`OPERATION`]: the key is deleted.
pub(crate) const DELETE: &str = "DEL";
/// Why the server put a marker.
const MARKER: &str = "Nats-Marker-Reason";
/// For how many seconds the server keeps a message.
pub(crate) const TTL: &str = "Nats-TTL";
/// When a value expires, as milliseconds since 1970.
pub(crate) const DEADLINE: &str = "Keywell-Expires";
/// Which operation wrote a message: random, and the same when it is sent again.
pub(crate) const WRITER: &str = "Keywell-Operation";
/// The headers that matter here.
const READ: [&str; 6] = [OPERATION, MARKER, DEADLINE, WRITER, BATCH, COMMIT];
/// In messages of a batch: its identity, and in the last one that it ends.
pub(crate) const BATCH: &str = "Nats-Batch-Id";
pub(crate) const COMMIT: &str = "Nats-Batch-Commit";
/// In answers of direct reads.
const SEQUENCE: &str = "Nats-Sequence";
const SUBJECT: &str = "Nats-Subject";

/// A message as a stream keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) subject: String,
    /// Its place in the stream, which is the version of the key.
    pub(crate) sequence: u64,
    pub(crate) what: What,
    /// Which operation of ours wrote it.
    pub(crate) writer: Option<String>,
    /// The batch that it was stored in.
    pub(crate) batch: Option<Batch>,
}

/// Some messages that were stored as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) identity: String,
    pub(crate) is_last: bool,
}

/// A message as a stream's leader writes it.
#[derive(Deserialize)]
pub(crate) struct LeaderMessage {
    subject: String,
    seq: u64,
    /// Headers and payload in Base64.
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    /// When it was stored.
    time: String,
}

/// A message, with what a reader of the stream learns besides.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) stored: Stored,
    /// When it was stored, in milliseconds since 1970.
    pub(crate) at: u64,
    /// Whether the stream had no message behind it when it was sent.
    pub(crate) is_last: bool,
    /// Whether every client takes it.
    pub(crate) is_sound: bool,
}

/// What a message did to its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A value, empty where only headers were asked for.
    Value {
        value: Bytes,
        /// When it expires.
        deadline: Option<Deadline>,
    },
    /// The key was deleted, or expired.
    Gone { expired: bool },
}

/// A time at which a value expires, in milliseconds since 1970 by the clock of its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(u64);

// === impl Stored ===

impl Stored {
    /// A message with these headers and this payload.
    pub(crate) fn new(subject: String, sequence: u64, headers: &HeaderMap, value: Bytes) -> Self {
        let text = |name: &str| headers.get(name).map(HeaderValue::as_str);
        let what = if let Some(reason) = text(MARKER) {
            // `Remove` and `Purge` are by hand.
            let expired = reason == "MaxAge";
            What::Gone { expired }
        } else if text(OPERATION)
            .is_some_and(|operation| operation == DELETE || operation == "PURGE")
        {
            What::Gone { expired: false }
        } else {
            let deadline = text(DEADLINE)
                .and_then(|text| text.parse().ok())
                .map(Deadline);
            What::Value { value, deadline }
        };
        Self {
            subject,
            sequence,
            what,
            writer: text(WRITER).map(str::to_owned),
            batch: text(BATCH).map(|identity| Batch {
                identity: identity.to_owned(),
                is_last: text(COMMIT).is_some(),
            }),
        }
    }

    /// The message in the answer of a direct read, or `None` if the answer is none.
    pub(crate) fn direct(message: async_nats::Message) -> Option<Self> {
        let headers = message.headers?;
        // Those of the server come last: a message may have its own of the same names.
        let sequence = headers.get_last(SEQUENCE)?.as_str().parse().ok()?;
        let subject = headers.get_last(SUBJECT)?.as_str().to_owned();
        Some(Self::new(subject, sequence, &headers, message.payload))
    }

    /// Whether the answer of a direct read is a message, which may have a status of its own.
    pub(crate) fn is_in(message: &async_nats::Message) -> bool {
        let headers = message.headers.as_ref();
        headers.is_some_and(|headers| headers.get(SEQUENCE).is_some())
    }

    /// The same without its value, while that is not needed.
    pub(crate) fn without_value(mut self) -> Self {
        if let What::Value { value, .. } = &mut self.what {
            *value = Bytes::new();
        }
        self
    }

    /// Whether there is a value that has not expired.
    pub(crate) fn is_live(&self, now: SystemTime) -> bool {
        match &self.what {
            What::Value { deadline, .. } => deadline.is_none_or(|at| !at.is_past(now)),
            What::Gone { .. } => false,
        }
    }

    /// When its value expires, if it has one that does.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match self.what {
            What::Value { deadline, .. } => deadline,
            What::Gone { .. } => None,
        }
    }

    /// The entry that it is, unless it is a deletion or has expired.
    pub(crate) fn entry(self, now: SystemTime) -> Option<Entry> {
        if !self.is_live(now) {
            return None;
        }
        let What::Value { value, deadline } = self.what else {
            return None;
        };
        Some(Entry {
            value,
            version: version(self.sequence, deadline),
            expires: deadline.map_or(Expires::Never, |at| Expires::In(at.left(now))),
        })
    }
}

/// The version of a value. That of one that expires has its end within, so that a swap finds it
/// stale from then on without a read.
pub(crate) fn version(sequence: u64, deadline: Option<Deadline>) -> Version {
    let Some(Deadline(millis)) = deadline else {
        return sequence.into();
    };
    let mut bytes = BytesMut::with_capacity(16);
    bytes.put_u64(sequence);
    bytes.put_u64(millis);
    bytes.freeze().into()
}

/// The sequence in a version, and when its value expires. `None` for a version of another store.
pub(crate) fn sequence(version: &Version) -> Option<(u64, Option<Deadline>)> {
    if let Some(sequence) = version.as_u64() {
        return Some((sequence, None));
    }
    let (sequence, millis) = version.as_bytes()?.split_first_chunk()?;
    let millis = millis.try_into().ok()?;
    let deadline = Deadline(u64::from_be_bytes(millis));
    Some((u64::from_be_bytes(*sequence), Some(deadline)))
}

// === impl LeaderMessage ===

impl LeaderMessage {
    /// The message, or `None` if the answer is not as a server writes it.
    pub(crate) fn read(self) -> Option<Delivered> {
        let headers = STANDARD.decode(self.hdrs).ok()?;
        let is_sound = unsound::is_sound(&self.subject, &headers);
        let mut map = HeaderMap::new();
        let text = String::from_utf8_lossy(&headers);
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            // Others may have any text as their name.
            let name = READ.into_iter().find(|known| *known == name);
            // `lines` leaves a lone carriage return, which no value may have.
            if let (Some(name), Ok(value)) = (name, value.trim().parse::<HeaderValue>()) {
                map.insert(name, value);
            }
        }
        let value = STANDARD.decode(self.data).ok()?.into();
        Some(Delivered {
            stored: Stored::new(self.subject, self.seq, &map, value),
            at: millis(&self.time)?,
            is_last: false,
            is_sound,
        })
    }
}

// === impl Deadline ===

impl Deadline {
    /// After so many milliseconds.
    pub(crate) fn after(now: SystemTime, millis: u64) -> Self {
        Self(since_1970(now).saturating_add(millis))
    }

    pub(crate) fn is_past(self, now: SystemTime) -> bool {
        self.0 <= since_1970(now)
    }

    /// How long until then.
    pub(crate) fn left(self, now: SystemTime) -> Duration {
        Duration::from_millis(self.0.saturating_sub(since_1970(now)))
    }

    /// Adds what says so to the headers of a message: to the server in whole seconds, rounded up, as
    /// it must not end early.
    pub(crate) fn write(self, headers: &mut HeaderMap, now: SystemTime) {
        let seconds = self.left(now).as_millis().div_ceil(1000).max(1);
        headers.insert(TTL, format!("{seconds}s"));
        headers.insert(DEADLINE, self.0.to_string());
    }
}

/// Milliseconds since 1970 of a time as servers write it, in UTC.
fn millis(time: &str) -> Option<u64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    // Of years that begin in March, so that a leap day is the last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    let hours = days.checked_sub(719_469)? * 24 + number(11, 13)?;
    let seconds = (hours * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    let fraction = time.get(19..)?.strip_suffix('Z')?;
    let fraction = format!("{:0<3}", fraction.trim_start_matches('.'));
    Some(seconds * 1000 + fraction.get(..3)?.parse::<u64>().ok()?)
}

fn since_1970(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(headers: &[(&str, &str)]) -> Stored {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        Stored::new("$KV.b.k".to_owned(), 7, &map, Bytes::from_static(b"v"))
    }

    #[test]
    fn deletions_and_markers_are_no_values() {
        for (headers, expired) in [
            ([("KV-Operation", "DEL")], false),
            ([("KV-Operation", "PURGE")], false),
            ([("Nats-Marker-Reason", "MaxAge")], true),
            ([("Nats-Marker-Reason", "Purge")], false),
        ] {
            assert_eq!(stored(&headers).what, What::Gone { expired });
        }
        let unknown = stored(&[("KV-Operation", "PUT")]);
        assert!(unknown.is_live(SystemTime::now()));
    }

    #[test]
    fn a_time_is_read_as_servers_write_it() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-03-01T23:59:59.5Z", Some(951_955_199_500)),
            ("2024-02-29T00:00:00.04Z", Some(1_709_164_800_040)),
            ("2026-11-27T18:46:21.418749205Z", Some(1_795_805_181_418)),
            ("1969-12-31T00:00:00Z", None),
            ("2026-11-27T18:46:21.4+01:00", None),
            ("2026-11-27", None),
            ("", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_is_hidden_from_its_deadline_on() {
        let start = UNIX_EPOCH + Duration::from_secs(1000);
        let deadline = Deadline::after(start, 60);
        let mut headers = HeaderMap::new();
        deadline.write(&mut headers, start);
        assert_eq!(headers.get(TTL).unwrap().as_str(), "1s");
        let message = Stored::new("s".to_owned(), 7, &headers, Bytes::new());
        let before = start + Duration::from_millis(59);
        assert_eq!(message.deadline(), Some(deadline));
        let entry = message.clone().entry(before).unwrap();
        assert_eq!(entry.expires, Expires::In(Duration::from_millis(1)));
        assert_eq!(sequence(&entry.version), Some((7, Some(deadline))));
        assert_eq!(message.entry(start + Duration::from_millis(60)), None);
    }

    #[test]
    fn the_server_never_collects_a_value_early() {
        let start = UNIX_EPOCH;
        for (millis, text) in [(1, "1s"), (1000, "1s"), (1001, "2s"), (59_999, "60s")] {
            let mut headers = HeaderMap::new();
            Deadline::after(start, millis).write(&mut headers, start);
            assert_eq!(headers.get(TTL).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_version_of_another_store_is_none_of_ours() {
        assert_eq!(sequence(&Version::from(9)), Some((9, None)));
        for bytes in [&b""[..], b"value", b"fifteen bytes !", b"seventeen bytes !"] {
            assert_eq!(sequence(&Bytes::from_static(bytes).into()), None);
        }
    }
}
