//! A bucket's handle, asked within a scratch. Its methods say what was asked when the answer is not
//! what was promised.

use crate::generation::{self, Bucket, Error, IncomingValue, OutgoingValue, keys, missing_is_none};
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, refused, same, show};

pub struct Handle<'a> {
    pub bucket: Bucket,
    pub scratch: &'a Scratch,
}

/// What `get-many` answers, in the order asked.
pub type Answers = Vec<Option<Vec<u8>>>;

// === impl Scratch ===

impl Scratch {
    /// Opens the bucket, once more.
    pub fn open(&self) -> Kept<Handle<'_>> {
        let bucket = answered("open-bucket", generation::open(&self.bucket))?;
        Ok(Handle {
            bucket,
            scratch: self,
        })
    }
}

// === impl Handle ===

impl Handle<'_> {
    /// The value as a resource; none where the shape says that the key is missing.
    pub fn find(&self, key: &str) -> Kept<Option<IncomingValue>> {
        let answer = missing_is_none(self.get_raw(key));
        answered(&format!("get of {key:?}"), answer)
    }

    /// The answer of `get`, as this shape has it.
    pub fn get_raw(&self, key: &str) -> generation::Got {
        generation::get(&self.bucket, &self.scratch.key(key))
    }

    pub fn get(&self, key: &str) -> Kept<Option<Vec<u8>>> {
        let value = self.find(key)?;
        value.map(|value| consume(key, &value)).transpose()
    }

    pub fn exists(&self, key: &str) -> Kept<bool> {
        let answer = generation::exists(&self.bucket, &self.scratch.key(key));
        answered(&format!("exists of {key:?}"), answer)
    }

    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Kept {
        self.set_value(key, &outgoing(value.as_ref())?)
    }

    pub fn set_value(&self, key: &str, value: &OutgoingValue) -> Kept {
        answered(&format!("set of {key:?}"), self.try_set(key, value))
    }

    pub fn try_set(&self, key: &str, value: &OutgoingValue) -> Result<(), Error> {
        generation::set(&self.bucket, &self.scratch.writes(key), value)
    }

    pub fn delete(&self, key: &str) -> Kept {
        let answer = generation::delete(&self.bucket, &self.scratch.key(key));
        answered(&format!("delete of {key:?}"), answer)
    }

    /// Expects a value, by `get` and by `exists`.
    pub fn has(&self, key: &str, value: impl AsRef<[u8]>) -> Kept {
        let expected = Some(value.as_ref().to_vec());
        same(&format!("get of {key:?}"), &self.get(key)?, &expected, show)?;
        let asked = format!("exists of {key:?}");
        same(&asked, &self.exists(key)?, &true, bool::to_string)
    }

    /// Expects no value, by `get` and by `exists`.
    pub fn lacks(&self, key: &str) -> Kept {
        same(&format!("get of {key:?}"), &self.get(key)?, &None, show)?;
        let asked = format!("exists of {key:?}");
        same(&asked, &self.exists(key)?, &false, bool::to_string)
    }

    pub fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        generation::increment(&self.bucket, &self.scratch.writes(key), delta)
    }

    /// Expects a counter's new value.
    pub fn counts(&self, key: &str, delta: u64, expected: u64) -> Kept {
        let asked = format!("increment of {key:?} by {delta}");
        let answer = answered(&asked, self.increment(key, delta))?;
        same(&asked, &answer, &expected, u64::to_string)
    }

    /// Expects that an increment is an error, and changes nothing.
    pub fn will_not_count(&self, key: &str, delta: u64) -> Kept {
        let before = self.get(key)?;
        let asked = format!("increment of {} by {delta}", show(&before));
        refused(&asked, self.increment(key, delta), u64::to_string)?;
        let after = format!("get of {key:?} after the refused {asked}");
        same(&after, &self.get(key)?, &before, show)
    }

    pub fn swap(&self, key: &str, old: u64, new: u64) -> Result<bool, Error> {
        generation::compare_and_swap(&self.bucket, &self.scratch.writes(key), old, new)
    }

    /// Expects the answer of a compare-and-swap.
    pub fn swaps(&self, key: &str, old: u64, new: u64, expected: bool) -> Kept {
        let asked = format!("compare-and-swap of {key:?} from {old} to {new}");
        let answer = answered(&asked, self.swap(key, old, new))?;
        same(&asked, &answer, &expected, bool::to_string)
    }

    /// The scratch's keys, as they were listed.
    pub fn keys(&self) -> Kept<Vec<String>> {
        let listed = answered("the keys", keys(&self.bucket))?;
        let own = listed.iter().filter_map(|key| self.scratch.own(key));
        Ok(own.map(String::from).collect())
    }

    /// The answer of `get-many`, as this shape has it.
    pub fn get_many_raw(&self, keys: &[&str]) -> generation::GotMany {
        let keys: Vec<_> = keys.iter().map(|key| self.scratch.key(key)).collect();
        generation::get_many(&self.bucket, &keys)
    }

    /// The values of keys that are there.
    pub fn get_many(&self, keys: &[&str]) -> Kept<Answers> {
        let answers = answered("get-many", generation::found(self.get_many_raw(keys)))?;
        let values = answers.iter().map(|value| {
            let consumed = value.as_ref().map(|value| consume("get-many", value));
            consumed.transpose()
        });
        values.collect()
    }

    pub fn set_many(&self, entries: &[(&str, &[u8])]) -> Kept {
        let values = entries.iter().map(|(_, value)| outgoing(value));
        let values = values.collect::<Kept<Vec<_>>>()?;
        let keys = entries.iter().map(|(key, _)| self.scratch.writes(key));
        let entries: Vec<_> = keys.zip(&values).collect();
        answered("set-many", generation::set_many(&self.bucket, &entries))
    }

    pub fn delete_many(&self, keys: &[&str]) -> Kept {
        let keys: Vec<_> = keys.iter().map(|key| self.scratch.key(key)).collect();
        answered("delete-many", generation::delete_many(&self.bucket, &keys))
    }
}

/// A value of these bytes, written at once.
pub fn outgoing(bytes: &[u8]) -> Kept<OutgoingValue> {
    let value = OutgoingValue::new_outgoing_value();
    write(&value, bytes)?;
    Ok(value)
}

pub fn write(value: &OutgoingValue, bytes: &[u8]) -> Kept {
    let answer = value.outgoing_value_write_body_sync(bytes);
    answered("outgoing-value-write-body-sync", answer)
}

pub fn consume(key: &str, value: &IncomingValue) -> Kept<Vec<u8>> {
    let asked = format!("incoming-value-consume-sync of {key:?}");
    answered(&asked, value.incoming_value_consume_sync())
}
