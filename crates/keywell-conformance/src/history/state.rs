use keywell_store::counter;

use super::service::token_text;

/// What one key holds, as far as the operations before tell.
///
/// Increments and unanswered writes leave a version that nobody was told yet. It stays open until
/// an operation tells it, and is then that for good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct State {
    held: Option<(String, Version)>,
    /// The versions that were told of earlier writes: no later write may have them.
    spent: Numbers,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Version {
    Told(usize),
    /// Not told yet. It is none of these, since swaps at them were stale.
    Open(Numbers),
    /// The store compares values.
    Value,
}

/// A version that was told: its number among those of a history, or none in a store that compares
/// values.
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
    /// The text of the version in a store that compares values.
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

    /// What is there after an increment: a number, or why there is none.
    pub(super) fn sum(&self, delta: i64) -> keywell_store::Result<i64> {
        counter::add(self.value().map(str::as_bytes), delta)
    }

    /// Whether it can hold this value at this version; it then does.
    pub(super) fn admits(&mut self, value: &str, stamp: &Stamp) -> bool {
        self.value() == Some(value) && self.is_at(stamp)
    }

    /// Writes a value; false if its version was used before.
    pub(super) fn write(&mut self, value: &str, stamp: &Stamp) -> bool {
        self.clear();
        let version = match stamp {
            Stamp::Number(number) if self.spent.has(*number) => return false,
            Stamp::Number(number) => Version::Told(*number),
            Stamp::Value => Version::Value,
            Stamp::Unknown => Version::Open(Numbers::default()),
        };
        self.held = Some((value.to_owned(), version));
        true
    }

    pub(super) fn clear(&mut self) {
        if let Some((_, Version::Told(number))) = self.held.take() {
            self.spent.add(number);
        }
    }

    /// Whether a condition can hold; an open version then is the one compared.
    pub(super) fn meets(&mut self, condition: &Condition) -> bool {
        match condition {
            Condition::Absent => self.held.is_none(),
            Condition::At(number) => self.held.is_some() && self.is_at(&Stamp::Number(*number)),
            Condition::Value(text) => self.has_text(text),
        }
    }

    /// Whether a condition can fail to hold; an open version then is another.
    pub(super) fn fails(&mut self, condition: &Condition) -> bool {
        match condition {
            Condition::Absent => self.held.is_some(),
            Condition::Value(text) => !self.has_text(text),
            Condition::At(number) => match &mut self.held {
                Some((_, Version::Told(held))) => held != number,
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

    fn is_at(&mut self, stamp: &Stamp) -> bool {
        let (Some((_, version)), Stamp::Number(number)) = (&mut self.held, stamp) else {
            return true;
        };
        match version {
            Version::Told(told) => told == number,
            Version::Open(others) => {
                let free = !others.has(*number) && !self.spent.has(*number);
                if free {
                    *version = Version::Told(*number);
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
        // Never longer than the last number needs: equal sets are equal vectors.
        self.0.resize(self.0.len().max(word + 1), 0);
        self.0[word] |= 1 << (number % 64);
    }
}
