/// Which server a command goes to; of use in a cluster only.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'a> {
    /// The one that has this key, by its hash tag if it has one.
    Key(&'a [u8]),
    /// Any primary.
    Any,
}

/// How many slots a cluster has.
pub(crate) const SLOTS: u16 = 16_384;

// === impl Route ===

impl Route<'_> {
    pub(super) fn slot(self) -> Option<u16> {
        match self {
            Self::Key(key) => Some(slot(key)),
            Self::Any => None,
        }
    }
}

/// The slot of a key: CRC16 (XMODEM) of what is between its first `{` and the next `}`, or of all
/// of it where there is nothing between them (Redis cluster specification).
pub(crate) fn slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) % SLOTS
}

fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else {
        return key;
    };
    let rest = &key[open + 1..];
    match rest.iter().position(|byte| *byte == b'}') {
        Some(close) if close > 0 => &rest[..close],
        _ => key,
    }
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let carries = crc & 0x8000 != 0;
            (crc << 1) ^ if carries { 0x1021 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12_182);
        assert_eq!(slot(b""), 0);
    }

    #[test]
    fn only_a_hash_tag_counts_where_there_is_one() {
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"a{user1000}{b}"), slot(b"user1000"));
        assert_eq!(hash_tag(b"foo{}{bar}"), b"foo{}{bar}");
        assert_eq!(hash_tag(b"foo{{bar}}zap"), b"{bar");
        assert_eq!(hash_tag(b"foo{bar"), b"foo{bar");
    }
}
