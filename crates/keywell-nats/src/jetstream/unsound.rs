//! Messages that end the connection of every client that receives them.
//!
//! Servers store any bytes as headers, and any subject. The client for NATS takes headers that are
//! text, line by line; at others it ends its connection, or itself. What the leader of a stream
//! answers has headers in Base64 and can always be read. So readers pass such a message by asking the
//! leader for it, and its subject is read from the leader from then on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// How many subjects are remembered.
const MOST: usize = 1024;

/// The subjects whose last message was found to be unsound.
#[derive(Default)]
pub(crate) struct Unsound {
    is_any: AtomicBool,
    subjects: Mutex<HashMap<String, u64>>,
}

// === impl Unsound ===

impl Unsound {
    /// Whether messages of a subject are to be read from the leader.
    pub(crate) fn has(&self, subject: &str) -> bool {
        self.is_any.load(Ordering::Relaxed) && self.subjects.lock().contains_key(subject)
    }

    /// One of the subjects.
    pub(crate) fn any(&self) -> Option<String> {
        self.subjects.lock().keys().next().cloned()
    }

    /// Remembers whether a message that the leader answered is sound.
    pub(crate) fn note(&self, subject: &str, sequence: u64, is_sound: bool) {
        if is_sound && !self.is_any.load(Ordering::Relaxed) {
            return;
        }
        let mut subjects = self.subjects.lock();
        if is_sound {
            subjects.remove(subject);
        } else {
            let known = subjects.get(subject);
            if known == Some(&sequence) {
                return;
            }
            tracing::warn!(
                subject,
                sequence,
                "a message has headers that end connections; it is read from the stream's leader. \
                 Set or delete its key to be rid of it"
            );
            if known.is_some() || subjects.len() < MOST {
                subjects.insert(subject.to_owned(), sequence);
            }
        }
        self.is_any.store(!subjects.is_empty(), Ordering::Relaxed);
    }
}

/// Whether the client takes a message with this subject and these headers. Some that it takes are
/// unsound here: those cost a request, and no more.
pub(crate) fn is_sound(subject: &str, headers: &[u8]) -> bool {
    // What is no text comes from the leader as a replacement character.
    let is_taken = |c: char| !c.is_whitespace() && c != char::REPLACEMENT_CHARACTER;
    if !subject.chars().all(is_taken) {
        return false;
    }
    if headers.is_empty() {
        return true;
    }
    let Ok(text) = std::str::from_utf8(headers) else {
        return false;
    };
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("NATS/1.0"));
    let is_status = |status: &str| {
        let code = status.trim().split(' ').next().unwrap_or_default();
        let is_code = code.len() == 3 && !code.starts_with('0');
        code.is_empty() || is_code && code.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_header = |line: &str| {
        let named = line.split_once(':');
        let is_named = named.is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_graphic()));
        line.is_empty() || is_named && !line.contains(['\r', '\n'])
    };
    status.is_some_and(is_status) && lines.all(is_header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_sound_that_the_client_takes() {
        for (headers, expected) in [
            (&b""[..], true),
            (b"NATS/1.0\r\n\r\n", true),
            (b"NATS/1.0 404 No\r\nA: b\r\nC:d: e\r\n\r\n", true),
            ("NATS/1.0\r\nA: é\r\n\r\n".as_bytes(), true),
            (b"NATS/1.0\r\nA: b\rc\r\n\r\n", false),
            (b"NATS/1.0\r\nA: b\nc\r\n\r\n", false),
            (b"NATS/1.0\r\nA: \xff\r\n\r\n", false),
            (b"NATS/1.0\r\nA b: c\r\n\r\n", false),
            (b"NATS/1.0\r\nA\r\n\r\n", false),
            (b"NATS/1.0 no\r\n\r\n", false),
            (b"NATS/1.0 1234\r\n\r\n", false),
            (b"hello\r\n\r\n", false),
        ] {
            assert_eq!(is_sound("$KV.b.k", headers), expected, "{headers:?}");
        }
        for subject in ["$KV.b.\u{fffd}", "$KV.b.a\u{b}b", "$KV.b.a\u{a0}b"] {
            assert!(!is_sound(subject, b""), "{subject:?}");
        }
    }

    #[test]
    fn a_subject_is_remembered_until_a_sound_message_is_there() {
        let unsound = Unsound::default();
        unsound.note("a", 1, true);
        assert!(!unsound.has("a"));
        unsound.note("a", 2, false);
        unsound.note("b", 3, true);
        assert!(unsound.has("a") && !unsound.has("b"));
        unsound.note("a", 4, true);
        assert!(!unsound.has("a"));
        for number in 0..2 * MOST {
            unsound.note(&number.to_string(), 1, false);
        }
        assert_eq!(unsound.subjects.lock().len(), MOST);
    }
}
