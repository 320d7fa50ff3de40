use std::collections::BTreeMap;
use std::ops::Bound;

use super::place::{self, Of};

/// How many entries the list and the set of each key have.
#[derive(Debug, Default)]
pub(crate) struct Sizes(BTreeMap<Box<str>, Size>);

/// How many entries a key has besides its own. Members of one hash share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) items: usize,
    pub(crate) members: usize,
}

// === impl Sizes ===

impl Sizes {
    /// Counts an entry that is there from now on, if it is one of an element.
    pub(crate) fn add(&mut self, entry: &str) {
        let Some((of, key)) = place::collection(entry) else {
            return;
        };
        match self.0.get_mut(key) {
            Some(size) => *size.of(of) += 1,
            None => *self.0.entry(key.into()).or_default().of(of) += 1,
        }
    }

    /// Discounts an entry that was counted.
    pub(crate) fn remove(&mut self, entry: &str) {
        let Some((of, key)) = place::collection(entry) else {
            return;
        };
        let Some(size) = self.0.get_mut(key) else {
            return;
        };
        *size.of(of) -= 1;
        if *size == Size::default() {
            self.0.remove(key);
        }
    }

    pub(crate) fn get(&self, key: &str) -> Size {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// The keys that begin with a prefix and have a list or a set, in order, behind a key if one is
    /// given.
    pub(crate) fn behind_key<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = &'a str> {
        let from = match after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        let keys = self.0.range::<str, _>((from, Bound::Unbounded));
        keys.map(|(key, _)| &**key)
            .take_while(move |key| key.starts_with(prefix))
    }
}

// === impl Size ===

impl Size {
    fn of(&mut self, of: Of) -> &mut usize {
        match of {
            Of::List => &mut self.items,
            Of::Set => &mut self.members,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::Head;
    use super::*;

    #[test]
    fn a_key_is_counted_while_it_has_elements() {
        let mut sizes = Sizes::default();
        let (one, two) = (
            Head::of_set("b\0k").member("1"),
            Head::of_set("b\0k").member("2"),
        );
        for entry in [&one, &two, &Head::of_set("b\0l").member("1")] {
            sizes.add(entry);
        }
        sizes.add("b\0value");
        assert_eq!(
            sizes.get("b\0k"),
            Size {
                items: 0,
                members: 2
            }
        );
        assert!(sizes.behind_key("b\0", None).eq(["b\0k", "b\0l"]));
        assert!(sizes.behind_key("b\0", Some("b\0k")).eq(["b\0l"]));
        sizes.remove(&one);
        sizes.remove(&two);
        sizes.remove("b\0value");
        assert_eq!(sizes.get("b\0k"), Size::default());
        assert!(sizes.behind_key("b\0", None).eq(["b\0l"]));
    }
}
