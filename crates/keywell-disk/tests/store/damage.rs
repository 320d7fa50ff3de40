//! Damage to the data file is reported, and never a wrong or missing value.
//!
//! `KEYWELL_SEED` replays a failure from the printed seed; `KEYWELL_DAMAGES` sets how often the file is
//! damaged.

use std::collections::BTreeMap;

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_store::{BucketName, Error, Filter, List, Set, Since, Store};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::disk::Disk;
use crate::support::{bucket, set};

const BLOCK: usize = 4096;

/// The keys of the bucket `b`, with their values.
type Content = BTreeMap<String, Bytes>;

/// After this many errors the rest of a damaged store is not read: each opens it again.
const ENOUGH: usize = 12;

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The image of a closed store, and one that a killed process left, with the same content.
async fn images() -> ([Vec<u8>; 2], Content) {
    let disk = Disk::default();
    let store = disk.open(DiskStore::builder()).unwrap();
    let bucket = bucket(&store, "b").await;
    let mut content = Content::new();
    let mut entries = Vec::new();
    for n in 0..3000 {
        let bytes = if n % 500 == 7 { 9000 } else { n % 60 };
        let value = Bytes::from(vec![u8::try_from(n % 251).unwrap(); bytes]);
        entries.push((format!("key-{n:05}"), value.clone()));
        content.insert(format!("key-{n:05}"), value);
    }
    for some in entries.chunks(500) {
        let some = some.iter().map(|(key, value)| (&**key, value.clone()));
        bucket.set_many(some.collect()).await.unwrap();
    }
    for n in 0..20 {
        let (key, value) = (format!("late-{n}"), Bytes::from(format!("value {n}")));
        let hour = Set {
            ttl: Some(std::time::Duration::from_hours(1)),
        };
        bucket.set(&key, value.clone(), hour).await.unwrap();
        content.insert(key, value);
    }
    let killed = disk.image();
    store.close().await.unwrap();
    ([disk.image(), killed], content)
}

/// Damages the image, and says how.
fn damage(image: &mut Vec<u8>, random: &mut StdRng) -> String {
    let written: Vec<usize> = (0..image.len() / BLOCK)
        .filter(|block| {
            image[block * BLOCK..][..BLOCK]
                .iter()
                .any(|byte| *byte != 0)
        })
        .collect();
    let place = |random: &mut StdRng| written.choose(random).unwrap() * BLOCK;
    match random.random_range(0..10) {
        0 => {
            let bytes = random.random_range(0..image.len());
            image.truncate(bytes);
            format!("cut after {bytes} bytes")
        }
        1 | 2 => {
            let (one, other) = (place(random), place(random));
            let block = image[one..][..BLOCK].to_vec();
            image.copy_within(other..other + BLOCK, one);
            image[other..][..BLOCK].copy_from_slice(&block);
            format!("the blocks at {one} and {other} swapped")
        }
        _ => {
            let at = place(random) + random.random_range(0..BLOCK);
            let bit = random.random_range(0..8);
            image[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
    }
}

/// How many reads failed. Panics at a wrong answer.
async fn read(disk: &Disk, content: &Content, what: &str) -> usize {
    // Without a cache, so that each read reaches the disk.
    let store = match disk.open(DiskStore::builder().cache_bytes(0).existing()) {
        Ok(store) => store,
        Err(error) => {
            assert!(!error.to_string().contains("in use"), "{what}: {error}");
            return 1;
        }
    };
    let bucket = bucket(&store, "b").await;
    let mut failed = 0;
    for (key, value) in content {
        match bucket.get(key).await {
            Ok(entry) => {
                let there = entry.map(|entry| entry.value);
                assert_eq!(there.as_ref(), Some(value), "{what}: {key}");
            }
            Err(Error::Corrupt(failure)) => {
                let text = failure.to_string();
                let is_named = text.contains(&format!("{key:?}")) && text.contains("\"b\"");
                assert!(is_named || text.contains("again"), "{what}: {text}");
                failed += 1;
            }
            Err(error) => panic!("{what}: {key}: {error}"),
        }
        if failed > ENOUGH {
            return failed;
        }
    }
    let mut keys = Vec::new();
    let mut cursor = None;
    loop {
        let request = List {
            cursor: cursor.take(),
            ..List::default()
        };
        match bucket.list(request).await {
            Ok(page) => {
                keys.extend(page.keys);
                cursor = page.cursor;
                if cursor.is_none() {
                    assert!(
                        keys.iter().eq(content.keys()),
                        "{what}: a key is not listed"
                    );
                    break;
                }
            }
            Err(Error::Corrupt(_)) => {
                failed += 1;
                break;
            }
            Err(error) => panic!("{what}: listing: {error}"),
        }
    }
    match bucket.watch(Filter::All, Since::Now).await {
        Ok(_) => {}
        Err(Error::Corrupt(_)) => failed += 1,
        Err(error) => panic!("{what}: watching: {error}"),
    }
    match set(&bucket, "another", "value").await {
        Ok(()) => {
            let entry = bucket.get("another").await.unwrap();
            assert_eq!(entry.unwrap().value, "value", "{what}");
        }
        // Ambiguous: the damage was met after the write was logged.
        Err(Error::Corrupt(_) | Error::Ambiguous(_)) => failed += 1,
        Err(error) => panic!("{what}: writing: {error}"),
    }
    failed
}

#[tokio::test]
async fn a_check_finds_nothing_in_a_whole_store() {
    let (images, content) = images().await;
    for image in images {
        let checked = Disk::with(image.clone()).check();
        assert!(checked.is_whole(), "{checked}");
        assert_eq!(checked.keys, content.len() as u64);
        assert!(
            checked.events > 3000 && checked.unused.is_empty(),
            "{checked}"
        );
        assert_eq!(read(&Disk::with(image), &content, "whole").await, 0);
    }
}

#[tokio::test]
async fn damage_is_reported_and_never_a_wrong_or_missing_value() {
    let damages = environment("KEYWELL_DAMAGES").unwrap_or(60);
    let seed = environment("KEYWELL_SEED").unwrap_or_else(rand::random);
    let (images, content) = images().await;
    let (mut reported, mut unused, mut unnoticed, mut failing) = (0, 0, 0, 0);
    for n in 0..damages {
        let seed = seed.wrapping_add(n);
        let mut random = StdRng::seed_from_u64(seed);
        let mut image = images[usize::try_from(n % 2).unwrap()].clone();
        let whole = image.clone();
        let what = damage(&mut image, &mut random);
        if image == whole {
            continue;
        }
        let what = format!(
            "{what}; KEYWELL_SEED={seed} KEYWELL_DAMAGES=1, image {}",
            n % 2
        );
        let checked = Disk::with(image.clone()).check();
        let failed = read(&Disk::with(image), &content, &what).await;
        failing += u64::from(failed > 0);
        if !checked.is_whole() {
            reported += 1;
            continue;
        }
        // What the check did not report holds no data.
        assert_eq!(failed, 0, "{what}: not found by the check: {checked}");
        assert_eq!(checked.keys, content.len() as u64, "{what}");
        if checked.unused.is_empty() {
            unnoticed += 1;
        } else {
            unused += 1;
        }
    }
    println!(
        "{reported} reported ({failing} failed reads), {unused} in pages without data, {unnoticed} in \
         bytes without data"
    );
    assert!(reported > 0);
}

#[tokio::test]
async fn what_is_whole_is_salvaged_from_a_damaged_store() {
    let seed = environment("KEYWELL_SEED").unwrap_or_else(rand::random);
    println!("KEYWELL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (images, content) = images().await;
    let name = BucketName::parse("b").unwrap();
    let mut salvaged = Vec::new();
    for image in images.iter().cycle().take(10) {
        let mut image = image.clone();
        // Past the first block, the log, and the header of the database.
        let first = (4096 + 64 * 1024) / BLOCK + 2;
        let written = (first..image.len() / BLOCK).filter(|block| {
            image[block * BLOCK..][..BLOCK]
                .iter()
                .any(|byte| *byte != 0)
        });
        let written: Vec<usize> = written.collect();
        for block in written.sample(&mut random, 2) {
            image[block * BLOCK + 100] ^= 1;
        }
        let mut there = Content::new();
        let report = Disk::with(image).salvage(&name, |key, entry| {
            there.insert(key.to_owned(), entry.value);
        });
        let report = match report {
            Ok(report) => report,
            // The root, or the names of buckets.
            Err(error) => {
                assert!(
                    error.to_string().contains("what leads to all entries"),
                    "{error}"
                );
                continue;
            }
        };
        assert_eq!(report.keys, there.len() as u64, "each once");
        for (key, value) in &there {
            assert_eq!(content.get(key), Some(value), "{key}");
        }
        if there.len() < content.len() {
            assert!(!report.gaps.is_empty() || report.is_log_lost, "{report}");
        }
        salvaged.push(there.len());
    }
    salvaged.sort_unstable();
    let median = salvaged
        .get(salvaged.len() / 2)
        .copied()
        .unwrap_or_default();
    assert!(median > 2500, "{salvaged:?} of {}", content.len());
}

#[tokio::test]
async fn a_backup_of_a_store_in_use_is_a_store_of_one_instant() {
    let scratch = crate::support::Scratch::new();
    let bucket = scratch.bucket("b").await;
    for n in 0..50 {
        set(&bucket, &format!("k{n}"), "before").await.unwrap();
    }
    let since = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let since = since.start().unwrap().clone();
    set(&bucket, "k0", "changed").await.unwrap();
    let copy = scratch.folder.path().join("copy");
    scratch.store.backup(&copy).unwrap();
    set(&bucket, "k1", "after").await.unwrap();
    let again = scratch.store.backup(&copy).unwrap_err();
    assert!(matches!(again, keywell_disk::OpenError::Exists { .. }));

    let checked = DiskStore::check(&copy).unwrap();
    assert!(checked.is_whole(), "{checked}");
    let store = DiskStore::open(&copy).unwrap();
    let bucket = crate::support::bucket(&store, "b").await;
    let text = crate::support::text;
    assert_eq!(text(&bucket, "k0").await.unwrap(), "changed");
    assert_eq!(text(&bucket, "k1").await.unwrap(), "before");
    let mut watch = bucket
        .watch(Filter::All, Since::After(since))
        .await
        .unwrap();
    let events = crate::support::next_events(&mut watch, 1).await;
    assert_eq!(events, ["k0=changed"]);
}
