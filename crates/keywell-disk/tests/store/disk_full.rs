use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_store::{Bucket, Error, List, MAX_PAGE_KEYS, Set, Store};

use crate::disk::Disk;
use crate::support::bucket;

/// Small, so that reads go to the disk and not to the cache.
const CACHE: usize = 64 * 4096;

fn open(disk: &Disk) -> DiskStore {
    disk.open(DiskStore::builder().cache_bytes(CACHE)).unwrap()
}

/// Writes until the disk is full, and returns the error.
async fn fill(bucket: &Arc<dyn Bucket>, there: &mut BTreeMap<String, Bytes>) -> Error {
    loop {
        let key = format!("k{}", there.len());
        let value = Bytes::from(vec![u8::try_from(there.len() % 251).unwrap(); 3000]);
        match bucket.set(&key, value.clone(), Set::default()).await {
            Ok(_) => there.insert(key, value),
            Err(error) => {
                let entry = bucket.get(&key).await.unwrap();
                match &error {
                    Error::Unavailable(_) => assert_eq!(entry, None, "nothing happened"),
                    Error::Ambiguous(_) => there.extend(entry.map(|entry| (key, entry.value))),
                    other => panic!("{other}"),
                }
                return error;
            }
        };
    }
}

async fn check(bucket: &Arc<dyn Bucket>, there: &BTreeMap<String, Bytes>) {
    for (key, value) in there {
        let entry = bucket.get(key).await.unwrap();
        assert_eq!(entry.map(|entry| entry.value).as_ref(), Some(value));
    }
    let page = bucket.list(List::default()).await.unwrap();
    assert_eq!(page.keys.len(), there.len().min(MAX_PAGE_KEYS));
}

#[tokio::test]
async fn reads_continue_on_a_full_disk_and_writes_do_once_there_is_space() {
    let disk = Disk::default();
    let store = open(&disk);
    let bucket = bucket(&store, "b").await;
    let mut there = BTreeMap::new();
    disk.limit_room(100);
    let error = fill(&bucket, &mut there).await;
    assert!(!there.is_empty());
    let text = error.to_string();
    assert!(text.contains(&std::io::Error::from(std::io::ErrorKind::StorageFull).to_string()));
    for _ in 0..5 {
        fill(&bucket, &mut there).await;
        check(&bucket, &there).await;
    }
    disk.limit_room(100);
    store.health().await.unwrap();
    let before = there.len();
    fill(&bucket, &mut there).await;
    assert!(there.len() > before, "there is space again");
    check(&bucket, &there).await;
    drop((bucket, store));
    let store = open(&Disk::with(disk.image()));
    check(&crate::support::bucket(&store, "b").await, &there).await;
}

/// Adds a few blocks at a time, so that the disk fills up at each write of a commit.
#[tokio::test]
async fn wherever_a_full_disk_cuts_a_commit_short_nothing_acknowledged_is_lost() {
    let disk = Disk::default();
    let store = open(&disk);
    let bucket = bucket(&store, "b").await;
    let mut there = BTreeMap::new();
    for room in 0..60 {
        disk.limit_room(room % 23);
        fill(&bucket, &mut there).await;
        if room % 10 == 0 {
            check(&bucket, &there).await;
        }
    }
    check(&bucket, &there).await;
    let store = open(&Disk::with(disk.image()));
    check(&crate::support::bucket(&store, "b").await, &there).await;
}

#[tokio::test]
async fn deleting_needs_no_more_room_than_there_is_after_it() {
    let disk = Disk::default();
    let options = DiskStore::builder().cache_bytes(CACHE).history_events(0);
    let store = disk.open(options).unwrap();
    let bucket = bucket(&store, "b").await;
    let mut there = BTreeMap::new();
    disk.limit_room(200);
    fill(&bucket, &mut there).await;
    // A checkpoint needs space for the pages that changed since the last.
    disk.limit_room(80);
    for key in there.keys() {
        bucket.delete(key).await.unwrap();
    }
    disk.limit_room(0);
    for key in there.keys().take(10) {
        bucket
            .set(key, Bytes::from(vec![1; 3000]), Set::default())
            .await
            .unwrap();
    }
}

/// On a real file system: `KEYWELL_SMALL_DISK` names a folder on one of a few megabytes, such as
/// a tmpfs of `size=8m`. The test is skipped without it.
#[tokio::test]
async fn a_small_file_system_fills_up_and_has_room_again() {
    let Some(small) = std::env::var_os("KEYWELL_SMALL_DISK") else {
        return;
    };
    let folder = tempfile::tempdir_in(&small).unwrap();
    let ballast = tempfile::NamedTempFile::new_in(&small).unwrap();
    std::fs::write(ballast.path(), vec![1; 2_000_000]).unwrap();
    let options = DiskStore::builder().cache_bytes(CACHE);
    let store = options.clone().open(folder.path().join("store")).unwrap();
    let bucket = bucket(&store, "b").await;
    let mut there = BTreeMap::new();
    for _ in 0..5 {
        fill(&bucket, &mut there).await;
        check(&bucket, &there).await;
    }
    let before = there.len();
    ballast.close().unwrap();
    fill(&bucket, &mut there).await;
    assert!(there.len() > before, "there is space again");
    drop((bucket, store));
    let store = options.open(folder.path().join("store")).unwrap();
    check(&crate::support::bucket(&store, "b").await, &there).await;
}
