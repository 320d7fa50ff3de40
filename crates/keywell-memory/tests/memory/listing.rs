use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use keywell_memory::MemoryStore;
use keywell_store::{Bucket, Cursor, Invalid, List, MAX_PAGE_BYTES, MAX_PAGE_KEYS};

use crate::support::{Random, bucket, invalid, list, now, open, page, set};

fn fill(bucket: &dyn Bucket, keys: impl IntoIterator<Item = String>) {
    for key in keys {
        set(bucket, &key, "");
    }
}

#[test]
fn keys_come_in_the_order_of_their_bytes() {
    let bucket = bucket();
    let mut keys = ["b", "a", "ä", "", "aa", "Z", "a\0", "🦀", "z"].map(str::to_owned);
    fill(&*bucket, keys.clone());
    keys.sort();
    for limit in [0, 1, 2, 3, 1000, usize::MAX] {
        assert_eq!(list(&*bucket, "", limit), keys, "pages of {limit}");
    }
}

#[test]
fn a_prefix_lists_what_begins_with_it() {
    let bucket = bucket();
    fill(
        &*bucket,
        ["a", "a/", "a/1", "a/2", "a0", "b", "*"].map(str::to_owned),
    );
    for limit in [1, 1000] {
        assert_eq!(list(&*bucket, "a/", limit), ["a/", "a/1", "a/2"]);
        assert_eq!(list(&*bucket, "a/1", limit), ["a/1"]);
        assert_eq!(list(&*bucket, "*", limit), ["*"]);
        assert!(list(&*bucket, "c", limit).is_empty());
    }
}

#[test]
fn two_hundred_thousand_keys_come_on_bounded_pages() {
    let bucket = bucket();
    let keys: BTreeSet<String> = (0..200_000).map(|n| format!("k{:x}", n * 7919)).collect();
    fill(&*bucket, keys.iter().cloned());
    let mut listed = Vec::new();
    let mut cursor = None;
    let mut pages = 0;
    loop {
        let page = page(&*bucket, "", cursor, usize::MAX);
        assert!(page.keys.len() <= MAX_PAGE_KEYS);
        listed.extend(page.keys);
        cursor = page.cursor;
        pages += 1;
        if cursor.is_none() {
            break;
        }
    }
    assert!(listed.into_iter().eq(keys));
    assert!(pages < 220, "{pages} pages, so some were short for nothing");
}

#[test]
fn a_page_is_bounded_in_bytes_but_has_room_for_one_key() {
    let bucket = bucket();
    let long = |n: usize| format!("{n:04}{}", "x".repeat(1020));
    fill(&*bucket, (0..600).map(long));
    let first = page(&*bucket, "", None, usize::MAX);
    assert_eq!(first.keys.len(), MAX_PAGE_BYTES / 1024);
    assert_eq!(list(&*bucket, "", usize::MAX).len(), 600);

    let huge = "9".repeat(MAX_PAGE_BYTES + 1);
    set(&*bucket, &huge, "");
    set(&*bucket, &format!("{huge}9"), "");
    let first = page(&*bucket, "99", None, usize::MAX);
    assert_eq!(first.keys, [huge]);
    assert_eq!(list(&*bucket, "99", usize::MAX).len(), 2);
}

#[test]
fn a_cursor_of_another_listing_or_bucket_is_refused() {
    let store = MemoryStore::new();
    let (here, there) = (open(&store, "here"), open(&store, "there"));
    fill(&*here, ["a1", "a2", "a3"].map(str::to_owned));
    let cursor = page(&*here, "a", None, 1).cursor;
    assert_eq!(page(&*here, "a", cursor.clone(), 9).keys, ["a2", "a3"]);
    let refused = |bucket: &dyn Bucket, prefix: &str, cursor: Option<Cursor>| {
        let prefix = prefix.to_owned();
        invalid(bucket.list(List {
            prefix,
            cursor,
            limit: 9,
            ..List::default()
        })) == Invalid::Cursor
    };
    assert!(refused(&*there, "a", cursor.clone()));
    assert!(refused(&*here, "", cursor.clone()));
    assert!(refused(&*here, "a1", cursor));
    for text in ["", "0", "a2"] {
        let forged = Some(Cursor::from(text.to_owned()));
        assert!(refused(&*here, "a", forged), "{text:?}");
    }
    let not_text = Some(Cursor::seal("memory/here", "a", b"a\xff"));
    assert!(refused(&*here, "a", not_text));
}

#[test]
fn a_cursor_outlives_the_key_it_stopped_at() {
    let bucket = bucket();
    fill(&*bucket, ["a", "b", "c"].map(str::to_owned));
    let cursor = page(&*bucket, "", None, 2).cursor;
    now(bucket.delete_many(&["a", "b"]));
    assert_eq!(page(&*bucket, "", cursor, 9).keys, ["c"]);
}

#[test]
fn keys_there_throughout_are_listed_once_whatever_is_written_meanwhile() {
    let bucket = bucket();
    let mut random = Random::seeded();
    let kept: Vec<String> = (0..3000).map(|n| format!("{:04}-kept", n * 3)).collect();
    fill(&*bucket, kept.iter().cloned());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            let (bucket, done, mut random) = (&*bucket, &done, random.split());
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let other = format!("{:04}-other", random.below(9000));
                    if random.below(2) == 0 {
                        set(bucket, &other, "");
                    } else {
                        now(bucket.delete(&other));
                    }
                    // An overwritten key stays listed once.
                    set(bucket, &kept_key(&mut random), "again");
                }
            });
        }
        for limit in [1000, 100, 37, 1000, 500] {
            let listed = list(&*bucket, "", limit);
            assert!(listed.is_sorted());
            let listed: Vec<_> = listed.into_iter().filter(|k| k.ends_with("kept")).collect();
            assert!(listed == kept, "pages of {limit}");
        }
        done.store(true, Ordering::Relaxed);
    });
}

fn kept_key(random: &mut Random) -> String {
    format!("{:04}-kept", random.below(3000) * 3)
}
