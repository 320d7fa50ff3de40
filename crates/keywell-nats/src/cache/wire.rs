//! Messages as bytes: a mark with the version of the format, a checksum, then the sender and the
//! message. The checksum refuses what is damaged or made by accident, and nothing that is forged: who
//! may publish on the subjects of a cache may change it.

use bytes::Bytes;

use super::replica::{self, Message, Origin};

/// Changes with the format.
const MARK: &[u8; 4] = b"KWC\x02";
/// The mark and the checksum.
const HEAD: usize = MARK.len() + size_of::<u64>();

pub(super) fn encode(from: Origin, message: &Message) -> Option<Bytes> {
    let mut bytes = Vec::with_capacity(128);
    bytes.extend(MARK);
    bytes.extend([0; size_of::<u64>()]);
    let mut bytes = postcard::to_extend(&(from, message), bytes).ok()?;
    let checksum = replica::hash(&bytes[HEAD..]);
    bytes[MARK.len()..HEAD].copy_from_slice(&checksum.to_le_bytes());
    Some(Bytes::from(bytes))
}

/// A message; none of another program or another version.
pub(super) fn decode(bytes: &[u8]) -> Option<(Origin, Message)> {
    let (checksum, bytes) = bytes.strip_prefix(MARK)?.split_first_chunk()?;
    if replica::hash(bytes) != u64::from_le_bytes(*checksum) {
        return None;
    }
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_any_byte_changed_is_none() {
        let origin = Origin {
            node: 1,
            incarnation: 2,
        };
        let beacon = Message::Beacon {
            seen: 3,
            root: 4,
            is_answer: false,
        };
        let bytes = encode(origin, &beacon).expect("it is encoded");
        assert_eq!(decode(&bytes).map(|(from, _)| from), Some(origin));
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 0x10;
            assert!(decode(&changed).is_none(), "byte {at}");
            assert!(decode(&bytes[..at]).is_none(), "{at} bytes");
        }
    }
}
