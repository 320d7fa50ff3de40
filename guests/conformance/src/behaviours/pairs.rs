//! A `get-many` that names every key, also those that are missing.

use crate::handle::Handle;
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, holds};
use crate::wasi::keyvalue::batch;

behaviours! { "batch":
    Must "batch.get-many" a_missing_key_is_named_without_a_value,
    May "batch.get-many" every_key_is_named_in_the_order_asked,
    May "batch.get-many" a_missing_key_asked_twice_is_named_twice,
}

fn a_missing_key_is_named_without_a_value(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    bucket.set("empty", "")?;
    let mut named = named(&bucket, &["milk", "tea", "sugar", "empty"])?;
    named.sort_unstable();
    let expected = [
        ("empty", true),
        ("milk", false),
        ("sugar", false),
        ("tea", true),
    ];
    are(&named, &expected)
}

fn every_key_is_named_in_the_order_asked(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let keys: Vec<_> = (0..40).map(|n| format!("key-{}", n * 17 % 40)).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    for key in keys.iter().step_by(2) {
        bucket.set(key, key)?;
    }
    let places = keys.iter().enumerate();
    let expected: Vec<_> = places.map(|(n, key)| (*key, n % 2 == 0)).collect();
    are(&named(&bucket, &keys)?, &expected)
}

fn a_missing_key_asked_twice_is_named_twice(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let expected = [("milk", false), ("tea", true), ("milk", false)];
    are(&named(&bucket, &["milk", "tea", "milk"])?, &expected)
}

/// The keys as they are answered, and whether each has a value.
fn named(bucket: &Handle, keys: &[&str]) -> Kept<Vec<(String, bool)>> {
    let scratch = bucket.scratch;
    let keys: Vec<_> = keys.iter().map(|key| scratch.key(key)).collect();
    let pairs = answered("get-many", batch::get_many(&bucket.bucket, &keys))?;
    let own = |key: &str| scratch.own(key).unwrap_or(key).to_owned();
    let named = pairs.iter().map(|(key, value)| (own(key), value.is_some()));
    Ok(named.collect())
}

fn are(named: &[(String, bool)], expected: &[(&str, bool)]) -> Kept {
    let named: Vec<_> = named.iter().map(|(key, there)| (&**key, *there)).collect();
    let promised = format!("get-many answers these keys, true with a value: {expected:?}");
    holds(named == expected, &promised, || format!("{named:?}"))
}
