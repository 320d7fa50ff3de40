use std::fmt::Write as _;

use bytes::Bytes;
use keywell_store::{
    Bucket, Capabilities, Change, Error, Expected, Invalid, Result, Set, Swap, Version,
};

use super::operation::{Asked, Told};

/// Whom clients ask: a bucket, or something that passes the question on to one elsewhere.
pub trait Service: Send + Sync {
    /// What the bucket can do.
    fn declared(&self) -> Capabilities;

    /// Asks, and gives what was told, errors included.
    fn ask(&self, key: &str, asked: &Asked) -> impl Future<Output = Told> + Send;
}

impl<B: Bucket + ?Sized> Service for B {
    fn declared(&self) -> Capabilities {
        self.capabilities()
    }

    async fn ask(&self, key: &str, asked: &Asked) -> Told {
        answer(self, key, asked).await.unwrap_or_else(failed)
    }
}

async fn answer(bucket: &(impl Bucket + ?Sized), key: &str, asked: &Asked) -> Result<Told> {
    Ok(match asked {
        Asked::Get => Told::Entry(bucket.get_within(key, usize::MAX).await?.map(|entry| {
            let value = String::from_utf8_lossy(&entry.value).into_owned();
            (value, version_text(&entry.version))
        })),
        Asked::Exists => Told::Exists(bucket.exists(key).await?),
        Asked::Set(value) => {
            let version = bucket.set(key, bytes(value), Set::default()).await?;
            Told::Set(version_text(&version))
        }
        Asked::Delete => {
            bucket.delete(key).await?;
            Told::Deleted
        }
        Asked::Swap { expected, change } => {
            let expected = match expected {
                Some(text) => Expected::At(version(text)),
                None => Expected::Absent,
            };
            let change = match change {
                Some(value) => Change::Set(bytes(value), Set::default()),
                None => Change::Delete,
            };
            match bucket.swap(key, expected, change).await? {
                Swap::Done(version) => Told::Swapped(version.as_ref().map(version_text)),
                Swap::Stale => Told::Stale,
            }
        }
        Asked::Increment(delta) => Told::Sum(bucket.increment(key, *delta).await?),
    })
}

fn failed(error: Error) -> Told {
    match error {
        Error::Invalid(Invalid::NotANumber) => Told::NotANumber,
        Error::Invalid(Invalid::Overflow) => Told::Overflow,
        error if error.nothing_happened() => Told::Refused(error.to_string()),
        error => Told::Ambiguous(error.to_string()),
    }
}

fn bytes(value: &str) -> Bytes {
    Bytes::copy_from_slice(value.as_bytes())
}

/// A version as text: decimal if it is a number, else `x` and its bytes in hexadecimal.
pub(super) fn version_text(version: &Version) -> String {
    match version.as_u64() {
        Some(number) => number.to_string(),
        None => token_text(version.as_bytes().map_or(&[], |token| token)),
    }
}

pub(super) fn token_text(token: &[u8]) -> String {
    token.iter().fold("x".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn version(text: &str) -> Version {
    match text.strip_prefix('x') {
        None => Version::from(text.parse::<u64>().expect("a version of a store's number")),
        Some(digits) => {
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16);
            let token = (0..digits.len()).step_by(2).map(byte);
            let token: Result<Vec<u8>, _> = token.collect();
            Version::from(Bytes::from(token.expect("a version of a store's token")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_survives_its_text() {
        let token = Bytes::from_static(b"\0x\xff");
        for original in [
            Version::from(0),
            Version::from(u64::MAX),
            Version::from(token),
        ] {
            assert_eq!(version(&version_text(&original)), original);
        }
    }
}
