//! A batch of reads in which each key is read once.

use std::collections::HashMap;

use keywell_store::{Entry, Error, Invalid, Result, ValueBytes};

/// The keys of a batch, each once.
pub(crate) struct Distinct<'a> {
    pub(crate) keys: Vec<&'a str>,
    /// Where each key that was asked for is among them.
    pub(crate) places: Vec<usize>,
}

// === impl Distinct ===

impl<'a> Distinct<'a> {
    pub(crate) fn of(asked: &[&'a str]) -> Self {
        let mut known: HashMap<&str, usize> = HashMap::with_capacity(asked.len());
        let mut keys = Vec::with_capacity(asked.len());
        let place = |key: &&'a str| {
            *known.entry(*key).or_insert_with(|| {
                keys.push(*key);
                keys.len() - 1
            })
        };
        let places = asked.iter().map(place).collect();
        Self { keys, places }
    }
}

/// The entries of all keys that were asked for.
///
/// # Errors
///
/// [`Invalid::BatchTooLarge`] where their values have more than `max` bytes.
pub(crate) fn spread(
    entries: &[Option<Entry>],
    places: &[usize],
    max: usize,
) -> Result<Vec<Option<Entry>>> {
    let mut bytes = ValueBytes::new(max);
    let each = places.iter().map(|at| {
        let entry = &entries[*at];
        bytes.add_entry(entry.as_ref())?;
        Ok(entry.clone())
    });
    each.collect()
}

/// What a batch fails with where one answer is too large.
pub(crate) fn too_large(error: Error) -> Error {
    match error {
        Error::Invalid(Invalid::ValueTooLarge { bytes, max }) => {
            Invalid::BatchTooLarge { bytes, max }.into()
        }
        error => error,
    }
}
