//! Versions as a component has them: a byte for the kind of version, then the version.

use bytes::{BufMut as _, Bytes, BytesMut};
use keywell_store::Version;

const NUMBER: u8 = 0;
const TOKEN: u8 = 1;

/// The version as bytes, for a component.
pub(crate) fn to_bytes(version: &Version) -> Bytes {
    match (version.as_u64(), version.as_bytes()) {
        (Some(number), _) => {
            let mut bytes = BytesMut::with_capacity(9);
            bytes.put_u8(NUMBER);
            bytes.put_u64(number);
            bytes.freeze()
        }
        (None, token) => {
            let token = token.map_or(&[][..], |token| token);
            let mut bytes = BytesMut::with_capacity(1 + token.len());
            bytes.put_u8(TOKEN);
            bytes.put_slice(token);
            bytes.freeze()
        }
    }
}

/// The version that a component gives as bytes. Bytes that [`to_bytes`] did not make stand for a
/// version that no store has.
pub(super) fn of_bytes(bytes: &[u8]) -> Version {
    match bytes {
        [NUMBER, number @ ..] => {
            let number = number.try_into().map_or(u64::MAX, u64::from_be_bytes);
            Version::from(number)
        }
        [TOKEN, token @ ..] => Version::from(Bytes::copy_from_slice(token)),
        _ => Version::from(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_comes_back_as_it_was() {
        for version in [
            Version::from(0),
            Version::from(u64::MAX - 1),
            Version::from(Bytes::new()),
            Version::from(Bytes::from_static(b"\0\x01token")),
        ] {
            assert_eq!(of_bytes(&to_bytes(&version)), version);
        }
    }

    #[test]
    fn other_bytes_are_a_version_that_no_key_has() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0short",
            b"\0too long by far",
            b"\x02",
            b"7",
        ] {
            assert_eq!(of_bytes(bytes), Version::from(u64::MAX), "{bytes:?}");
        }
    }
}
