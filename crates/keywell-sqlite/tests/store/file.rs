//! Files that are no store, and what a new one looks like.

use std::path::Path;

use keywell_sqlite::{OpenError, SqliteStore};
use keywell_store::{Error, Store as _};
use rusqlite::Connection;

use crate::support::{Scratch, bucket, set, text};

fn refused(path: &Path) -> OpenError {
    SqliteStore::open(path).map(drop).unwrap_err()
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    let letter = "a letter, longer than the header of a database ".repeat(100);
    std::fs::write(&scratch.path, &letter).unwrap();
    let error = refused(&scratch.path);
    assert!(matches!(error, OpenError::Foreign), "{error:?}");
    assert!(matches!(Error::from(error), Error::Corrupt(_)));
    assert_eq!(std::fs::read_to_string(&scratch.path).unwrap(), letter);

    std::fs::remove_file(&scratch.path).unwrap();
    let theirs = Connection::open(&scratch.path).unwrap();
    theirs.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(theirs);
    let before = std::fs::read(&scratch.path).unwrap();
    let error = refused(&scratch.path);
    assert!(matches!(error, OpenError::Foreign), "{error:?}");
    assert!(std::fs::read(&scratch.path).unwrap() == before);
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let newer = Connection::open(&scratch.path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let before = std::fs::read(&scratch.path).unwrap();
    let error = refused(&scratch.path);
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("update Keywell"), "{error}");
    assert!(std::fs::read(&scratch.path).unwrap() == before);
}

#[test]
fn what_is_no_file_is_refused() {
    let scratch = Scratch::new();
    std::fs::write(&scratch.path, "").unwrap();
    assert!(matches!(refused(&scratch.path), OpenError::Empty));
    assert_eq!(std::fs::metadata(&scratch.path).unwrap().len(), 0);
    let folder = scratch.path.parent().unwrap();
    assert!(matches!(refused(folder), OpenError::NotAFile { .. }));
    let below = refused(&scratch.path.join("below"));
    assert!(matches!(below, OpenError::File { .. }), "{below:?}");
    std::fs::remove_file(&scratch.path).unwrap();
    let existing = SqliteStore::builder().existing().open(&scratch.path);
    assert!(matches!(existing, Err(OpenError::Missing { .. })));
    assert!(!scratch.path.exists());
}

#[cfg(unix)]
#[test]
fn a_new_file_is_accessible_to_its_owner_only_and_a_link_is_not_followed() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    let deep = scratch.path.with_file_name("deep").join("store.db");
    drop(SqliteStore::open(&deep).unwrap());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&deep), 0o600);
    assert_eq!(mode(deep.parent().unwrap()), 0o700);
    let names = std::fs::read_dir(deep.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 1, "the draft is gone, and so is the log");
    std::os::unix::fs::symlink(&deep, &scratch.path).unwrap();
    let error = refused(&scratch.path);
    assert!(error.to_string().contains("a symbolic link"), "{error}");
}

#[tokio::test]
async fn a_file_that_another_store_made_meanwhile_is_used() {
    let scratch = Scratch::new();
    let path = scratch.path.clone();
    let openings = (0..8).map(|_| {
        let path = path.clone();
        tokio::task::spawn_blocking(move || SqliteStore::open(path).unwrap())
    });
    let mut stores = Vec::new();
    for opening in openings.collect::<Vec<_>>() {
        stores.push(opening.await.unwrap());
    }
    for (number, store) in stores.iter().enumerate() {
        let bucket = bucket(store, "b").await;
        let sum = bucket.increment("n", 1).await.unwrap();
        assert_eq!(sum, i64::try_from(number + 1).unwrap());
    }
}

#[tokio::test]
async fn a_damaged_page_is_reported_as_corrupt() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let b = bucket(&store, "b").await;
    for number in 0..100 {
        set(&b, &format!("k{number:02}"), &"v".repeat(2000))
            .await
            .unwrap();
    }
    store.close().await.unwrap();
    drop((b, store));
    let mut image = std::fs::read(&scratch.path).unwrap();
    // Behind the pages of the schema, which opening reads.
    let page = 4096;
    for damaged in image[12 * page..].chunks_mut(page) {
        damaged[..64].fill(0xff);
    }
    std::fs::write(&scratch.path, image).unwrap();
    let store = scratch.open();
    let bucket = bucket(&store, "b").await;
    let mut corrupt = 0;
    for number in 0..100 {
        match bucket.get(&format!("k{number:02}")).await {
            Ok(_) => {}
            Err(Error::Corrupt(_)) => corrupt += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(corrupt > 0);
}

#[tokio::test]
async fn odd_names_and_keys_are_held_as_they_are() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let name = "it's \"a\"; DROP TABLE entries; --";
    let b = bucket(&store, name).await;
    for key in ["a\0b", "a", "a\0", "'; DELETE FROM entries; --", "😀"] {
        set(&b, key, key).await.unwrap();
    }
    for key in ["a\0b", "a", "a\0", "'; DELETE FROM entries; --", "😀"] {
        assert_eq!(text(&b, key).await.as_deref(), Some(key));
    }
    let emoji = "😀".repeat(256);
    assert_eq!(emoji.len(), 1024);
    set(&b, &emoji, "v").await.unwrap();
    assert_eq!(text(&b, &emoji).await.as_deref(), Some("v"));
    assert_eq!(store.buckets().await.unwrap()[0].as_str(), name);
}
