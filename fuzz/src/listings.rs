use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use keywell_store::{Cursor, Error, Invalid, List, Page};

use crate::stores::{Pair, with_disk};

/// The most steps of one input, so that none takes long.
const STEPS: usize = 40;

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Set(Which, &'a str),
    Delete(Which, &'a str),
    List {
        which: Which,
        prefix: &'a str,
        limit: u8,
        from: From<'a>,
    },
}

/// Which of the two buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
enum Which {
    One,
    Other,
}

#[derive(Debug, Arbitrary)]
enum From<'a> {
    Start,
    /// One of the cursors that were handed out, counted from the last.
    Cursor(u8),
    /// That one, with a byte of its text taken out.
    Shortened(u8, u8),
    Forged(&'a str),
}

/// A cursor that was handed out, and what it is good for.
struct Handed {
    cursor: Cursor,
    which: Which,
    prefix: String,
    /// The last key listed before it; none if there was none.
    after: Option<String>,
}

/// Listings of both stores, with any prefix and any text for a cursor, beside a set of keys.
pub fn listings(data: &[u8]) {
    let Some(steps) = crate::input::read::<Vec<Step<'_>>>(data) else {
        return;
    };
    let steps = &steps[..steps.len().min(STEPS)];
    Listings::new(&Pair::memory()).run(steps);
    with_disk(|disk| {
        let mut listings = Listings::new(disk);
        listings.run(steps);
        let [one, other] = &listings.keys;
        disk.clear(one.union(other).map(String::as_str));
    });
}

/// The buckets and what is in them.
struct Listings<'a> {
    pair: &'a Pair,
    keys: [BTreeSet<String>; 2],
    handed: Vec<Handed>,
}

// === impl Listings ===

impl<'a> Listings<'a> {
    fn new(pair: &'a Pair) -> Self {
        Self {
            pair,
            keys: Default::default(),
            handed: Vec::new(),
        }
    }

    fn run(&mut self, steps: &[Step<'_>]) {
        for step in steps {
            match step {
                // Limits are a layer's affair; see `limits`.
                Step::Set(_, key) | Step::Delete(_, key) if !is_key(key) => {}
                Step::Set(which, key) => {
                    let set = self.pair.set(*which as usize, key, b"v");
                    set.expect("a key can be set");
                    self.keys[*which as usize].insert((*key).to_owned());
                }
                Step::Delete(which, key) => {
                    let deleted = self.pair.delete(*which as usize, key);
                    deleted.expect("a key can be deleted");
                    self.keys[*which as usize].remove(*key);
                }
                Step::List {
                    which,
                    prefix,
                    limit,
                    from,
                } => self.list(*which, prefix, usize::from(*limit), from),
            }
        }
    }

    fn list(&mut self, which: Which, prefix: &str, limit: usize, from: &From<'_>) {
        let cursor = self.cursor(from);
        let request = List {
            prefix: prefix.to_owned(),
            cursor: cursor.clone(),
            limit,
            ..List::default()
        };
        let answered = self.pair.list(which as usize, request);
        let known = |handed: &&Handed| {
            Some(&handed.cursor) == cursor.as_ref()
                && handed.which == which
                && handed.prefix == prefix
        };
        let after = match (&cursor, self.handed.iter().rev().find(known)) {
            (None, _) => None,
            (Some(_), Some(handed)) => handed.after.clone(),
            (Some(cursor), None) => {
                let is_refused = matches!(answered, Err(Error::Invalid(Invalid::Cursor)));
                assert!(is_refused, "{cursor:?} is answered {answered:?}");
                return;
            }
        };
        let page = answered.expect("a listing from a cursor of its own goes on");
        self.check(which, prefix, limit, after.as_deref(), &page);
        if let Some(cursor) = page.cursor {
            let after = page.keys.last().cloned().or(after);
            let prefix = prefix.to_owned();
            self.handed.push(Handed {
                cursor,
                which,
                prefix,
                after,
            });
        }
    }

    fn cursor(&self, from: &From<'_>) -> Option<Cursor> {
        let handed = |back: &u8| {
            let back = usize::from(*back) + 1;
            let at = self.handed.len().checked_sub(back)?;
            Some(self.handed[at].cursor.clone())
        };
        match from {
            From::Start => None,
            From::Cursor(back) => handed(back),
            From::Shortened(back, at) => {
                let mut text = String::from(handed(back)?);
                text.remove(usize::from(*at) % text.len());
                Some(Cursor::from(text))
            }
            From::Forged(text) => Some(Cursor::from((*text).to_owned())),
        }
    }

    /// A page has the next keys without a hole, and is the last only if there are no more.
    fn check(&self, which: Which, prefix: &str, limit: usize, after: Option<&str>, page: &Page) {
        let keys = self.keys[which as usize].iter().map(String::as_str);
        let is_left = |key: &&str| after.is_none_or(|after| *key > after);
        let left: Vec<&str> = keys
            .filter(|key| key.starts_with(prefix))
            .filter(is_left)
            .collect();
        assert!(page.keys.len() <= limit.max(1), "{page:?}, of {limit}");
        assert!(page.keys.len() <= left.len(), "{page:?}, of {left:?}");
        assert_eq!(page.keys, left[..page.keys.len()]);
        if page.cursor.is_none() {
            assert_eq!(page.keys.len(), left.len(), "{page:?}, of {left:?}");
        }
    }
}

fn is_key(key: &str) -> bool {
    (1..=1024).contains(&key.len())
}
