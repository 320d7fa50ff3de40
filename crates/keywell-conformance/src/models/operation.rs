use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;

/// An operation on a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelOperation {
    /// Reads a key.
    Get(&'static str),
    /// Asks whether a key exists.
    Exists(&'static str),
    /// Sets a key.
    Set(&'static str, &'static str),
    /// Deletes a key.
    Delete(&'static str),
    /// Swaps in a value, or deletes the key if there is none.
    Swap(&'static str, Expectation, Option<&'static str>),
    /// Adds to a counter.
    Increment(&'static str, i64),
    /// Reads keys.
    GetMany(Vec<&'static str>),
    /// Sets keys.
    SetMany(Vec<(&'static str, &'static str)>),
    /// Deletes keys.
    DeleteMany(Vec<&'static str>),
    /// Lists the keys of a prefix, in pages of this size.
    List(&'static str, usize),
    /// Closes the store and opens it again, if the subject can.
    Restart,
}

/// What a swap expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// No key.
    Absent,
    /// The current version; no key if there is none.
    Current,
    /// An earlier version of the key; no key if it had none.
    Earlier,
}

/// Few, so that operations meet, and similar, so that confusions show.
pub(super) const KEYS: &[&str] = &["a", "b", "ab", "a:b", "A", "a*", "é"];

const PREFIXES: &[&str] = &["", "a", "ab", "b", "a*", "z"];

const VALUES: &[&str] = &[
    "x",
    "",
    "0",
    "7",
    "-3",
    "042",
    "1.0",
    "9223372036854775807",
    "-9223372036854775808",
];

const DELTAS: &[i64] = &[1, -1, 0, 41, i64::MAX, i64::MIN];

/// Lists of operations, which shrink to fewer and simpler ones.
pub(super) fn lists(longest: usize) -> impl Strategy<Value = Vec<ModelOperation>> {
    vec(operations(), 1..=longest)
}

fn operations() -> impl Strategy<Value = ModelOperation> {
    let keys = || select(KEYS);
    let values = || select(VALUES);
    let expectations = select(
        &[
            Expectation::Absent,
            Expectation::Current,
            Expectation::Earlier,
        ][..],
    );
    let swaps = (keys(), expectations, values(), any::<bool>());
    prop_oneof![
        4 => keys().prop_map(ModelOperation::Get),
        1 => keys().prop_map(ModelOperation::Exists),
        6 => (keys(), values()).prop_map(|(key, value)| ModelOperation::Set(key, value)),
        3 => keys().prop_map(ModelOperation::Delete),
        6 => swaps.prop_map(|(key, expected, value, deletes)| {
            ModelOperation::Swap(key, expected, (!deletes).then_some(value))
        }),
        4 => (keys(), select(DELTAS)).prop_map(|(key, delta)| ModelOperation::Increment(key, delta)),
        2 => vec(keys(), 0..5).prop_map(ModelOperation::GetMany),
        2 => vec((keys(), values()), 0..5).prop_map(ModelOperation::SetMany),
        1 => vec(keys(), 0..4).prop_map(ModelOperation::DeleteMany),
        3 => (select(PREFIXES), 1..4_usize).prop_map(|(prefix, limit)| {
            ModelOperation::List(prefix, limit)
        }),
        1 => Just(ModelOperation::Restart),
    ]
}
