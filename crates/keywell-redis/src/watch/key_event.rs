//! What one keyspace event means for the value of its key.
//!
//! An event that this module does not know counts as a write, so that no change is lost to a newer
//! server's vocabulary.

/// How an event changed a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyEvent {
    /// The key has another value, or may have.
    Written,
    /// The key is gone.
    Removed { expired: bool },
}

// === impl KeyEvent ===

impl KeyEvent {
    /// Reads the name of an event; `None` for events that change no value.
    ///
    /// Only these and removals are listed, since every other event writes: `set`, `setrange`,
    /// `incrby`, `incrbyfloat`, `append`, `setbit`, `restore`, `rename_to`, `copy_to`, `move_to`,
    /// `pfadd`.
    pub(super) fn parse(event: &[u8]) -> Option<Self> {
        match event {
            b"expire" | b"expireat" | b"pexpire" | b"pexpireat" | b"persist" | b"new"
            | b"keymiss" | b"overwritten" | b"type_changed" => None,
            b"del" | b"unlink" | b"evicted" | b"rename_from" | b"move_from" => {
                Some(Self::Removed { expired: false })
            }
            b"expired" => Some(Self::Removed { expired: true }),
            _ => Some(Self::Written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_writes_removals_or_neither() {
        for event in [
            "set",
            "incrby",
            "append",
            "restore",
            "rename_to",
            "copy_to",
            "setrange",
        ] {
            assert_eq!(
                KeyEvent::parse(event.as_bytes()),
                Some(KeyEvent::Written),
                "{event}"
            );
        }
        for event in ["del", "unlink", "evicted", "rename_from", "move_from"] {
            let removed = KeyEvent::Removed { expired: false };
            assert_eq!(KeyEvent::parse(event.as_bytes()), Some(removed), "{event}");
        }
        assert_eq!(
            KeyEvent::parse(b"expired"),
            Some(KeyEvent::Removed { expired: true })
        );
        assert_eq!(KeyEvent::parse(b"expire"), None);
        assert_eq!(KeyEvent::parse(b"persist"), None);
    }
}
