use keywell_memory::MemoryStore;
use keywell_store::{
    Batching, BucketName, Capabilities, Cas, Durability, Error, Listing, Promptness, Set, Store,
    Transacting, Watching,
};

use crate::support::{list, now, open, result, set, value};

fn name(text: &str) -> BucketName {
    BucketName::parse(text).expect("a name")
}

#[test]
fn a_bucket_opened_twice_is_one() {
    let store = MemoryStore::new();
    set(&*open(&store, "b"), "k", "v");
    let again = open(&store.clone(), "b");
    assert_eq!(value(&*again, "k").as_deref(), Some("v"));
    set(&*open(&store, ""), "k", "of the default");
    let default = open(&store, "default");
    assert_eq!(value(&*default, "k").as_deref(), Some("of the default"));
}

#[test]
fn data_outlives_the_handles_on_its_bucket() {
    let store = MemoryStore::new();
    drop(open(&store, "b"));
    let bucket = open(&store, "b");
    set(&*bucket, "k", "v");
    drop(bucket);
    assert_eq!(value(&*open(&store, "b"), "k").as_deref(), Some("v"));
}

#[test]
fn names_and_keys_that_join_to_the_same_text_do_not_meet() {
    let store = MemoryStore::new();
    let pairs = [
        ("a", "b:c"),
        ("a:b", "c"),
        ("a:b:c", ""),
        ("a/b", "c"),
        ("a", "b/c"),
    ];
    for (bucket, key) in pairs {
        set(&*open(&store, bucket), key, format!("{bucket} {key}"));
    }
    for (bucket, key) in pairs {
        let found = value(&*open(&store, bucket), key);
        assert_eq!(found, Some(format!("{bucket} {key}")));
    }
    assert_eq!(list(&*open(&store, "a"), "", 10), ["b/c", "b:c"]);
}

#[test]
fn stores_do_not_share() {
    let (one, other) = (MemoryStore::new(), MemoryStore::new());
    set(&*open(&one, "b"), "k", "v");
    assert_eq!(value(&*open(&other, "b"), "k"), None);
}

#[test]
fn buckets_with_keys_are_listed_in_order() {
    let store = MemoryStore::new();
    for bucket in ["b", "", "a"] {
        set(&*open(&store, bucket), "k", "");
    }
    let emptied = open(&store, "emptied");
    set(&*emptied, "k", "");
    now(emptied.delete("k"));
    open(&store, "only opened");
    let names = now(store.buckets());
    assert_eq!(names, [name("a"), name("b"), name("default")]);
}

#[test]
fn all_is_declared_that_is_offered() {
    let store = MemoryStore::new();
    assert_eq!(store.promptness(), Promptness::AtOnce);
    assert_eq!(
        open(&store, "").capabilities(),
        Capabilities {
            promptness: Promptness::AtOnce,
            cas: Cas::ByVersion,
            increment: true,
            list: Listing::Ordered,
            batch: Batching::Atomic,
            transact: Transacting::Store {
                operations: 10_000,
                bytes: usize::MAX,
            },
            watch: Watching::Resumable,
            ttl: true,
            durability: Durability::Volatile,
            ttl_step: std::time::Duration::from_nanos(1),
            ..Capabilities::of(keywell_store::layer::Limits::NONE)
        }
    );
}

#[test]
fn a_closed_store_is_read_and_not_written() {
    let store = MemoryStore::new();
    let bucket = open(&store, "b");
    set(&*bucket, "k", "v");
    now(store.health());
    now(store.close());
    for refused in [
        result(bucket.set("k", "w".into(), Set::default())).map(drop),
        result(bucket.delete("k")),
        result(bucket.increment("n", 1)).map(drop),
        result(bucket.set_many(vec![("k", "w".into())])),
        result(open(&store, "other").delete("k")),
        result(store.health()),
    ] {
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    }
    assert_eq!(value(&*bucket, "k").as_deref(), Some("v"));
}
