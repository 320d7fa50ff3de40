//! Listings.

use crate::keywell::keyvalue::store::Error;
use crate::scratch::Scratch;
use crate::verdict::{Kept, answered, holds, refused, same};

behaviours! { "pages":
    Must "store.bucket.list" only_keys_that_begin_with_the_prefix_are_listed,
    Must "store.bucket.list" each_key_is_listed_once_over_pages,
    Must "store.bucket.list" a_page_has_at_most_as_many_keys_as_asked,
    Must "store.bucket.list" entries_come_if_they_are_asked_for,
    Must "store.bucket.list" entries_come_on_every_page,
    Must "store.bucket.list" a_forged_cursor_is_invalid,
    Must "store.bucket.list" a_cursor_of_another_prefix_is_invalid,
    May "store.bucket.list" keys_come_in_the_order_of_their_bytes,
}

fn only_keys_that_begin_with_the_prefix_are_listed(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for key in ["tea/black", "tea/green", "tea", "coffee/tea/"] {
        bucket.set(key, "cup")?;
    }
    let mut keys = bucket.keys("tea/", 100)?;
    keys.sort_unstable();
    same(
        "list",
        &keys,
        &vec!["tea/black".to_owned(), "tea/green".into()],
    )
}

fn each_key_is_listed_once_over_pages(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let expected: Vec<String> = (10..40).map(|number| format!("k{number}")).collect();
    for key in &expected {
        bucket.set(key, "v")?;
    }
    let mut keys = bucket.keys("", 7)?;
    keys.sort_unstable();
    same("all pages", &keys, &expected)
}

fn a_page_has_at_most_as_many_keys_as_asked(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for key in ["a", "b", "c"] {
        bucket.set(key, "v")?;
    }
    bucket.keys("", 1).map(drop)
}

fn entries_come_if_they_are_asked_for(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    let version = bucket.set("tea", "green")?;
    for values in [true, false] {
        let page = answered("list", bucket.page("", None, values, None))?;
        let entries: Vec<_> = page.items.into_iter().map(|item| item.entry).collect();
        let [entry] = &entries[..] else {
            return holds(false, "one key is listed", || format!("{entries:?}"));
        };
        let entry = entry
            .as_ref()
            .map(|entry| (entry.value.clone(), entry.version.clone()));
        let expected = values.then(|| (b"green".to_vec(), version.clone()));
        same("the entry", &entry, &expected)?;
    }
    Ok(())
}

fn entries_come_on_every_page(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for key in ["a", "b", "c", "d", "e"] {
        bucket.set(key, key)?;
    }
    let (mut cursor, mut found) = (None, 0);
    loop {
        let page = answered("list", bucket.page("", Some(2), true, cursor))?;
        for item in page.items {
            let value = item.entry.map(|entry| entry.value);
            let is_own = value
                .as_ref()
                .is_some_and(|value| item.key.as_bytes().ends_with(value));
            holds(is_own, "each key comes with its value", || {
                format!("{:?} with {value:?}", item.key)
            })?;
            found += 1;
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return same("the number of entries", &found, &5);
        }
    }
}

fn a_forged_cursor_is_invalid(scratch: &Scratch) -> Kept {
    let page = scratch.open()?.page("", None, false, Some("forged".into()));
    refused("list at a forged cursor", page, "invalid-cursor", |error| {
        matches!(error, Error::InvalidCursor)
    })
}

fn a_cursor_of_another_prefix_is_invalid(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for key in ["tea/1", "tea/2", "tea/3"] {
        bucket.set(key, "v")?;
    }
    let page = answered("list", bucket.page("tea/", Some(1), false, None))?;
    holds(
        page.cursor.is_some(),
        "a page of 1 of 3 keys has a cursor",
        || "none".into(),
    )?;
    let page = bucket.page("milk/", Some(1), false, page.cursor);
    refused(
        "list at the cursor of another prefix",
        page,
        "invalid-cursor",
        |error| matches!(error, Error::InvalidCursor),
    )
}

fn keys_come_in_the_order_of_their_bytes(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?;
    for key in ["b", "a", "é", "Z", "10", "2"] {
        bucket.set(key, "v")?;
    }
    let expected = ["10", "2", "Z", "a", "b", "é"].map(str::to_owned);
    same("list", &bucket.keys("", 4)?, &expected.into())
}
