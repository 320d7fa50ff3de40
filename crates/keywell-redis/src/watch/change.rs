/// What a keyspace event says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It has another value, or may have.
    Written,
    /// It is gone.
    Removed { expired: bool },
}

// === impl Change ===

impl Change {
    /// What the event of this name is about; none for those that change no value.
    ///
    /// The list is of what changes nothing or removes, since what else there is, and will be in
    /// later servers, writes: `set`, `setrange`, `incrby`, `incrbyfloat`, `append`, `setbit`,
    /// `restore`, `rename_to`, `copy_to`, `move_to`, `pfadd`.
    pub(super) fn of(event: &[u8]) -> Option<Self> {
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
                Change::of(event.as_bytes()),
                Some(Change::Written),
                "{event}"
            );
        }
        for event in ["del", "unlink", "evicted", "rename_from", "move_from"] {
            let removed = Change::Removed { expired: false };
            assert_eq!(Change::of(event.as_bytes()), Some(removed), "{event}");
        }
        assert_eq!(
            Change::of(b"expired"),
            Some(Change::Removed { expired: true })
        );
        assert_eq!(Change::of(b"expire"), None);
        assert_eq!(Change::of(b"persist"), None);
    }
}
