//! A key as an item of the table.
//!
//! | Attribute | Type | Holds |
//! |---|---|---|
//! | `bucket` | S | the name of the bucket: the partition key |
//! | `key` | S | the key: the sort key |
//! | `value` | B | the value |
//! | `version` | B | a random token, another one after each write |
//! | `ends` | N | when the key expires, in milliseconds since 1970; if it does |
//! | `ttl` | N | the same in seconds, rounded up, by which DynamoDB collects the item |

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use keywell_store::{Entry, Error, Expires, Result, Set, Version};

pub(crate) const BUCKET: &str = "bucket";
pub(crate) const KEY: &str = "key";
pub(crate) const VALUE: &str = "value";
pub(crate) const VERSION: &str = "version";
pub(crate) const ENDS: &str = "ends";
pub(crate) const TTL: &str = "ttl";

/// The largest item of DynamoDB, with the names of its attributes.
const ITEM_BYTES: usize = 400 << 10;
/// What an item has besides its value at most: bucket, key, version, times and names.
const ENVELOPE: usize = 2 << 10;
/// The largest value.
pub(crate) const VALUE_BYTES: usize = ITEM_BYTES - ENVELOPE;
/// The longest key, as DynamoDB has it of sort keys.
pub(crate) const KEY_BYTES: usize = 1 << 10;

/// The attributes of an item, of a part of it, or of an expression.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// A key that was read, with its value if that was read, too.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) key: String,
    pub(crate) value: Option<Bytes>,
    pub(crate) version: Bytes,
    /// When it expires, in milliseconds.
    pub(crate) ends: Option<u64>,
}

// === impl Item ===

impl Item {
    /// Reads what the store wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for an item in another form.
    pub(crate) fn read(mut attributes: Attributes) -> Result<Self> {
        let key = key(&attributes)?.to_owned();
        let alien = |what: &str| {
            let what = format!(
                "the item of the key {key:?} {what}: another program wrote it in another form; set or \
                 delete the key"
            );
            Error::Corrupt(what.into())
        };
        let ends = ends(&attributes).map_err(|()| alien("has no number as `ends`"))?;
        let value = match attributes.remove(VALUE) {
            None => None,
            Some(AttributeValue::B(value)) => Some(Bytes::from(value.into_inner())),
            Some(_) => return Err(alien("has no bytes as `value`")),
        };
        let Some(AttributeValue::B(version)) = attributes.remove(VERSION) else {
            return Err(alien("has no bytes as `version`"));
        };
        Ok(Self {
            value,
            version: version.into_inner().into(),
            ends,
            key,
        })
    }

    /// The item, unless its time has ended.
    pub(crate) fn live(self, now: u64) -> Option<Self> {
        let has_ended = self.ends.is_some_and(|ends| ends <= now);
        (!has_ended).then_some(self)
    }

    /// The value that was read.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for an item without one.
    pub(crate) fn value(&self) -> Result<Bytes> {
        let missing = || {
            let what = format!("the item of the key {:?} has no `value`", self.key);
            Error::Corrupt(what.into())
        };
        self.value.clone().ok_or_else(missing)
    }

    /// The entry of an item whose value was read.
    ///
    /// # Errors
    ///
    /// As [`Item::value`].
    pub(crate) fn entry(self, now: u64) -> Result<Entry> {
        let left = |ends: u64| Expires::In(Duration::from_millis(ends.saturating_sub(now)));
        Ok(Entry {
            value: self.value()?,
            version: self.version.into(),
            expires: self.ends.map_or(Expires::Never, left),
        })
    }
}

/// The key of an item.
///
/// # Errors
///
/// [`Error::Corrupt`] without one.
pub(crate) fn key(attributes: &Attributes) -> Result<&str> {
    let key = attributes.get(KEY).and_then(|key| key.as_s().ok());
    let missing = || Error::Corrupt("an item of the table has no `key`".into());
    key.map(String::as_str).ok_or_else(missing)
}

/// When an item expires, in milliseconds; an error if that is no number.
pub(crate) fn ends(attributes: &Attributes) -> Result<Option<u64>, ()> {
    let read = |ends: &AttributeValue| ends.as_n().map_err(drop)?.parse().map_err(drop);
    attributes.get(ENDS).map(read).transpose()
}

/// The primary key of an item.
pub(crate) fn primary(bucket: &str, key: &str) -> Attributes {
    HashMap::from([
        (BUCKET.to_owned(), text(bucket)),
        (KEY.to_owned(), text(key)),
    ])
}

/// An item as it is written.
pub(crate) fn written(
    bucket: &str,
    key: &str,
    value: Bytes,
    version: &Version,
    ends: Option<u64>,
) -> Attributes {
    let mut item = primary(bucket, key);
    item.insert(VALUE.to_owned(), bytes(value));
    item.insert(VERSION.to_owned(), token(version));
    if let Some(ends) = ends {
        item.insert(ENDS.to_owned(), number(ends));
        item.insert(TTL.to_owned(), number(ends.div_ceil(1000)));
    }
    item
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn bytes(bytes: Bytes) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// A version as an attribute. One that is none of this store's equals none.
pub(crate) fn token(version: &Version) -> AttributeValue {
    bytes(version.as_bytes().cloned().unwrap_or_default())
}

/// A version that no write had or will have.
pub(crate) fn new_version() -> Version {
    Bytes::copy_from_slice(&rand::random::<[u8; 16]>()).into()
}

/// The time now, in milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// When what is set so expires.
///
/// # Errors
///
/// [`Invalid::Ttl`](keywell_store::Invalid::Ttl).
pub(crate) fn ending(how: Set) -> Result<Option<u64>> {
    Ok(how.ttl_millis()?.map(|millis| now().saturating_add(millis)))
}
