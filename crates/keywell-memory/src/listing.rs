use std::ops::Bound;
use std::sync::Arc;

use keywell_store::{Cursor, Error, Invalid, List, Page, Result};

use crate::clock::Clock;
use crate::key::STRIPES;
use crate::stripes::Stripes;

/// A page of a bucket's keys, in the order of their bytes.
///
/// Reads a run of keys from each stripe in turn, so each stripe is locked only for its run. The keys up
/// to the smallest end of a run are complete: such a key is in the run of its stripe, or did not exist
/// when that was read. These keys form the page.
pub(crate) fn page(stripes: &Stripes, clock: &Clock, scope: &str, request: &List) -> Result<Page> {
    let prefix = &*request.prefix;
    let position = match &request.cursor {
        Some(cursor) => Some(text(cursor.position(scope, prefix)?)?),
        None => None,
    };
    let after = match &position {
        Some(position) => Bound::Excluded(&**position),
        None => Bound::Included(prefix),
    };
    let most = request.page_keys();

    let now = clock.now();
    // Twice the average share of a stripe, and a few more for short pages, whose shares vary most.
    let share = (most / (STRIPES / 2) + 4).min(most);
    let mut keys: Vec<Arc<str>> = Vec::with_capacity(most.min(128));
    let mut complete: Option<Arc<str>> = None;
    for stripe in stripes.iter() {
        let end = stripe.read().run(after, prefix, share, now, &mut keys);
        complete = match (complete, end) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    if let Some(complete) = &complete {
        keys.retain(|key| key <= complete);
    }
    // A stable sort detects the sorted runs, and merges them.
    keys.sort();
    let fitting = request.room(&keys);
    let end = if fitting < keys.len() {
        Some(&*keys[fitting - 1])
    } else {
        complete.as_deref()
    };
    Ok(Page {
        cursor: end.map(|key| Cursor::seal(scope, prefix, key.as_bytes())),
        keys: keys[..fitting]
            .iter()
            .map(|key| String::from(&**key))
            .collect(),
        entries: Vec::new(),
    })
}

fn text(position: Vec<u8>) -> Result<String> {
    String::from_utf8(position).map_err(|_| Error::Invalid(Invalid::Cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::HashedKey;

    fn put(stripes: &Stripes, key: HashedKey<'_>) {
        let mut stripe = stripes.of(key).write();
        stripe.put(key, "".into(), None, |_, _| 1);
    }

    #[test]
    fn many_keys_in_one_stripe_are_listed_in_order() {
        let stripes = Stripes::default();
        let crowded = stripes.of(stripes.hashed("the crowded one"));
        let mut keys = Vec::new();
        for number in 0..20_000 {
            let key = format!("a{number:05}");
            let hashed = stripes.hashed(&key);
            if std::ptr::eq(stripes.of(hashed), crowded) {
                put(&stripes, hashed);
                keys.push(key);
            }
        }
        assert!(keys.len() > 100);
        for number in 0..100 {
            let key = format!("b{number:02}");
            put(&stripes, stripes.hashed(&key));
            keys.push(key);
        }

        let mut listed = Vec::new();
        let mut request = List {
            limit: 20,
            ..List::default()
        };
        loop {
            let page = page(&stripes, &Clock::default(), "memory/b", &request).unwrap();
            listed.extend(page.keys);
            request.cursor = page.cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(listed, keys);
    }
}
