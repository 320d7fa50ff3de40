use std::fmt::Write as _;

use bytes::Bytes;
use keywell_store::{
    Bucket, Capabilities, Change, Error, Expected, Invalid, Result, Set, Swap, Version,
};

use super::operation::{Request, Response};

/// What clients send requests to: a bucket, or a proxy of a bucket in another process.
pub trait Service: Send + Sync {
    /// The capabilities of the bucket.
    fn declared(&self) -> Capabilities;

    /// Sends a request and returns the response, errors included.
    fn call(&self, key: &str, request: &Request) -> impl Future<Output = Response> + Send;
}

impl<B: Bucket + ?Sized> Service for B {
    fn declared(&self) -> Capabilities {
        self.capabilities()
    }

    async fn call(&self, key: &str, request: &Request) -> Response {
        answer(self, key, request).await.unwrap_or_else(failed)
    }
}

async fn answer(bucket: &(impl Bucket + ?Sized), key: &str, request: &Request) -> Result<Response> {
    Ok(match request {
        Request::Get => Response::Entry(bucket.get_within(key, usize::MAX).await?.map(|entry| {
            let value = String::from_utf8_lossy(&entry.value).into_owned();
            (value, version_text(&entry.version))
        })),
        Request::Exists => Response::Exists(bucket.exists(key).await?),
        Request::Set(value) => {
            let version = bucket.set(key, bytes(value), Set::default()).await?;
            Response::Set(version_text(&version))
        }
        Request::Delete => {
            bucket.delete(key).await?;
            Response::Deleted
        }
        Request::Swap { expected, change } => {
            let expected = match expected {
                Some(text) => Expected::At(version(text)),
                None => Expected::Absent,
            };
            let change = match change {
                Some(value) => Change::Set(bytes(value), Set::default()),
                None => Change::Delete,
            };
            match bucket.swap(key, expected, change).await? {
                Swap::Done(version) => Response::Swapped(version.as_ref().map(version_text)),
                Swap::Stale => Response::Stale,
            }
        }
        Request::Increment(delta) => Response::Sum(
            bucket
                .increment_or_create(key, *delta, Set::default())
                .await?,
        ),
    })
}

fn failed(error: Error) -> Response {
    match error {
        Error::Invalid(Invalid::NotANumber) => Response::NotANumber,
        Error::Invalid(Invalid::Overflow) => Response::Overflow,
        error if error.nothing_happened() => Response::Refused(error.to_string()),
        error => Response::Ambiguous(error.to_string()),
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
