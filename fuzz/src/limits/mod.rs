mod call;
mod model;

use std::collections::BTreeMap;
use std::sync::Arc;

use arbitrary::Arbitrary;
use bytes::Bytes;
use keywell_store::layer::{Limited, Limits};
use keywell_store::{BucketName, Error, Invalid, List};

use self::call::{Call, perform};
use self::model::Model;
use crate::stores::Pair;

/// The most calls of one input, so that none takes long.
const CALLS: usize = 60;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    name: &'a str,
    /// Small, so that a short input goes past them.
    key_bytes: u8,
    value_bytes: u8,
    batch_keys: u8,
    batch_bytes: u8,
    calls: Vec<Call<'a>>,
}

/// Names of buckets, and the limits on keys, values and batches in front of a store, beside a map.
pub fn limits(data: &[u8]) {
    let Some(input) = crate::input::read::<Input<'_>>(data) else {
        return;
    };
    names(input.name);
    let limits = Limits {
        key_bytes: input.key_bytes.into(),
        value_bytes: input.value_bytes.into(),
        batch_keys: input.batch_keys.into(),
        batch_bytes: input.batch_bytes.into(),
        ..Limits::default()
    };
    let pair = Pair::memory();
    let bucket = Limited::new(Arc::clone(&pair.buckets[0]), limits);
    let mut model = Model::new(limits);
    for call in input.calls.iter().take(CALLS) {
        let outcome = perform(&pair, &bucket, call);
        let expected = model.call(call);
        assert_eq!(outcome, expected, "{call:?} within {limits:?}");
        let left = stored(&pair);
        assert_eq!(left, *model.entries(), "after {call:?} within {limits:?}");
    }
}

/// A name is up to 255 bytes without control characters; the empty one is the default's.
fn names(text: &str) {
    let is_name = text.len() <= 255 && !text.chars().any(char::is_control);
    match BucketName::parse(text) {
        Ok(name) => {
            assert!(is_name, "{text:?} is taken for a name");
            let expected = if text.is_empty() { "default" } else { text };
            assert_eq!(name.as_str(), expected);
            assert_eq!(name.is_default(), expected == "default");
            assert_eq!(name.to_string().parse::<BucketName>().ok(), Some(name));
        }
        Err(Error::Invalid(Invalid::BucketName)) => assert!(!is_name, "{text:?} is refused"),
        Err(other) => panic!("{text:?} is refused as {other}"),
    }
}

/// What is in the store, behind the limits.
fn stored(pair: &Pair) -> BTreeMap<String, Bytes> {
    let page = pair.list(0, List::default());
    let page = page.expect("a bucket in memory can be listed");
    assert!(page.cursor.is_none(), "there are few keys");
    let keys: Vec<&str> = page.keys.iter().map(String::as_str).collect();
    let entries = pair.answer(pair.buckets[0].get_many(&keys));
    let entries = entries.expect("what is in memory can be read");
    let values = entries
        .into_iter()
        .map(|entry| entry.expect("it is listed").value);
    page.keys.iter().cloned().zip(values).collect()
}
