//! What has to hold of an item for a write to happen. A key whose time has ended is absent.

use std::collections::HashMap;

use bytes::Bytes;
use keywell_store::Expected;

use crate::item::{Attributes, ENDS, Item, KEY, VERSION, bytes, now, number};

/// The time of a key has not ended: it has none, or one that is later, or is no number.
pub(crate) const UNENDED: &str = "NOT (#ends <= :now)";

/// A condition on one item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// The key is absent.
    Absent,
    /// The key is there, at this version.
    At(Bytes),
    /// The time of the key has not ended. It holds of a key that never was.
    Unended,
}

// === impl Condition ===

impl Condition {
    /// That nothing changed since an item was read, or was not found.
    pub(crate) fn unchanged(found: Option<&Item>) -> Self {
        found.map_or(Self::Absent, |item| Self::At(item.version.clone()))
    }

    /// What a caller expects; `None` if it cannot be met by any version of this store's.
    pub(crate) fn expected(expected: &Expected) -> Option<Self> {
        match expected {
            Expected::Absent => Some(Self::Absent),
            // DynamoDB compares with no empty bytes that we wrote.
            Expected::At(version) => version.as_bytes().cloned().map(Self::At),
        }
    }

    /// Whether it holds of an item that was read, and whose time has not ended.
    pub(crate) fn stands(&self, found: Option<&Item>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::At(version) => found.is_some_and(|item| item.version == version),
            Self::Unended => true,
        }
    }

    pub(crate) fn expression(&self) -> &'static str {
        match self {
            Self::Absent => "attribute_not_exists(#key) OR #ends <= :now",
            Self::At(_) => "#version = :version AND NOT (#ends <= :now)",
            Self::Unended => UNENDED,
        }
    }

    pub(crate) fn names(&self) -> HashMap<String, String> {
        match self {
            Self::Absent => names(&[KEY, ENDS]),
            Self::At(_) => names(&[VERSION, ENDS]),
            Self::Unended => names(&[ENDS]),
        }
    }

    pub(crate) fn values(&self) -> Attributes {
        let mut values = Attributes::from([(":now".to_owned(), number(now()))]);
        if let Self::At(version) = self {
            values.insert(":version".to_owned(), bytes(version.clone()));
        }
        values
    }
}

/// Names of attributes in expressions: some are reserved words, so each is written with a `#`.
pub(crate) fn names(names: &[&str]) -> HashMap<String, String> {
    let each = names.iter();
    each.map(|name| (format!("#{name}"), (*name).to_owned()))
        .collect()
}
