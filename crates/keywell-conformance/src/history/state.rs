use keywell_store::counter;

use super::service::token_text;

/// The state of one key.
///
/// The version after an increment or a write without a response is open until the response of an
/// operation shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct State {
    held: Option<(String, Version)>,
    /// The versions of earlier writes, which no later write may have.
    spent: Numbers,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Version {
    Number(usize),
    /// Not known yet. It is none of these, because swaps at them were stale.
    Open(Numbers),
    /// The store compares values.
    Value,
}

/// The version of a response: its number within the history, or none if the store compares values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    Number(usize),
    Value,
    Unknown,
}

/// What a swap compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Absent,
    At(usize),
    /// The text of the version, if the store compares values.
    Value(String),
}

/// A small set of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Numbers(Vec<u64>);

// === impl State ===

impl State {
    pub(super) fn value(&self) -> Option<&str> {
        self.held.as_ref().map(|(value, _)| &**value)
    }

    /// The value after an increment, or the error.
    pub(super) fn sum(&self, delta: i64) -> keywell_store::Result<i64> {
        counter::add(self.value().map(str::as_bytes), delta)
    }

    /// Assumes this value at this version; false if the key cannot hold it.
    pub(super) fn assume(&mut self, value: &str, stamp: &Stamp) -> bool {
        self.value() == Some(value) && self.assume_version(stamp)
    }

    /// Writes a value; false if its version was used before.
    pub(super) fn write(&mut self, value: &str, stamp: &Stamp) -> bool {
        self.clear();
        let version = match stamp {
            Stamp::Number(number) if self.spent.has(*number) => return false,
            Stamp::Number(number) => Version::Number(*number),
            Stamp::Value => Version::Value,
            Stamp::Unknown => Version::Open(Numbers::default()),
        };
        self.held = Some((value.to_owned(), version));
        true
    }

    pub(super) fn clear(&mut self) {
        if let Some((_, Version::Number(number))) = self.held.take() {
            self.spent.add(number);
        }
    }

    /// Assumes that a condition holds; false if it cannot. An open version becomes the compared one.
    pub(super) fn assume_met(&mut self, condition: &Condition) -> bool {
        match condition {
            Condition::Absent => self.held.is_none(),
            Condition::At(number) => {
                self.held.is_some() && self.assume_version(&Stamp::Number(*number))
            }
            Condition::Value(text) => self.has_text(text),
        }
    }

    /// Assumes that a condition fails; false if it cannot. An open version becomes another one.
    pub(super) fn assume_unmet(&mut self, condition: &Condition) -> bool {
        match condition {
            Condition::Absent => self.held.is_some(),
            Condition::Value(text) => !self.has_text(text),
            Condition::At(number) => match &mut self.held {
                Some((_, Version::Number(held))) => held != number,
                Some((_, Version::Open(others))) => {
                    if !self.spent.has(*number) {
                        others.add(*number);
                    }
                    true
                }
                Some((_, Version::Value)) | None => true,
            },
        }
    }

    fn has_text(&self, text: &str) -> bool {
        let value = self.value();
        value.is_some_and(|value| token_text(value.as_bytes()) == text)
    }

    fn assume_version(&mut self, stamp: &Stamp) -> bool {
        let (Some((_, version)), Stamp::Number(number)) = (&mut self.held, stamp) else {
            return true;
        };
        match version {
            Version::Number(known) => known == number,
            Version::Open(others) => {
                let free = !others.has(*number) && !self.spent.has(*number);
                if free {
                    *version = Version::Number(*number);
                }
                free
            }
            Version::Value => true,
        }
    }
}

// === impl Numbers ===

impl Numbers {
    fn has(&self, number: usize) -> bool {
        let word = self.0.get(number / 64).copied().unwrap_or(0);
        word >> (number % 64) & 1 == 1
    }

    fn add(&mut self, number: usize) {
        let word = number / 64;
        // No longer than needed, so that equal sets are equal vectors.
        self.0.resize(self.0.len().max(word + 1), 0);
        self.0[word] |= 1 << (number % 64);
    }
}
