//! Small values of the journal's own, with their kind, their format and a check of their bytes.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

const FORMAT: u8 = 1;
const CHECK: usize = 8;

/// Encodes a value of a kind.
pub(crate) fn seal<T: Serialize>(kind: [u8; 3], value: &T) -> Bytes {
    let mut bytes = kind.to_vec();
    bytes.push(FORMAT);
    let mut bytes = postcard::to_extend(value, bytes).expect("what is sealed has lengths");
    let check = Sha256::digest(&bytes);
    bytes.extend(&check[..CHECK]);
    bytes.into()
}

/// Reads a value of a kind.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn open<T: DeserializeOwned>(kind: [u8; 3], bytes: &[u8]) -> Result<T, &'static str> {
    let Some((body, check)) = bytes.split_last_chunk::<CHECK>() else {
        return Err("is cut short");
    };
    let Some(([first, second, third, format], fields)) = body.split_first_chunk() else {
        return Err("is cut short");
    };
    if [*first, *second, *third] != kind {
        return Err("is something else");
    }
    if *format != FORMAT {
        return Err("has a format of another version of Keywell");
    }
    if Sha256::digest(body)[..CHECK] != *check {
        return Err("has changed bytes");
    }
    match postcard::take_from_bytes(fields) {
        Ok((value, [])) => Ok(value),
        _ => Err("cannot be read"),
    }
}
