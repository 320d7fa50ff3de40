//! A bucket's handle, asked within a scratch. Its methods say what was asked when the answer is not what was promised.

use crate::keywell::keyvalue::atomics;
use crate::keywell::keyvalue::store::{self, Bucket, Entry, Error, Expectation, ListOptions, Page};
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, holds, same};

pub type Version = Vec<u8>;

pub struct Handle<'a> {
    pub bucket: Bucket,
    pub scratch: &'a Scratch,
}

// === impl Scratch ===

impl Scratch {
    /// Opens the bucket, once more.
    pub fn open(&self) -> Kept<Handle<'_>> {
        let bucket = answered("store.open", store::open(&self.bucket))?;
        Ok(Handle {
            bucket,
            scratch: self,
        })
    }
}

// === impl Handle ===

impl Handle<'_> {
    pub fn get(&self, key: &str) -> Kept<Option<Entry>> {
        let answer = self.bucket.get(&self.scratch.key(key));
        answered(&format!("get of {key:?}"), answer)
    }

    /// Sets a key, whatever it holds.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Kept<Version> {
        let answer = self.set_if(key, value, &Expectation::Any);
        answered(&format!("set of {key:?}"), answer)
    }

    pub fn set_if(
        &self,
        key: &str,
        value: impl AsRef<[u8]>,
        expected: &Expectation,
    ) -> Result<Version, Error> {
        let key = self.scratch.key(key);
        self.bucket.set(&key, value.as_ref(), expected, None)
    }

    pub fn delete_if(&self, key: &str, expected: &Expectation) -> Result<(), Error> {
        self.bucket.delete(&self.scratch.key(key), expected)
    }

    pub fn increment(&self, key: &str, delta: i64, ttl: Option<u64>) -> Result<i64, Error> {
        atomics::increment(&self.bucket, &self.scratch.key(key), delta, ttl)
    }

    /// Expects a value, and answers its version.
    pub fn has(&self, key: &str, value: impl AsRef<[u8]>) -> Kept<Version> {
        let entry = self.get(key)?;
        let found = entry.as_ref().map(|entry| entry.value.clone());
        let found = found.map(|value| String::from_utf8_lossy(&value).into_owned());
        let expected = String::from_utf8_lossy(value.as_ref()).into_owned();
        same(&format!("get of {key:?}"), &found, &Some(expected))?;
        Ok(entry.map(|entry| entry.version).unwrap_or_default())
    }

    /// Expects no value.
    pub fn lacks(&self, key: &str) -> Kept {
        let found = self.get(key)?;
        holds(
            found.is_none(),
            &format!("get of {key:?} answers none"),
            || format!("{found:?}"),
        )
    }

    /// A page of the keys of the scratch that begin with `prefix`.
    pub fn page(
        &self,
        prefix: &str,
        limit: Option<u32>,
        values: bool,
        cursor: Option<String>,
    ) -> Result<Page, Error> {
        self.bucket.list(&ListOptions {
            prefix: self.scratch.key(prefix),
            limit,
            values,
            cursor,
        })
    }

    /// The keys of all pages, as the scratch writes them.
    pub fn keys(&self, prefix: &str, limit: u32) -> Kept<Vec<String>> {
        let (mut keys, mut cursor) = (Vec::new(), None);
        loop {
            let page = answered("list", self.page(prefix, Some(limit), false, cursor))?;
            let length = page.items.len();
            let is_bounded = u32::try_from(length).is_ok_and(|length| length <= limit);
            holds(
                is_bounded,
                &format!("a page has at most {limit} keys"),
                || length.to_string(),
            )?;
            keys.extend(page.items.into_iter().map(|item| {
                let own = item.key.strip_prefix(&*self.scratch.prefix);
                own.unwrap_or(&item.key).to_owned()
            }));
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(keys);
            }
            holds(keys.len() < 10_000, "a listing ends", || {
                "10,000 keys".into()
            })?;
        }
    }
}
