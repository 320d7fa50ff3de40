//! Listings of more keys than fit a page, and cursors.

use std::collections::BTreeMap;

use crate::generation;
use crate::handle::Handle;
use crate::scratch::Scratch;
use crate::verdict::{Kept, holds, refused};

behaviours! { "paging":
    Must "store.bucket.list-keys" of_2500_keys_each_is_listed_once,
    Must "store.bucket.list-keys" a_listing_goes_on_where_its_page_ended,
    Must "store.bucket.list-keys" of_2500_keys_those_deleted_are_not_listed,
    May "store.bucket.list-keys" a_page_has_at_most_1000_keys,
    May "store.bucket.list-keys" a_cursor_answers_the_same_page_again,
    May "store.bucket.list-keys" a_cursor_serves_another_handle,
    May "store.bucket.list-keys" keys_there_throughout_are_listed_once_despite_writes,
    May "store.bucket.list-keys" a_forged_cursor_is_an_error,
}

const MANY: usize = 2500;
const BATCH: usize = 500;

fn of_2500_keys_each_is_listed_once(scratch: &Scratch) -> Kept {
    let bucket = filled(scratch)?;
    each_once(&bucket.keys()?, 0..MANY)
}

/// A host that answers all at once has no such place, and keeps the promise by that.
fn a_listing_goes_on_where_its_page_ended(scratch: &Scratch) -> Kept {
    let bucket = filled(scratch)?;
    let first = bucket.page(None)?;
    let Some(cursor) = first.cursor else {
        return each_once(&first.keys, 0..MANY);
    };
    let second = bucket.page(Some(&cursor))?;
    let again = second.keys.iter().find(|key| first.keys.contains(key));
    holds(
        again.is_none(),
        "the second page has no key of the first",
        || format!("{again:?} on both"),
    )
}

fn of_2500_keys_those_deleted_are_not_listed(scratch: &Scratch) -> Kept {
    let bucket = filled(scratch)?;
    let keys: Vec<_> = (0..MANY / 2).map(name).collect();
    for batch in keys.chunks(BATCH) {
        let batch: Vec<_> = batch.iter().map(String::as_str).collect();
        if bucket.delete_many(&batch).is_err() {
            batch.iter().try_for_each(|key| bucket.delete(key))?;
        }
    }
    each_once(&bucket.keys()?, MANY / 2..MANY)
}

fn a_page_has_at_most_1000_keys(scratch: &Scratch) -> Kept {
    let bucket = filled(scratch)?;
    let longest = bucket.pages()?.iter().map(|page| page.length).max();
    holds(
        longest <= Some(1000),
        "every page has at most 1000 keys",
        || format!("a page of {} keys", longest.unwrap_or(0)),
    )
}

fn a_cursor_answers_the_same_page_again(scratch: &Scratch) -> Kept {
    let bucket = filled(scratch)?;
    let cursor = bucket.page(None)?.cursor;
    let (first, again) = (
        bucket.page(cursor.as_ref())?.keys,
        bucket.page(cursor.as_ref())?.keys,
    );
    holds(
        first == again,
        "one cursor, asked twice, answers the same keys",
        || format!("{} keys, then {} others", first.len(), again.len()),
    )
}

fn a_cursor_serves_another_handle(scratch: &Scratch) -> Kept {
    let bucket = filled(scratch)?;
    let page = bucket.page(None)?;
    let (mut keys, mut cursor) = (page.keys, page.cursor);
    drop(bucket);
    while let Some(place) = cursor {
        let page = scratch.open()?.page(Some(&place))?;
        keys.extend(page.keys);
        cursor = page.cursor;
    }
    each_once(&keys, 0..MANY)
}

/// Between pages, keys before and after the place of the listing come and go.
fn keys_there_throughout_are_listed_once_despite_writes(scratch: &Scratch) -> Kept {
    let bucket = filled(scratch)?;
    let page = bucket.page(None)?;
    let (mut keys, mut cursor) = (page.keys, page.cursor);
    for round in 0.. {
        let Some(place) = cursor else { break };
        for key in [0, 999, 1000, 1500, MANY - 1] {
            bucket.set(&format!("{}-{round}", name(key)), "new")?;
            bucket.delete(&name(key))?;
        }
        let page = bucket.page(Some(&place))?;
        keys.extend(page.keys);
        cursor = page.cursor;
    }
    keys.retain(|key| !key.contains('-'));
    let untouched = (0..MANY).filter(|n| ![0, 999, 1000, 1500, MANY - 1].contains(n));
    let untouched: Vec<_> = untouched.collect();
    keys.retain(|key| {
        key.parse()
            .is_ok_and(|n: usize| untouched.binary_search(&n).is_ok())
    });
    each_once(&keys, untouched)
}

fn a_forged_cursor_is_an_error(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    bucket.set("tea", "green")?;
    let cursor = generation::forged_cursor();
    let answer = generation::list_keys(&bucket.bucket, Some(&cursor));
    refused(
        &format!("list-keys at the cursor {cursor:?}"),
        answer,
        |page| format!("{} keys", page.keys.len()),
    )
}

fn name(n: usize) -> String {
    format!("{n:05}")
}

/// The bucket with many keys, written in batches: one by one takes long on a store that waits for its disk. A host with small batches
/// or none is not to fail here for that.
fn filled(scratch: &Scratch) -> Kept<Handle<'_>> {
    let bucket = scratch.open()?;
    let keys: Vec<_> = (0..MANY).map(name).collect();
    for batch in keys.chunks(BATCH) {
        let entries: Vec<(&str, &[u8])> = batch.iter().map(|key| (&**key, &b"v"[..])).collect();
        if bucket.set_many(&entries).is_err() {
            entries
                .iter()
                .try_for_each(|(key, value)| bucket.set(key, value))?;
        }
    }
    Ok(bucket)
}

/// Reports the first key that is missing, and the first that came twice or was never written.
fn each_once(listed: &[String], expected: impl IntoIterator<Item = usize>) -> Kept {
    let mut counts = BTreeMap::new();
    for n in expected {
        counts.insert(name(n), 0);
    }
    let promised = format!("list-keys answers {} keys, each once", counts.len());
    for key in listed {
        let count = counts.get_mut(key);
        let fresh = count.is_some_and(|count| std::mem::replace(count, 1) == 0);
        holds(fresh, &promised, || {
            format!("{} keys, {key:?} unexpected or twice", listed.len())
        })?;
    }
    let missing = counts.iter().find(|&(_, &count)| count == 0);
    holds(missing.is_none(), &promised, || {
        let missing = missing.map(|(key, _)| key);
        format!("{} keys, without {missing:?}", listed.len())
    })
}
