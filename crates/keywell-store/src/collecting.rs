use crate::{Answer, Bucket, Collect, Collected, Members};

/// Operations on lists and sets. Each is [`Unsupported`](crate::Error::Unsupported) in a store without
/// collections, and [`Invalid::Kind`](crate::Invalid::Kind) for a key that holds a value of another kind.
impl dyn Bucket + '_ {
    /// Appends an item to a list, and answers the list's length.
    pub fn push(&self, key: &str, item: &str) -> Answer<u64> {
        let (key, item) = (key.to_owned(), item.to_owned());
        let pushed = self.collect(Collect::Push { key, item });
        pushed.and_then(Collected::count)
    }

    /// The items of a list from one position to another; see [`Collect::Range`].
    pub fn range(&self, key: &str, start: i64, stop: i64) -> Answer<Vec<String>> {
        let items = self.collect(Collect::Range {
            key: key.to_owned(),
            start,
            stop,
            max: usize::MAX,
        });
        items.and_then(Collected::texts)
    }

    /// Deletes all items of a list that equal a text, and answers how many there were.
    pub fn delete_item(&self, key: &str, item: &str) -> Answer<u64> {
        let (key, item) = (key.to_owned(), item.to_owned());
        let deleted = self.collect(Collect::DeleteItem { key, item });
        deleted.and_then(Collected::count)
    }

    /// Deletes a list or a set, and answers how many texts it had.
    pub fn clear(&self, key: &str) -> Answer<u64> {
        let cleared = self.collect(Collect::Clear {
            key: key.to_owned(),
        });
        cleared.and_then(Collected::count)
    }

    /// Adds a member to a set, and answers whether it is new to it.
    pub fn set_add(&self, key: &str, member: &str) -> Answer<bool> {
        let (key, member) = (key.to_owned(), member.to_owned());
        let added = self.collect(Collect::Add { key, member });
        added.and_then(Collected::changed)
    }

    /// Removes a member from a set, and answers whether it was there.
    pub fn set_remove(&self, key: &str, member: &str) -> Answer<bool> {
        let (key, member) = (key.to_owned(), member.to_owned());
        let removed = self.collect(Collect::Remove { key, member });
        removed.and_then(Collected::changed)
    }

    /// The members of a set, in the order of their bytes.
    pub fn set_query(&self, key: &str) -> Answer<Vec<String>> {
        self.set_union(&[key])
    }

    /// The members that are in one of several sets, in the order of their bytes.
    pub fn set_union(&self, keys: &[&str]) -> Answer<Vec<String>> {
        self.members(keys, Members::Union)
    }

    /// The members that are in each of several sets, in the order of their bytes.
    pub fn set_intersection(&self, keys: &[&str]) -> Answer<Vec<String>> {
        self.members(keys, Members::Intersection)
    }

    fn members(&self, keys: &[&str], of: Members) -> Answer<Vec<String>> {
        let members = self.collect(Collect::Members {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            of,
            max: usize::MAX,
        });
        members.and_then(Collected::texts)
    }
}
