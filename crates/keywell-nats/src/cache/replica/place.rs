//! Where the elements of lists and sets are: each under a key of its own, so that a list is
//! compared, sent and repaired in parts, however long it is.
//!
//! Such a key is a mark, the length of the key that the collection has, that key, and the element's
//! place: of an item its stamp, so that keys are in the order of the list; of a member the hash of
//! its text. Members of one hash share a key.

use super::clock::Stamp;
use super::hash::Fingerprint;

/// What the keys of all elements of one collection begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head(String);

/// The kinds of collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    List,
    Set,
}

/// Begins the keys of items. No key of a value begins so: it has the name of a bucket first.
const LIST: char = '\u{1}';
/// Begins the keys of members.
const SET: char = '\u{2}';
/// Behind the keys of all elements, and before those of values.
pub(crate) const BEHIND: &str = "\u{3}";
/// How many digits a length has.
const DIGITS: usize = 8;

// === impl Head ===

impl Head {
    /// That of the list under a key.
    pub(crate) fn of_list(key: &str) -> Self {
        Self(format!("{LIST}{:0DIGITS$x}{key}", key.len()))
    }

    /// That of the set under a key.
    pub(crate) fn of_set(key: &str) -> Self {
        Self(format!("{SET}{:0DIGITS$x}{key}", key.len()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of an item.
    pub(crate) fn item(&self, stamp: Stamp) -> String {
        let Self(head) = self;
        let (micros, origin) = (stamp.micros, stamp.origin);
        format!(
            "{head}{micros:016x}{:016x}{:016x}",
            origin.node, origin.incarnation
        )
    }

    /// The key of a member.
    pub(crate) fn member(&self, text: &str) -> String {
        let Self(head) = self;
        format!("{head}{:016x}", Fingerprint::of(text.as_bytes()).finish())
    }
}

/// The collection of an element, by the element's key, and the key that the collection has; none for
/// the key of a value.
pub(crate) fn collection(element: &str) -> Option<(Of, &str)> {
    let (of, rest) = match (element.strip_prefix(LIST), element.strip_prefix(SET)) {
        (Some(rest), _) => (Of::List, rest),
        (_, Some(rest)) => (Of::Set, rest),
        _ => return None,
    };
    let length = usize::from_str_radix(rest.get(..DIGITS)?, 16).ok()?;
    Some((of, rest.get(DIGITS..)?.get(..length)?))
}

#[cfg(test)]
mod tests {
    use super::super::origin::Origin;
    use super::*;

    fn stamp(micros: u64, node: u64) -> Stamp {
        let origin = Origin {
            node,
            incarnation: 1,
        };
        Stamp { micros, origin }
    }

    #[test]
    fn an_element_leads_back_to_its_collection() {
        for key in ["b\0k", "b\0", "b\0\u{1}00000001x", "b\0🗝"] {
            let item = Head::of_list(key).item(stamp(5, 1));
            assert_eq!(collection(&item), Some((Of::List, key)));
            for member in ["text", ""] {
                let member = Head::of_set(key).member(member);
                assert_eq!(collection(&member), Some((Of::Set, key)));
            }
            assert_eq!(collection(key), None);
        }
        for foreign in [
            "\u{1}",
            "\u{1}zzzzzzzz",
            "\u{1}ffffffffb\0k",
            "\u{1}000000🗝",
        ] {
            assert_eq!(collection(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn items_are_in_the_order_of_their_stamps() {
        let head = Head::of_list("b\0k");
        let stamps = [stamp(9, 2), stamp(10, 1), stamp(10, 2), stamp(255, 0)];
        assert!(stamps.map(|stamp| head.item(stamp)).is_sorted());
    }
}
