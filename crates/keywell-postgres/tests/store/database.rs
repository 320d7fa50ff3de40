//! What is in the database, and what another program did to it.

use keywell_postgres::{OpenError, Options, PostgresStore};
use keywell_servers::SharedPostgres;
use keywell_store::{Error, Invalid, Set};

use crate::support::{bucket, connect, set, text};

#[tokio::test]
async fn tables_of_another_program_or_version_are_refused_and_left_alone() {
    let server = SharedPostgres::get().await.unwrap();
    let database = server.database().unwrap();
    let url = server.url(&database);
    let options = Options::from_url(&url).unwrap().existing();
    let error = PostgresStore::connect(&options).await.unwrap_err();
    assert!(matches!(error, OpenError::Missing(_)), "{error:?}");
    server
        .sql(
            &database,
            "CREATE SCHEMA keywell; CREATE TABLE keywell.theirs (x int)",
        )
        .unwrap();
    let error = connect(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign(_)), "{error:?}");
    server
        .sql(&database, "CREATE TABLE keywell.keywell (version int)")
        .unwrap();
    let error = connect(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign(_)), "{error:?}");
    let other = format!("{url}?schema=other");
    drop(connect(&other).await.unwrap());
    server
        .sql(&database, "UPDATE other.keywell SET version = 99")
        .unwrap();
    let error = connect(&other).await.unwrap_err();
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error:?}"
    );
    let sql = " ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    let latin = server.name();
    let sql = format!("CREATE DATABASE {latin} {sql}");
    server.sql("postgres", &sql).unwrap();
    let error = connect(&server.url(&latin)).await.unwrap_err();
    assert!(matches!(error, OpenError::Encoding(_)), "{error:?}");
}

#[tokio::test]
async fn stores_that_are_made_at_the_same_time_are_one() {
    let server = SharedPostgres::get().await.unwrap();
    let url = server.url(&server.database().unwrap());
    let stores = (0..8).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { connect(&url).await.unwrap() })
    });
    let stores: Vec<_> = stores.collect();
    for (number, store) in (1..).zip(stores) {
        let b = bucket(&store.await.unwrap(), "b").await;
        assert_eq!(b.increment("n", 1).await.unwrap(), number);
    }
}

#[tokio::test]
async fn another_program_reads_what_is_there_and_writes_by_the_same_function() {
    let server = SharedPostgres::get().await.unwrap();
    let database = server.database().unwrap();
    let store = connect(&server.url(&database)).await.unwrap();
    let b = bucket(&store, "orders").await;
    set(&b, "käse", "1 kg").await.unwrap();
    let select = "SELECT bucket, convert_from(key, 'UTF8'), convert_from(value, 'UTF8') \
                  FROM keywell.entries";
    assert_eq!(server.sql(&database, select).unwrap(), "orders|käse|1 kg");
    let write = |key: &str, value: &str| {
        let call = format!(
            "SET search_path = keywell; SELECT settle(); SELECT out_changed FROM apply('{{}}', '{{}}', '{{}}', \
             '{{orders}}', ARRAY['{key}'::bytea], '{{0}}', ARRAY['{value}'::bytea], '{{null}}', \
             '{{null}}')"
        );
        server.sql(&database, &call).unwrap()
    };
    assert!(write("n", "41").ends_with("{t}"));
    assert_eq!(b.increment("n", 1).await.unwrap(), 42);
    write("n", "forty");
    let error = b.increment("n", 1).await.unwrap_err();
    assert!(
        matches!(error, Error::Invalid(Invalid::NotANumber)),
        "{error:?}"
    );
    assert_eq!(text(&b, "n").await.unwrap().as_deref(), Some("forty"));
    // Written around the function, with a key that is not UTF-8.
    let raw = "INSERT INTO keywell.entries VALUES ('orders', '\\xfe', 1, NULL, '')";
    server.sql(&database, raw).unwrap();
    let error = b.list(keywell_store::List::default()).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error:?}");
}

#[tokio::test]
async fn odd_names_and_keys_are_held_as_they_are() {
    let server = SharedPostgres::get().await.unwrap();
    let store = connect(&server.url(&server.database().unwrap()))
        .await
        .unwrap();
    let b = bucket(&store, "it's \"a\"; DROP TABLE entries; --").await;
    let emoji = "😀".repeat(256);
    let keys = [
        "a\0b",
        "a",
        "a\0",
        "'; DELETE FROM entries; --",
        "{x,y}",
        &emoji,
    ];
    for key in keys {
        set(&b, key, key).await.unwrap();
    }
    for key in keys {
        assert_eq!(text(&b, key).await.unwrap().as_deref(), Some(key));
    }
}

#[tokio::test]
async fn a_batch_of_many_keys_takes_no_more_locks_than_the_server_has() {
    let server = SharedPostgres::get().await.unwrap();
    let store = connect(&server.url(&server.database().unwrap()))
        .await
        .unwrap();
    let b = bucket(&store, "b").await;
    let keys: Vec<String> = (0..10_000).map(|number| format!("k{number}")).collect();
    let entries = keys.iter().map(|key| (&**key, "v".into())).collect();
    let (all, one) = tokio::join!(b.set_many(entries), b.increment("n", 1));
    all.unwrap();
    one.unwrap();
    let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
    b.delete_many(&keys).await.unwrap();
    assert_eq!(
        b.list(keywell_store::List::default()).await.unwrap().keys,
        ["n"]
    );
}

#[tokio::test]
async fn what_is_as_long_as_declared_is_held_and_what_is_longer_is_not() {
    let server = SharedPostgres::get().await.unwrap();
    let url = server.url(&server.database().unwrap());
    let store = connect(&format!("{url}?answer-timeout=60s")).await.unwrap();
    let b = bucket(&store, &"b".repeat(255)).await;
    let declared = b.capabilities();
    let key = "k".repeat(declared.key_bytes);
    let value = bytes::Bytes::from(vec![7; declared.value_bytes]);
    b.set(&key, value.clone(), Set::default()).await.unwrap();
    assert_eq!(b.get(&key).await.unwrap().unwrap().value, value);
    let longer = bytes::Bytes::from(vec![8; declared.value_bytes + 1]);
    let error = b.set(&key, longer, Set::default()).await.unwrap_err();
    assert!(
        matches!(error, Error::Invalid(Invalid::ValueTooLarge { .. })),
        "{error:?}"
    );
    assert_eq!(b.get(&key).await.unwrap().unwrap().value, value);
    for key in ["k".repeat(declared.key_bytes + 1), "😀".repeat(1024)] {
        let error = set(&b, &key, "v").await.unwrap_err();
        assert!(
            matches!(error, Error::Invalid(Invalid::KeyTooLong { .. })),
            "{error:?}"
        );
        assert_eq!(text(&b, &key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn tables_that_another_program_altered_are_reported() {
    let server = SharedPostgres::get().await.unwrap();
    let database = server.database().unwrap();
    let store = connect(&server.url(&database)).await.unwrap();
    let b = bucket(&store, "b").await;
    set(&b, "k", "v").await.unwrap();
    let rename = "ALTER TABLE keywell.entries RENAME COLUMN value TO data";
    server.sql(&database, rename).unwrap();
    for error in [
        text(&b, "k").await.unwrap_err(),
        set(&b, "k", "other").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Corrupt(_)), "{error:?}");
        let error = error.to_string();
        assert!(error.contains("a table of the store"), "{error}");
    }
    let back = "ALTER TABLE keywell.entries RENAME COLUMN data TO value";
    server.sql(&database, back).unwrap();
    assert_eq!(text(&b, "k").await.unwrap().as_deref(), Some("v"));
}
