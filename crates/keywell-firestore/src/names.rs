//! What keys are called in Firestore.
//!
//! `projects/P/databases/D/documents/COLLECTION/BUCKET/COLLECTION/KEY`, where the id of the bucket
//! and that of the key are escaped, as an id can have no slash, be neither `.` nor `..`, and not
//! begin and end with two underscores. Escaped ids sort as what they stand for: `.` becomes `.0`
//! and `/` becomes `.1`; at the start, `^` becomes `^0` and `_` becomes `^1`. Between the
//! characters of each pair, there is no other.
//!
//! The collections of all buckets have one id, so one policy of times to live concerns all of them.

use keywell_store::BucketName;

/// The longest key, whose id has at most 1,500 bytes though each of its characters is escaped.
pub(crate) const KEY_BYTES: usize = 750;

/// The names of a bucket's keys.
#[derive(Debug)]
pub(crate) struct Names {
    /// The document of the bucket, which need not exist.
    pub(crate) parent: String,
    /// The id of the collection of its keys.
    pub(crate) collection: String,
    /// What the names of its keys begin with.
    prefix: String,
}

// === impl Names ===

impl Names {
    /// `documents` is `projects/P/databases/D/documents`.
    pub(crate) fn new(documents: &str, collection: &str, bucket: &BucketName) -> Self {
        let parent = format!("{documents}/{collection}/{}", escaped(bucket.as_str()));
        Self {
            prefix: format!("{parent}/{collection}/"),
            collection: collection.to_owned(),
            parent,
        }
    }

    /// The name of a key, which is not empty.
    pub(crate) fn name(&self, key: &str) -> String {
        self.name_of(&escaped(key))
    }

    /// The name of a document of the bucket by its id.
    pub(crate) fn name_of(&self, id: &str) -> String {
        format!("{}{id}", self.prefix)
    }

    /// The id at the end of a name of the bucket.
    pub(crate) fn id<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.prefix)
    }

    /// The key of a name; none for what another program wrote under an id of its own.
    pub(crate) fn key(&self, name: &str) -> Option<String> {
        let id = self.id(name)?;
        unescaped(id).filter(|key| !key.is_empty() && escaped(key) == id)
    }

    /// The ids of the keys that begin with this: from the first up to before the second, if there
    /// is an end. If it is empty, those of all keys.
    pub(crate) fn beginning_with(prefix: &str) -> (String, Option<String>) {
        let first = escaped(prefix);
        let behind = behind_all(&first);
        (first, behind)
    }
}

pub(crate) fn escaped(text: &str) -> String {
    let mut id = String::with_capacity(text.len() + 2);
    for (at, character) in text.char_indices() {
        match character {
            '.' => id.push_str(".0"),
            '/' => id.push_str(".1"),
            '^' if at == 0 => id.push_str("^0"),
            '_' if at == 0 => id.push_str("^1"),
            other => id.push(other),
        }
    }
    id
}

/// What an id stands for; the result is checked by escaping it.
pub(crate) fn unescaped(id: &str) -> Option<String> {
    let mut text = String::with_capacity(id.len());
    let mut characters = id.chars();
    let mut is_first = true;
    while let Some(character) = characters.next() {
        text.push(match character {
            '.' if characters.next()? == '0' => '.',
            '.' => '/',
            '^' if is_first && characters.next()? == '0' => '^',
            '^' if is_first => '_',
            other => other,
        });
        is_first = false;
    }
    Some(text)
}

/// The first id behind all that begin with this.
fn behind_all(id: &str) -> Option<String> {
    let mut characters: Vec<char> = id.chars().collect();
    while let Some(last) = characters.pop() {
        let next = match last {
            // A dot may not stand alone. None of ours is before this.
            '-' => return Some(characters.into_iter().chain(".0".chars()).collect()),
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: [&str; 24] = [
        ".",
        "..",
        "/",
        "_",
        "__",
        "____",
        "__a__",
        "^",
        "^0",
        "^1",
        "-",
        "-.",
        "--",
        ".0",
        ".1",
        "a/b",
        "a.b",
        "a_",
        "é",
        "\u{d7ff}",
        "\u{e000}",
        "\u{10ffff}",
        "\u{10ffff}a",
        "\0",
    ];

    fn names() -> Names {
        Names::new("d", "c", &BucketName::parse("b").unwrap())
    }

    /// Every key of up to three characters, of which some are escaped, and others are around those.
    fn keys() -> Vec<String> {
        let characters: Vec<char> = "-./0^_`a\u{10ffff}".chars().collect();
        let mut keys: Vec<String> = ODD.map(str::to_owned).into();
        let mut last = vec![String::new()];
        for _ in 0..3 {
            let longer = last
                .iter()
                .flat_map(|key| characters.iter().map(move |it| format!("{key}{it}")));
            last = longer.collect();
            keys.extend(last.iter().cloned());
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    #[test]
    fn every_key_has_an_id_that_firestore_takes_and_that_leads_back() {
        let names = names();
        for key in keys() {
            let id = escaped(&key);
            let is_reserved = id.starts_with("__") && id.ends_with("__");
            let is_taken = !id.contains('/') && id != "." && id != ".." && !is_reserved;
            assert!(is_taken, "{key:?}: {id:?}");
            assert_eq!(names.key(&names.name(&key)), Some(key));
        }
    }

    #[test]
    fn ids_sort_as_their_keys() {
        for pair in keys().windows(2) {
            assert!(escaped(&pair[0]) < escaped(&pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn a_range_has_the_keys_of_a_prefix_alone() {
        let keys = keys();
        for prefix in keys.iter().filter(|key| key.chars().count() < 3) {
            let (first, end) = Names::beginning_with(prefix);
            for key in &keys {
                let id = escaped(key);
                let is_in = id >= first && end.as_ref().is_none_or(|end| id < *end);
                assert_eq!(is_in, key.starts_with(prefix), "{prefix:?} {key:?}");
            }
        }
    }

    #[test]
    fn the_longest_key_has_an_id_of_1500_bytes() {
        for character in ["_", ".", "/", "a"] {
            let id = escaped(&format!("_{}", character.repeat(KEY_BYTES - 1)));
            assert!(id.len() <= 1500, "{}", id.len());
        }
    }

    #[test]
    fn what_another_program_wrote_under_its_own_id_is_no_key() {
        for id in ["a.b", "_a", "^", "^2", ".", "a.", "x/y/z", ""] {
            assert_eq!(names().key(&format!("d/c/b/c/{id}")), None, "{id}");
        }
        assert_eq!(names().key("d/c/other/c/k"), None);
    }
}
