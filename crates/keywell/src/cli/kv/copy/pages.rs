use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use keywell_store::{Bucket, Entry, Error, Invalid, List};

use super::deadline::Deadline;

/// How many bytes of values are read at a time, unless one alone has more.
const BYTES_AT_ONCE: usize = 8 << 20;

/// What was read of a key.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) value: Bytes,
    pub(super) deadline: Option<Deadline>,
}

/// The keys of a bucket and what they hold, in pages.
pub(super) struct Pages<'a> {
    bucket: &'a dyn Bucket,
    next: Option<List>,
}

// === impl Read ===

impl Read {
    fn new(entry: Entry, asked: Instant, answered: Instant) -> Self {
        Self {
            deadline: Deadline::new(entry.expires, asked, answered),
            value: entry.value,
        }
    }
}

// === impl Pages ===

impl<'a> Pages<'a> {
    pub(super) fn new(bucket: &'a dyn Bucket, prefix: &str) -> Self {
        let next = Some(List {
            prefix: prefix.to_owned(),
            values: Some(BYTES_AT_ONCE),
            ..List::default()
        });
        Self { bucket, next }
    }

    /// The next page; none behind the last one, or after an error.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<(String, Read)>>, Error> {
        let Some(request) = self.next.take() else {
            return Ok(None);
        };
        // A store that answers at once never waits, and an interruption must be seen.
        tokio::task::yield_now().await;
        let asked = Instant::now();
        let page = self.bucket.list(request.clone()).await?;
        let answered = Instant::now();
        self.next = page.cursor.map(|cursor| List {
            cursor: Some(cursor),
            ..request
        });
        let reads = page.entries.into_iter();
        let reads = reads.map(|entry| Read::new(entry, asked, answered));
        Ok(Some(page.keys.into_iter().zip(reads).collect()))
    }
}

/// What a bucket has of these keys, in their order. It may hold larger values than are read at a
/// time.
pub(super) async fn read(bucket: &dyn Bucket, keys: &[&str]) -> Result<Vec<Option<Read>>, Error> {
    let at_once = bucket.capabilities().batch_keys.max(1);
    let mut left: VecDeque<&[&str]> = keys.chunks(at_once).collect();
    let mut reads = Vec::with_capacity(keys.len());
    while let Some(keys) = left.pop_front() {
        let max = if keys.len() == 1 {
            usize::MAX
        } else {
            BYTES_AT_ONCE
        };
        let asked = Instant::now();
        match bucket.get_with_expiry(keys, max).await {
            Err(Error::Invalid(Invalid::BatchTooLarge { .. } | Invalid::ValueTooLarge { .. }))
                if keys.len() > 1 =>
            {
                let (first, second) = keys.split_at(keys.len() / 2);
                left.push_front(second);
                left.push_front(first);
            }
            entries => {
                let (entries, answered) = (entries?, Instant::now());
                let read = |entry: Option<Entry>| entry.map(|it| Read::new(it, asked, answered));
                reads.extend(entries.into_iter().map(read));
            }
        }
    }
    Ok(reads)
}
