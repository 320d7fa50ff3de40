use std::collections::BTreeSet;

use bytes::Bytes;
use keywell_store::{
    Bucket, Cursor, Error, Invalid, List, MAX_PAGE_BYTES, MAX_PAGE_KEYS, Page, Set,
};

use crate::support::{Scratch, set};

fn request(prefix: &str, cursor: Option<Cursor>, limit: usize) -> List {
    List {
        prefix: prefix.to_owned(),
        cursor,
        limit,
        ..List::default()
    }
}

async fn pages(bucket: &dyn Bucket, prefix: &str, limit: usize) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    loop {
        let cursor = pages.last().and_then(|page| page.cursor.clone());
        if !pages.is_empty() && cursor.is_none() {
            return pages;
        }
        let page = bucket.list(request(prefix, cursor, limit)).await;
        pages.push(page.unwrap());
    }
}

async fn fill(bucket: &dyn Bucket, keys: &[String]) {
    for keys in keys.chunks(1000) {
        let entries = keys.iter().map(|key| (&key[..], Bytes::new())).collect();
        bucket.set_many(entries).await.unwrap();
    }
}

#[tokio::test]
async fn keys_are_listed_in_order_a_page_at_a_time() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    fill(&*scratch.bucket("a").await, &["a".to_owned()]).await;
    fill(&*scratch.bucket("c").await, &["c".to_owned()]).await;
    let keys: Vec<String> = (0..25).map(|i| format!("k{i:02}")).collect();
    fill(&*bucket, &keys).await;
    for limit in [1, 5, 7, 24, 25, 26] {
        let pages = pages(&*bucket, "", limit).await;
        assert_eq!(pages.len(), 25usize.div_ceil(limit), "no page is wasted");
        assert!(pages.iter().all(|page| page.keys.len() <= limit));
        let listed: Vec<_> = pages.into_iter().flat_map(|page| page.keys).collect();
        assert_eq!(listed, keys);
    }
}

#[tokio::test]
async fn only_the_keys_of_the_prefix_are_listed() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let keys = ["a", "a*", "ab", "b", "ё", "\u{10ffff}", "\u{10ffff}x"];
    fill(&*bucket, &keys.map(str::to_owned)).await;
    for (prefix, expected) in [
        ("a", &["a", "a*", "ab"][..]),
        ("a*", &["a*"]),
        ("ac", &[]),
        ("\u{10ffff}", &["\u{10ffff}", "\u{10ffff}x"]),
    ] {
        let page = bucket.list(request(prefix, None, 10)).await.unwrap();
        assert_eq!(page.keys, expected);
        assert_eq!(page.cursor, None);
    }
    let unknown = scratch.bucket("unknown").await;
    let page = unknown.list(List::default()).await.unwrap();
    assert_eq!(page, Page::default());
}

#[tokio::test]
async fn a_page_is_bounded_by_keys_and_by_bytes() {
    let scratch = Scratch::new();
    let many = scratch.bucket("many").await;
    let keys: Vec<String> = (0..=MAX_PAGE_KEYS).map(|i| format!("{i:04}")).collect();
    fill(&*many, &keys).await;
    let page = many.list(request("", None, usize::MAX)).await.unwrap();
    assert_eq!(page.keys.len(), MAX_PAGE_KEYS);
    let page = many.list(request("", None, 0)).await.unwrap();
    assert_eq!(page.keys.len(), 1);
    let long = scratch.bucket("long").await;
    let keys: Vec<String> = (0..9)
        .map(|i| format!("{i}{}", "k".repeat(60_000)))
        .collect();
    fill(&*long, &keys).await;
    let pages = pages(&*long, "", 1000).await;
    let bytes = |page: &Page| page.keys.iter().map(String::len).sum::<usize>();
    assert!(pages.iter().all(|page| bytes(page) <= MAX_PAGE_BYTES));
    assert_eq!(pages.len(), 3);
    let listed: Vec<_> = pages.into_iter().flat_map(|page| page.keys).collect();
    assert_eq!(listed, keys);
}

#[tokio::test]
async fn large_values_make_pages_short() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let value = Bytes::from(vec![7; 1_500_000]);
    for key in ["a", "b", "c", "d"] {
        bucket
            .set(key, value.clone(), Set::default())
            .await
            .unwrap();
    }
    let pages = pages(&*bucket, "", 1000).await;
    assert!(pages.len() > 1);
    let listed: Vec<_> = pages.into_iter().flat_map(|page| page.keys).collect();
    assert_eq!(listed, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_cursor_of_another_bucket_or_listing_is_refused() {
    let mut scratch = Scratch::new();
    let keys: Vec<String> = (0..5).map(|i| format!("k{i}")).collect();
    let bucket = scratch.bucket("b").await;
    fill(&*bucket, &keys).await;
    fill(&*scratch.bucket("other").await, &keys).await;
    let page = bucket.list(request("k", None, 2)).await.unwrap();
    let cursor = page.cursor.unwrap();
    scratch = scratch.reopen().await;
    for (name, prefix) in [("other", "k"), ("b", ""), ("unknown", "k")] {
        let bucket = scratch.bucket(name).await;
        let answer = bucket.list(request(prefix, Some(cursor.clone()), 2)).await;
        assert!(matches!(answer, Err(Error::Invalid(Invalid::Cursor))));
    }
    let forged = Some(Cursor::from("forged".to_owned()));
    let bucket = scratch.bucket("b").await;
    let answer = bucket.list(request("k", forged, 2)).await;
    assert!(matches!(answer, Err(Error::Invalid(Invalid::Cursor))));
    let page = bucket.list(request("k", Some(cursor), 2)).await.unwrap();
    assert_eq!(page.keys, ["k2", "k3"], "a good one survives a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_is_listed_once_whatever_is_written_meanwhile() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let stay: BTreeSet<String> = (0..200).map(|i| format!("k{i:03}")).collect();
    let keys: Vec<String> = stay.iter().cloned().collect();
    fill(&*bucket, &keys).await;
    let writer = tokio::spawn({
        let bucket = bucket.clone();
        async move {
            for i in 0..150 {
                let key = format!("k{:03}x", i * 7 % 200);
                set(&bucket, &key, "comes").await.unwrap();
                set(&bucket, &format!("k{:03}", i % 200), "changes")
                    .await
                    .unwrap();
                bucket.delete(&key).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        let pages = pages(&*bucket, "", 11).await;
        let listed: Vec<_> = pages.into_iter().flat_map(|page| page.keys).collect();
        assert!(listed.is_sorted_by(|one, next| one < next), "each key once");
        let listed: BTreeSet<_> = listed.into_iter().collect();
        assert!(listed.is_superset(&stay));
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}
