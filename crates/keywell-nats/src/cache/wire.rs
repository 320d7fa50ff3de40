//! Messages as bytes: a mark with the version of the format, the sender, then the message.

use bytes::Bytes;

use super::replica::{Message, Origin};

/// Changes with the format.
const MARK: &[u8; 4] = b"KWC\x01";

pub(super) fn encode(from: Origin, message: &Message) -> Option<Bytes> {
    let bytes = MARK.to_vec();
    let bytes = postcard::to_extend(&(from, message), bytes).ok()?;
    Some(Bytes::from(bytes))
}

/// A message; none of another program or another version.
pub(super) fn decode(bytes: &[u8]) -> Option<(Origin, Message)> {
    let bytes = bytes.strip_prefix(MARK)?;
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Some(message),
        _ => None,
    }
}
