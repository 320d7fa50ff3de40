//! A bucket's handle, asked within a scratch. Its methods say what was asked when the answer is not what was promised.

use crate::generation::{self, Cursor, Number};
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, holds, refused, same, show};
use crate::wasi::keyvalue::store::{self, Bucket, Error};
use crate::wasi::keyvalue::{atomics, batch};

pub struct Handle<'a> {
    pub bucket: Bucket,
    pub scratch: &'a Scratch,
}

/// What `get-many` answers, in the shape that names only the keys that are there.
pub type Answers = Vec<Option<(String, Vec<u8>)>>;

pub struct Page {
    /// The scratch's own keys, as they came.
    pub keys: Vec<String>,
    /// How many keys the page had, others' included.
    pub length: usize,
    pub cursor: Option<Cursor>,
}

// === impl Scratch ===

impl Scratch {
    /// Opens the bucket, once more.
    pub fn open(&self) -> Kept<Handle<'_>> {
        let bucket = answered("store.open", store::open(&self.bucket))?;
        Ok(Handle::new(bucket, self))
    }
}

// === impl Handle ===

impl<'a> Handle<'a> {
    fn new(bucket: Bucket, scratch: &'a Scratch) -> Self {
        Self { bucket, scratch }
    }

    pub fn get(&self, key: &str) -> Kept<Option<Vec<u8>>> {
        let answer = self.bucket.get(&self.scratch.key(key));
        answered(&format!("get of {key:?}"), answer)
    }

    pub fn exists(&self, key: &str) -> Kept<bool> {
        let answer = self.bucket.exists(&self.scratch.key(key));
        answered(&format!("exists of {key:?}"), answer)
    }

    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Kept {
        let answer = self.bucket.set(&self.scratch.writes(key), value.as_ref());
        answered(&format!("set of {key:?}"), answer)
    }

    pub fn delete(&self, key: &str) -> Kept {
        let answer = self.bucket.delete(&self.scratch.key(key));
        answered(&format!("delete of {key:?}"), answer)
    }

    /// Expects a value, by `get` and by `exists`.
    pub fn has(&self, key: &str, value: impl AsRef<[u8]>) -> Kept {
        let expected = Some(value.as_ref().to_vec());
        same(&format!("get of {key:?}"), &self.get(key)?, &expected, show)?;
        let exists = self.exists(key)?;
        same(
            &format!("exists of {key:?}"),
            &exists,
            &true,
            bool::to_string,
        )
    }

    /// Expects no value, by `get` and by `exists`.
    pub fn lacks(&self, key: &str) -> Kept {
        same(&format!("get of {key:?}"), &self.get(key)?, &None, show)?;
        let exists = self.exists(key)?;
        same(
            &format!("exists of {key:?}"),
            &exists,
            &false,
            bool::to_string,
        )
    }

    pub fn increment(&self, key: &str, delta: Number) -> Result<Number, Error> {
        atomics::increment(&self.bucket, &self.scratch.writes(key), delta)
    }

    /// Expects a counter's new value.
    pub fn counts(&self, key: &str, delta: Number, expected: Number) -> Kept {
        let asked = format!("increment of {key:?} by {delta}");
        let answer = answered(&asked, self.increment(key, delta))?;
        same(&asked, &answer, &expected, Number::to_string)
    }

    /// Expects that an increment is an error, and changes nothing.
    pub fn will_not_count(&self, key: &str, delta: Number) -> Kept {
        let before = self.get(key)?;
        let asked = format!("increment of {} by {delta}", show(&before));
        refused(&asked, self.increment(key, delta), Number::to_string)?;
        let after = format!("get of {key:?} after the refused {asked}");
        same(&after, &self.get(key)?, &before, show)
    }

    pub fn page(&self, cursor: Option<&Cursor>) -> Kept<Page> {
        let page = answered("list-keys", generation::list_keys(&self.bucket, cursor))?;
        let own = page.keys.iter().filter_map(|key| self.scratch.own(key));
        Ok(Page {
            keys: own.map(String::from).collect(),
            length: page.keys.len(),
            cursor: page.cursor,
        })
    }

    /// Every page, from the first to the one without a cursor.
    pub fn pages(&self) -> Kept<Vec<Page>> {
        let mut pages: Vec<Page> = Vec::new();
        loop {
            let cursor = pages.last().and_then(|page| page.cursor.as_ref());
            let page = self.page(cursor)?;
            let last = page.cursor.is_none();
            let again = !last && pages.iter().any(|before| before.cursor == page.cursor);
            pages.push(page);
            if last {
                return Ok(pages);
            }
            holds(!again, "a listing ends", || {
                format!("after page {} a cursor that came before", pages.len())
            })?;
        }
    }

    /// The scratch's keys, in the order they were listed.
    pub fn keys(&self) -> Kept<Vec<String>> {
        Ok(self
            .pages()?
            .into_iter()
            .flat_map(|page| page.keys)
            .collect())
    }

    /// Each answer's key and value.
    pub fn get_many(&self, keys: &[&str]) -> Kept<Answers> {
        let keys: Vec<_> = keys.iter().map(|key| self.scratch.key(key)).collect();
        let answers = answered("get-many", generation::get_many(&self.bucket, &keys))?;
        let own = answers.into_iter().map(|entry| {
            let (key, value) = entry?;
            Some((self.scratch.own(&key).unwrap_or(&key).to_owned(), value))
        });
        Ok(own.collect())
    }

    pub fn set_many(&self, entries: &[(&str, &[u8])]) -> Kept {
        let entries = entries.iter();
        let entries: Vec<_> = entries
            .map(|&(key, value)| (self.scratch.writes(key), value.to_vec()))
            .collect();
        answered("set-many", batch::set_many(&self.bucket, &entries))
    }

    pub fn delete_many(&self, keys: &[&str]) -> Kept {
        let keys: Vec<_> = keys.iter().map(|key| self.scratch.key(key)).collect();
        answered("delete-many", batch::delete_many(&self.bucket, &keys))
    }
}
