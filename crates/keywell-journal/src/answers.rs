//! The answers of invocations with an idempotency key, apart from the journal, so that they outlive
//! its trimming.
//!
//! An answer is kept after its invocation has ended in the journal and before the next one ends, so
//! that at most the last of a journal is missing here; it is kept when the worker is opened.

use std::time::Duration;

use bytes::Bytes;
use keywell_store::{List, Listing, Set};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::name::WorkerName;
use crate::place::Place;
use crate::record::Invoked;
use crate::seal;
use crate::survey::Ended;
use crate::time::Time;

/// How long answers are kept, by the times that are recorded.
pub const KEPT: Duration = Duration::from_hours(24);

const KIND: [u8; 3] = *b"KWA";

#[derive(Serialize, Deserialize)]
struct Kept {
    at: Time,
    /// Of the function and its arguments.
    digest: [u8; 32],
    outcome: Result<Outcome, String>,
}

#[derive(Serialize, Deserialize)]
struct Outcome(#[serde(with = "crate::raw")] Bytes);

fn digest(invoked: &Invoked) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update((invoked.function.len() as u64).to_le_bytes());
    digest.update(&invoked.function);
    digest.update(&invoked.arguments);
    digest.finalize().into()
}

/// Whether two invocations ask for the same.
pub(crate) fn are_same(one: &Invoked, other: &Invoked) -> bool {
    one.function == other.function && one.arguments == other.arguments
}

fn key_of(worker: &WorkerName, key: &str) -> String {
    use std::fmt::Write as _;
    let mut text = Place::answers(worker);
    for byte in Sha256::digest(key) {
        write!(text, "{byte:02x}").expect("a string has room");
    }
    text
}

/// Keeps the answer of an invocation, if it has a key.
pub(crate) async fn keep(
    place: &Place,
    worker: &WorkerName,
    invoked: &Invoked,
    ended: &Ended,
) -> Result<()> {
    let Some(key) = &invoked.key else {
        return Ok(());
    };
    let kept = Kept {
        at: ended.at,
        digest: digest(invoked),
        outcome: ended.outcome.clone().map(Outcome),
    };
    let key = key_of(worker, key);
    // The same value however often it is written.
    let value = seal::seal(KIND, &kept);
    let set = place.bucket.set(&key, value.clone(), Set::default());
    match set.await {
        Err(keywell_store::Error::Ambiguous(_)) => {
            place.bucket.set(&key, value, Set::default()).await?;
        }
        set => drop(set?),
    }
    Ok(())
}

/// The answer to an invocation that ended within the last 24 hours.
///
/// # Errors
///
/// [`Error::Conflict`] if its key was used for another invocation.
pub(crate) async fn kept(
    place: &Place,
    worker: &WorkerName,
    invoked: &Invoked,
    now: Time,
) -> Result<Option<Result<Bytes, String>>> {
    let Some(key) = &invoked.key else {
        return Ok(None);
    };
    let Some(entry) = place.bucket.get(&key_of(worker, key)).await? else {
        return Ok(None);
    };
    let kept = open(worker, &entry.value)?;
    if now.since(kept.at) >= KEPT {
        return Ok(None);
    }
    if kept.digest != digest(invoked) {
        return Err(Error::Conflict);
    }
    Ok(Some(kept.outcome.map(|outcome| outcome.0)))
}

fn open(worker: &WorkerName, value: &[u8]) -> Result<Kept> {
    seal::open(KIND, value).map_err(|why| Error::Corrupt {
        worker: worker.to_string(),
        place: "a kept answer".to_owned(),
        why,
    })
}

/// Deletes the answers that are kept no longer, or all of them; how many. A store that cannot list
/// keeps them.
pub(crate) async fn sweep(place: &Place, worker: &WorkerName, now: Option<Time>) -> Result<usize> {
    if place.capabilities.list == Listing::None {
        return Ok(0);
    }
    let (mut swept, mut cursor) = (0, None);
    loop {
        let request = List {
            prefix: Place::answers(worker),
            cursor,
            values: Some(1 << 20),
            ..List::default()
        };
        let page = place.bucket.list(request).await?;
        for (key, entry) in page.keys.iter().zip(&page.entries) {
            let is_due = match now {
                Some(now) => now.since(open(worker, &entry.value)?.at) >= KEPT,
                None => true,
            };
            if is_due {
                place.bucket.delete(key).await?;
                swept += 1;
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(swept);
        }
    }
}
