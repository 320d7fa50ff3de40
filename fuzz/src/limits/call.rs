use arbitrary::Arbitrary;
use bytes::Bytes;
use keywell_store::layer::Limited;
use keywell_store::{Bucket, Change, Entry, Error, Expected, Invalid, Result, Set, Swap};

use crate::stores::Pair;

#[derive(Debug, Arbitrary)]
pub(super) enum Call<'a> {
    Get(&'a str),
    Exists(&'a str),
    Set(&'a str, &'a [u8]),
    Delete(&'a str),
    Increment(&'a str, i64),
    /// Creates if that is asked for, and goes from what is there otherwise.
    Swap(&'a str, bool, Option<&'a [u8]>),
    GetMany(Vec<&'a str>),
    SetMany(Vec<(&'a str, &'a [u8])>),
    DeleteMany(Vec<&'a str>),
}

/// What was answered, without versions.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Stale,
    Number(i64),
    Is(bool),
    Values(Vec<Option<Bytes>>),
    Refused(Invalid),
}

pub(super) fn perform(pair: &Pair, bucket: &Limited, call: &Call<'_>) -> Outcome {
    let value = |entry: Option<Entry>| entry.map(|entry| entry.value);
    let answered = match call {
        Call::Get(key) => {
            let answered = pair.answer(bucket.get_within(key, usize::MAX));
            answered.map(|entry| Outcome::Values(vec![value(entry)]))
        }
        Call::Exists(key) => pair.answer(bucket.exists(key)).map(Outcome::Is),
        Call::Set(key, value) => {
            let set = bucket.set(key, Bytes::copy_from_slice(value), Set::default());
            pair.answer(set).map(|_| Outcome::Done)
        }
        Call::Delete(key) => pair.answer(bucket.delete(key)).map(|()| Outcome::Done),
        Call::Increment(key, delta) => {
            let answered = pair.answer(bucket.increment_or_create(key, *delta, Set::default()));
            answered.map(Outcome::Number)
        }
        Call::Swap(key, creates, value) => swap(pair, bucket, key, *creates, *value),
        Call::GetMany(keys) => {
            let answered = pair.answer(bucket.get_many_within(keys, usize::MAX));
            answered.map(|entries| Outcome::Values(entries.into_iter().map(value).collect()))
        }
        Call::SetMany(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(key, value)| (*key, Bytes::copy_from_slice(value)));
            let answered = pair.answer(bucket.set_many(entries.collect()));
            answered.map(|()| Outcome::Done)
        }
        Call::DeleteMany(keys) => pair
            .answer(bucket.delete_many(keys))
            .map(|()| Outcome::Done),
    };
    match answered {
        Ok(outcome) => outcome,
        Err(Error::Invalid(invalid)) => Outcome::Refused(invalid),
        Err(other) => panic!("{call:?} is answered {other}"),
    }
}

fn swap(
    pair: &Pair,
    bucket: &Limited,
    key: &str,
    creates: bool,
    value: Option<&[u8]>,
) -> Result<Outcome> {
    let expected = if creates || key.is_empty() {
        Expected::Absent
    } else {
        let read = pair.answer(pair.buckets[0].get(key))?;
        Expected::from(read.as_ref())
    };
    let change = match value {
        Some(value) => Change::Set(Bytes::copy_from_slice(value), Set::default()),
        None => Change::Delete,
    };
    let answered = pair.answer(bucket.swap(key, expected, change))?;
    Ok(match answered {
        Swap::Done(_) => Outcome::Done,
        Swap::Stale => Outcome::Stale,
    })
}
