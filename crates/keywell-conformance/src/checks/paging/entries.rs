//! Pages that carry the entries of their keys.

use std::time::Duration;

use bytes::Bytes;
use keywell_store::{Expires, List, Page, Set};

use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Handle, Scratch, fill, set_all, set_for};

/// All pages of a listing.
async fn pages(bucket: &Handle, mut request: List) -> Result<Vec<Page>, Failure> {
    let mut pages = Vec::new();
    // Each page of these listings has a key, so a listing that does not end has too many.
    while pages.len() < 1000 {
        let page = bucket.list(request.clone()).await?;
        let cursor = page.cursor.clone();
        pages.push(page);
        if cursor.is_none() {
            return Ok(pages);
        }
        request.cursor = cursor;
    }
    Err(Failure::new("a thousand pages", "a listing ends"))
}

pub(crate) async fn a_page_carries_entries_that_are_asked_for(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let keeps_times = bucket.capabilities().ttl;
    fill(&bucket, &["p/1", "p/2", "p/3", "q/1"]).await?;
    bucket.set("p/empty", Bytes::new(), Set::default()).await?;
    let hour = Duration::from_hours(1);
    if keeps_times {
        set_for(&bucket, "p/2", "again", hour).await?;
    }
    for values in [None, Some(usize::MAX)] {
        for limit in [1, 2, 100] {
            let request = List {
                prefix: "p/".into(),
                limit,
                values,
                ..List::default()
            };
            let mut listed = Vec::new();
            for page in pages(&bucket, request).await? {
                let expected = values.map_or(0, |_| page.keys.len());
                let promise = "a page carries an entry for each key if asked to, and else none";
                same(page.entries.len(), expected, promise)?;
                holds(
                    page.keys.len() <= limit,
                    &page.keys,
                    "a page keeps to its limit",
                )?;
                for (key, entry) in page.keys.iter().zip(&page.entries) {
                    let read = bucket.get(key).await?;
                    let read = read.map(|read| (read.value, read.version));
                    let carried = (entry.value.clone(), entry.version.clone());
                    let promise = "a page carries the value and the version that get reads";
                    same(Some(carried), read, promise)?;
                    let expires = match entry.expires {
                        Expires::In(left) => key == "p/2" && left <= hour && left > hour / 2,
                        Expires::Never => key != "p/2" || !keeps_times,
                        Expires::Unread => false,
                    };
                    let promise = "a page carries what is left of times to live";
                    holds(expires, (key, entry.expires), promise)?;
                }
                listed.extend(page.keys);
            }
            listed.sort_unstable();
            let expected = ["p/1", "p/2", "p/3", "p/empty"].map(String::from);
            same(listed, expected.to_vec(), "each key is listed once")?;
        }
    }
    Ok(())
}

pub(crate) async fn a_page_with_entries_is_bounded_in_bytes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let size = bucket.capabilities().value_bytes.min(1000);
    let keys: Vec<String> = (0..40).map(|n| format!("k{n:02}")).collect();
    // Small values between large ones.
    let value = |at: usize| {
        Bytes::from(vec![
            b'v';
            if at.is_multiple_of(3) {
                size / 10
            } else {
                size
            }
        ])
    };
    let entries = keys.iter().enumerate();
    let entries = entries.map(|(at, key)| (key.as_str(), value(at)));
    set_all(&bucket, entries).await?;
    for max in [0, size, size * 5 / 2, size * 7] {
        let request = List {
            values: Some(max),
            ..List::default()
        };
        let mut listed = Vec::new();
        for page in pages(&bucket, request).await? {
            same(
                page.entries.len(),
                page.keys.len(),
                "each key has its entry",
            )?;
            let bytes: usize = page.entries.iter().map(|entry| entry.value.len()).sum();
            let fits = bytes <= max || page.keys.len() == 1;
            let promise = "a page holds no more bytes of values than asked for, or one entry";
            holds(fits, (page.keys.len(), bytes), promise)?;
            listed.extend(page.keys);
        }
        listed.sort_unstable();
        same(
            &listed,
            &keys,
            "each key is listed once, however short the pages",
        )?;
    }
    Ok(())
}
