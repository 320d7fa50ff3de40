//! The content of a frame of the [log](crate::log): the effects of one group, in their order.
//!
//! First the times of the group: the store's time and the time of day, eight bytes each. Then for
//! each effect a byte for its kind, and:
//!
//! | Kind | |
//! |---|---|
//! | 1, a bucket | the length of its name (4 bytes), the name |
//! | 2, a set | bucket (4), when it expires (8), lengths of key (4) and value (4), key, value |
//! | 3, a delete; 4, an expiration | bucket (4), length of the key (4), key |
//!
//! Numbers are little-endian. Sequence numbers and versions follow from the order.

use crate::clock::Mark;

const BUCKET: u8 = 1;
const SET: u8 = 2;
const DELETED: u8 = 3;
const EXPIRED: u8 = 4;

/// One effect of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect<'a> {
    /// A bucket got the next number.
    Bucket(&'a str),
    Set {
        bucket: u32,
        key: &'a str,
        expires: u64,
        value: &'a [u8],
    },
    Deleted {
        bucket: u32,
        key: &'a str,
    },
    Expired {
        bucket: u32,
        key: &'a str,
    },
}

/// The effects of a group, encoded, as long as they fit into the log.
#[derive(Debug)]
pub(crate) struct Redo {
    bytes: Vec<u8>,
    most: usize,
    fits: bool,
}

// === impl Redo ===

impl Redo {
    /// Of at most so many bytes.
    pub(crate) fn new(now: Mark, most: usize) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(now.store.to_le_bytes());
        bytes.extend(now.day.to_le_bytes());
        Self {
            bytes,
            most,
            fits: true,
        }
    }

    pub(crate) fn push(&mut self, effect: Effect<'_>) {
        let bytes = match effect {
            Effect::Bucket(name) => name.len(),
            Effect::Set { key, value, .. } => key.len() + value.len(),
            Effect::Deleted { key, .. } | Effect::Expired { key, .. } => key.len(),
        };
        self.fits &= self.bytes.len() + bytes + 32 <= self.most;
        if !self.fits {
            return;
        }
        let out = &mut self.bytes;
        match effect {
            Effect::Bucket(name) => {
                out.push(BUCKET);
                put_text(out, name);
            }
            Effect::Set {
                bucket,
                key,
                expires,
                value,
            } => {
                out.push(SET);
                out.extend(bucket.to_le_bytes());
                out.extend(expires.to_le_bytes());
                out.extend(length(key.as_bytes()));
                out.extend(length(value));
                out.extend(key.as_bytes());
                out.extend(value);
            }
            Effect::Deleted { bucket, key } => {
                out.push(DELETED);
                out.extend(bucket.to_le_bytes());
                put_text(out, key);
            }
            Effect::Expired { bucket, key } => {
                out.push(EXPIRED);
                out.extend(bucket.to_le_bytes());
                put_text(out, key);
            }
        }
    }

    /// The encoded effects; `None` if they are too many for the log.
    pub(crate) fn content(&self) -> Option<&[u8]> {
        self.fits.then_some(&self.bytes[..])
    }
}

/// The times and the effects of a frame; `None` if it is malformed.
pub(crate) fn parse(content: &[u8]) -> Option<(Mark, Vec<Effect<'_>>)> {
    let (store, rest) = content.split_first_chunk()?;
    let (day, mut rest) = rest.split_first_chunk()?;
    let now = Mark {
        store: u64::from_le_bytes(*store),
        day: u64::from_le_bytes(*day),
    };
    let mut effects = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        let effect;
        (effect, rest) = one(*kind, after)?;
        effects.push(effect);
    }
    Some((now, effects))
}

fn one(kind: u8, rest: &[u8]) -> Option<(Effect<'_>, &[u8])> {
    if kind == BUCKET {
        let (name, rest) = take_text(rest)?;
        return Some((Effect::Bucket(name), rest));
    }
    let (bucket, rest) = take_number(rest)?;
    Some(match kind {
        SET => {
            let (expires, rest) = rest.split_first_chunk()?;
            let (key, rest) = take_number(rest)?;
            let (value, rest) = take_number(rest)?;
            let (key, rest) = rest.split_at_checked(usize::try_from(key).ok()?)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(value).ok()?)?;
            let effect = Effect::Set {
                bucket,
                key: std::str::from_utf8(key).ok()?,
                expires: u64::from_le_bytes(*expires),
                value,
            };
            (effect, rest)
        }
        DELETED => {
            let (key, rest) = take_text(rest)?;
            (Effect::Deleted { bucket, key }, rest)
        }
        EXPIRED => {
            let (key, rest) = take_text(rest)?;
            (Effect::Expired { bucket, key }, rest)
        }
        _ => return None,
    })
}

/// The length of what fits into the log, which is shorter than 4 GiB.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(length(text.as_bytes()));
    out.extend(text.as_bytes());
}

fn take_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

fn take_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = take_number(bytes)?;
    let (text, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Mark = Mark { store: 5, day: 6 };

    #[test]
    fn effects_read_back_in_their_order() {
        let effects = [
            Effect::Bucket("orders"),
            Effect::Set {
                bucket: 3,
                key: "ключ",
                expires: 77,
                value: b"value",
            },
            Effect::Deleted {
                bucket: 3,
                key: "k",
            },
            Effect::Expired { bucket: 4, key: "" },
        ];
        let mut redo = Redo::new(NOW, 1000);
        for effect in effects {
            redo.push(effect);
        }
        let content = redo.content().unwrap();
        assert_eq!(parse(content), Some((NOW, effects.to_vec())));
        for end in 0..content.len() {
            let parsed = parse(&content[..end]);
            assert!(parsed.is_none_or(|(_, parsed)| parsed.len() < effects.len()));
        }
    }

    #[test]
    fn what_does_not_fit_is_nothing() {
        let mut redo = Redo::new(NOW, 100);
        redo.push(Effect::Bucket("b"));
        assert!(redo.content().is_some());
        let (bucket, key, expires) = (0, "k", 0);
        let value = &[0; 100];
        redo.push(Effect::Set {
            bucket,
            key,
            expires,
            value,
        });
        redo.push(Effect::Bucket("c"));
        assert!(redo.content().is_none());
    }
}
