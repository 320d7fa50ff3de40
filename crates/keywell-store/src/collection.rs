//! Lists and sets of texts under keys, beside values.

use crate::{Error, Failure, Result};

/// An operation on a list or on a set, for [`Bucket::collect`](crate::Bucket::collect).
///
/// A key without an entry is an empty list and an empty set: it reads as no texts, and the first
/// text makes it. A list or a set that loses its last text is gone. Items and members may be empty
/// texts, and are as large as values may be.
///
/// Positions and answers are those of the contract `wasmcloud:keyvalue` over Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Collect {
    /// Appends an item to a list. Answers the [length](Collected::Count) of the list.
    Push {
        /// The list.
        key: String,
        /// The item; a list may have it already.
        item: String,
    },
    /// Reads the items from one position to another, both included. Answers the
    /// [items](Collected::Texts), in order.
    Range {
        /// The list.
        key: String,
        /// The first position, from 0. A negative one counts from the end: -1 is the last item. One
        /// before the list is its beginning.
        start: i64,
        /// The last position, counted in the same way. One behind the list is its end.
        stop: i64,
        /// How many bytes the caller can hold; see [`Collect::bytes_of`].
        max: usize,
    },
    /// Deletes all items of a list that equal a text. Answers [how many](Collected::Count) there
    /// were.
    DeleteItem {
        /// The list.
        key: String,
        /// The text.
        item: String,
    },
    /// Deletes a list or a set with all that is in it. Answers [how many](Collected::Count) texts
    /// it had.
    Clear {
        /// The list or the set.
        key: String,
    },
    /// Adds a member to a set. Answers [whether it is new](Collected::Changed) to it.
    Add {
        /// The set.
        key: String,
        /// The member.
        member: String,
    },
    /// Removes a member from a set. Answers [whether it was there](Collected::Changed).
    Remove {
        /// The set.
        key: String,
        /// The member.
        member: String,
    },
    /// Reads the members of sets, each once and in the order of their bytes. Answers the
    /// [members](Collected::Texts).
    Members {
        /// The sets. None of them have no members.
        keys: Vec<String>,
        /// Which members.
        of: Members,
        /// How many bytes the caller can hold; see [`Collect::bytes_of`].
        max: usize,
    },
}

/// Which members of several sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Members {
    /// Those that are in one of the sets.
    Union,
    /// Those that are in each of the sets.
    Intersection,
}

/// What an operation on a list or a set answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Collected {
    /// How many.
    Count(u64),
    /// Whether the set is another one now.
    Changed(bool),
    /// Items or members.
    Texts(Vec<String>),
}

// === impl Collect ===

impl Collect {
    /// Whether it may change something.
    pub fn writes(&self) -> bool {
        match self {
            Self::Push { .. }
            | Self::DeleteItem { .. }
            | Self::Clear { .. }
            | Self::Add { .. }
            | Self::Remove { .. } => true,
            Self::Range { .. } | Self::Members { .. } => false,
        }
    }

    /// The keys that it names.
    pub fn keys(&self) -> &[String] {
        match self {
            Self::Push { key, .. }
            | Self::Range { key, .. }
            | Self::DeleteItem { key, .. }
            | Self::Clear { key }
            | Self::Add { key, .. }
            | Self::Remove { key, .. } => std::slice::from_ref(key),
            Self::Members { keys, .. } => keys,
        }
    }

    /// The keys that it names, to change them.
    pub fn keys_mut(&mut self) -> &mut [String] {
        match self {
            Self::Push { key, .. }
            | Self::Range { key, .. }
            | Self::DeleteItem { key, .. }
            | Self::Clear { key }
            | Self::Add { key, .. }
            | Self::Remove { key, .. } => std::slice::from_mut(key),
            Self::Members { keys, .. } => keys,
        }
    }

    /// The item or member that it names.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Push { item: text, .. }
            | Self::DeleteItem { item: text, .. }
            | Self::Add { member: text, .. }
            | Self::Remove { member: text, .. } => Some(text),
            Self::Range { .. } | Self::Clear { .. } | Self::Members { .. } => None,
        }
    }

    /// The same operation for a caller that can hold at most so many bytes.
    #[must_use]
    pub fn within(mut self, most: usize) -> Self {
        if let Self::Range { max, .. } | Self::Members { max, .. } = &mut self {
            *max = most.min(*max);
        }
        self
    }

    /// What a text counts among the bytes that a caller can hold: its own, and 16 for the pointer
    /// and the length with which a component holds it.
    pub fn bytes_of(text: &str) -> usize {
        text.len() + 16
    }
}

// === impl Collected ===

impl Collected {
    /// The count.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where the store answered something else.
    pub fn count(self) -> Result<u64> {
        match self {
            Self::Count(count) => Ok(count),
            other => Err(other.is_wrong()),
        }
    }

    /// Whether something changed.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where the store answered something else.
    pub fn changed(self) -> Result<bool> {
        match self {
            Self::Changed(changed) => Ok(changed),
            other => Err(other.is_wrong()),
        }
    }

    /// The items or members.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where the store answered something else.
    pub fn texts(self) -> Result<Vec<String>> {
        match self {
            Self::Texts(texts) => Ok(texts),
            other => Err(other.is_wrong()),
        }
    }

    #[cold]
    fn is_wrong(&self) -> Error {
        let what = match self {
            Self::Count(_) => "a count",
            Self::Changed(_) => "whether something changed",
            Self::Texts(_) => "texts",
        };
        let what = format!("the store answered {what} to an operation that has another answer");
        Error::Internal(Failure::new(what))
    }
}

/// The positions of a list of this length that a [range](Collect::Range) names: the first, and how
/// many.
pub fn positions(length: usize, start: i64, stop: i64) -> (usize, usize) {
    let from_start = |position: i64| match usize::try_from(position) {
        Ok(position) => Some(position),
        Err(_) => usize::try_from(position.unsigned_abs())
            .ok()
            .and_then(|behind| length.checked_sub(behind)),
    };
    let first = from_start(start).unwrap_or(0);
    let behind = match from_start(stop) {
        Some(stop) => stop.saturating_add(1).min(length),
        None if stop < 0 => 0,
        None => length,
    };
    (first, behind.saturating_sub(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_counts_from_both_ends_and_includes_both() {
        let cases = [
            ((0, 10), (0, 5)),
            ((0, -1), (0, 5)),
            ((1, 3), (1, 3)),
            ((-2, -1), (3, 2)),
            ((-9, 1), (0, 2)),
            ((0, -5), (0, 1)),
            ((0, -6), (0, 0)),
            ((3, 2), (3, 0)),
            ((5, 9), (5, 0)),
            ((i64::MIN, i64::MAX), (0, 5)),
            ((i64::MAX, i64::MIN), (usize::MAX >> 1, 0)),
        ];
        for ((start, stop), expected) in cases {
            assert_eq!(positions(5, start, stop), expected, "{start} to {stop}");
        }
        assert_eq!(positions(0, 0, -1), (0, 0));
    }

    #[test]
    fn an_answer_of_another_kind_is_a_defect_of_the_store() {
        let texts = Collected::Texts(Vec::new());
        assert!(matches!(texts.count(), Err(Error::Internal(_))));
    }
}
