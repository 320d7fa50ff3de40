//! Helpers of the tests.

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_memory::MemoryStore;
use keywell_store::{
    Answer, Bucket, BucketName, Cursor, Entry, Error, Event, Filter, Invalid, List, Page, Set,
    Since, Store, Watch,
};

/// The timeout of a test, far longer than any needs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The result of an answer that must be there at once.
pub(crate) fn result<T>(answer: Answer<T>) -> Result<T, Error> {
    match answer {
        Answer::Now(result) => result,
        Answer::Later(_) => panic!("a store in memory answers at once"),
    }
}

/// The value of an answer that must succeed at once.
pub(crate) fn now<T>(answer: Answer<T>) -> T {
    result(answer).expect("it succeeds")
}

/// Why a call is invalid.
pub(crate) fn invalid<T>(answer: Answer<T>) -> Invalid {
    match result(answer) {
        Err(Error::Invalid(invalid)) => invalid,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is refused"),
    }
}

pub(crate) fn bucket() -> Arc<dyn Bucket> {
    open(&MemoryStore::new(), "")
}

pub(crate) fn open(store: &MemoryStore, name: &str) -> Arc<dyn Bucket> {
    now(store.open(&BucketName::parse(name).expect("a name")))
}

pub(crate) fn set(bucket: &dyn Bucket, key: &str, value: impl Into<Bytes>) -> u64 {
    let version = now(bucket.set(key, value.into(), Set::default()));
    version.as_u64().expect("versions here are numbers")
}

pub(crate) fn set_for(bucket: &dyn Bucket, key: &str, millis: u64) {
    let how = Set::expiring(Duration::from_millis(millis)).expect("a time to live");
    now(bucket.set(key, "fleeting".into(), how));
}

pub(crate) fn get(bucket: &dyn Bucket, key: &str) -> Option<Entry> {
    now(bucket.get(key))
}

pub(crate) fn value(bucket: &dyn Bucket, key: &str) -> Option<String> {
    get(bucket, key).map(|entry| String::from_utf8(entry.value.into()).expect("text"))
}

pub(crate) fn page(
    bucket: &dyn Bucket,
    prefix: &str,
    cursor: Option<Cursor>,
    limit: usize,
) -> Page {
    now(bucket.list(List {
        prefix: prefix.to_owned(),
        cursor,
        limit,
        ..List::default()
    }))
}

/// All pages of a listing, joined.
pub(crate) fn list(bucket: &dyn Bucket, prefix: &str, limit: usize) -> Vec<String> {
    let mut keys = Vec::new();
    let mut cursor = None;
    loop {
        let page = page(bucket, prefix, cursor, limit);
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return keys;
        }
    }
}

pub(crate) fn watch(bucket: &dyn Bucket) -> Watch {
    now(bucket.watch(Filter::All, Since::Now))
}

pub(crate) async fn next(watch: &mut Watch) -> Event {
    let next = tokio::time::timeout(PATIENCE, watch.next()).await;
    next.expect("an event comes")
        .expect("the watch goes on")
        .expect("without an error")
}

/// An event as short text: `key=value`, `-key` if deleted, `~key` if expired.
pub(crate) fn short(event: &Event) -> String {
    match event {
        Event::Set { key, value, .. } => format!("{key}={}", String::from_utf8_lossy(value)),
        Event::Delete { key, expired, .. } => {
            format!("{}{key}", if *expired { '~' } else { '-' })
        }
        other => panic!("{other:?}"),
    }
}

/// The next events, as short text.
pub(crate) async fn next_few(watch: &mut Watch, many: usize) -> Vec<String> {
    let mut events = Vec::new();
    for _ in 0..many {
        events.push(short(&next(watch).await));
    }
    events
}

/// A small deterministic generator of random numbers (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    /// Seeded from `KEYWELL_SEED`, or randomly. Prints the seed.
    pub(crate) fn seeded() -> Self {
        let seed = env::var("KEYWELL_SEED").map_or_else(
            |_| RandomState::new().build_hasher().finish(),
            |seed| seed.parse().expect("KEYWELL_SEED is a number"),
        );
        println!("KEYWELL_SEED={seed}");
        Self(seed)
    }

    /// Another generator, for another thread.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % bound
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
