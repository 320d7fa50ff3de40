//! A record of a stream as an event of a bucket.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::{AttributeValue as Streamed, OperationType, Record};
use keywell_store::Event;
use std::collections::HashMap;

use crate::item::{Attributes, BUCKET, Item, KEY, VERSION, ends};

/// Who deletes the items whose time to live has ended.
const COLLECTOR: &str = "dynamodb.amazonaws.com";

/// The number of a record in its shard.
pub(super) fn number(record: &Record) -> Option<&str> {
    record.dynamodb.as_ref()?.sequence_number.as_deref()
}

/// When a record was made, by the clock of the service: in milliseconds, of a whole second.
pub(super) fn time(record: &Record) -> Option<u64> {
    let change = record.dynamodb.as_ref()?;
    let made = change.approximate_creation_date_time?.to_millis().ok()?;
    u64::try_from(made).ok()
}

/// The key of a record, if it is one of this bucket.
pub(super) fn key<'a>(record: &'a Record, bucket: &str) -> Option<&'a str> {
    let keys = record.dynamodb.as_ref()?.keys.as_ref()?;
    let is_ours = keys.get(BUCKET)?.as_s().is_ok_and(|found| found == bucket);
    let key = keys.get(KEY)?.as_s().ok()?;
    is_ours.then_some(key.as_str())
}

/// The version that a record wrote.
pub(super) fn version(record: &Record) -> Option<&[u8]> {
    let image = record.dynamodb.as_ref()?.new_image.as_ref()?;
    Some(image.get(VERSION)?.as_b().ok()?.as_ref())
}

/// The event of a record of a key; none for an item that another program wrote in another form.
pub(super) fn event(record: Record, key: String) -> Option<Event> {
    let is_of_collector = record
        .user_identity
        .as_ref()
        .is_some_and(|identity| identity.principal_id.as_deref() == Some(COLLECTOR));
    let deleted = time(&record);
    let change = record.dynamodb?;
    if record.event_name == Some(OperationType::Remove) {
        // A batch deletes keys also when their time has ended. Records have whole seconds, so a time
        // that ends in the second of the deletion counts as ended.
        let had_ended = || {
            let ended = ends(&attributes(change.old_image?)).ok()??;
            Some(ended <= deleted? + 999)
        };
        let expired = is_of_collector || had_ended().unwrap_or_default();
        return Some(Event::Delete {
            key,
            expired,
            token: None,
        });
    }
    let item = Item::read(attributes(change.new_image?));
    match item {
        Ok(Item {
            value: Some(value),
            version,
            ..
        }) => Some(Event::Set {
            key,
            value,
            version: Some(version.into()),
            token: None,
        }),
        Ok(_) => None,
        Err(error) => {
            tracing::warn!("a watch leaves out a change: {error}");
            None
        }
    }
}

/// An image as the attributes of an item. Types that no item of ours has are not distinguished.
fn attributes(image: HashMap<String, Streamed>) -> Attributes {
    let each = image.into_iter().map(|(name, value)| {
        let value = match value {
            Streamed::S(text) => AttributeValue::S(text),
            Streamed::N(number) => AttributeValue::N(number),
            Streamed::B(bytes) => AttributeValue::B(bytes),
            _ => AttributeValue::Null(true),
        };
        (name, value)
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodbstreams::primitives::DateTime;
    use aws_sdk_dynamodbstreams::types::StreamRecord;

    use super::*;

    /// Whether a deletion within this second is the end of a key that expired at a time.
    fn is_end(second: i64, ends: u64) -> bool {
        let change = StreamRecord::builder()
            .approximate_creation_date_time(DateTime::from_secs(second))
            .old_image("ends", Streamed::N(ends.to_string()));
        let record = Record::builder()
            .event_name(OperationType::Remove)
            .dynamodb(change.build());
        match event(record.build(), "k".to_owned()) {
            Some(Event::Delete { expired, .. }) => expired,
            event => panic!("{event:?}"),
        }
    }

    #[test]
    fn a_key_that_ended_within_the_second_of_its_deletion_expired() {
        assert!(is_end(1_764_000_000, 1_763_999_999_000));
        assert!(is_end(1_764_000_000, 1_764_000_000_700));
        assert!(!is_end(1_764_000_000, 1_764_000_001_000));
    }
}
