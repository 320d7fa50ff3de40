//! Keys that other programs own, and names that meet nowhere.

use keywell_store::layer::{Limited, Limits};
use keywell_store::{
    Bucket as _, BucketName, Error, Filter, Invalid, List, Set, Since, Store as _,
};

use crate::support::{bucket, connect, hear, notifying_server, server};

#[tokio::test]
async fn a_key_is_the_string_that_redis_cli_reads() {
    let redis = server().await;
    let store = connect(&redis.url()).await;
    let orders = bucket(&store, "orders").await;
    orders
        .set("a:b*", "ten".into(), Set::default())
        .await
        .unwrap();
    assert_eq!(
        redis.cli(&["GET", "orders:a:b*"]).await.unwrap().trim(),
        "ten"
    );
    redis.cli(&["SET", "or%3Aders:k", "v"]).await.unwrap();
    let odd = bucket(&store, "or:ders").await;
    assert_eq!(odd.get("k").await.unwrap().unwrap().value, "v");
    let names = store.buckets().await.unwrap();
    let names: Vec<&str> = names.iter().map(BucketName::as_str).collect();
    assert_eq!(names, ["or:ders", "orders"]);
}

#[tokio::test]
async fn an_empty_prefix_shows_the_keys_of_other_programs() {
    let redis = server().await;
    redis.cli(&["SET", "theirs", "v"]).await.unwrap();
    redis.cli(&["RPUSH", "list", "v"]).await.unwrap();
    let store = connect(&format!("{}?prefix=", redis.url())).await;
    let all = bucket(&store, "").await;
    assert_eq!(all.list(List::default()).await.unwrap().keys, ["theirs"]);
    assert_eq!(all.get("theirs").await.unwrap().unwrap().value, "v");
    let other = store.open(&BucketName::parse("other").unwrap()).await;
    assert!(matches!(other.err(), Some(Error::NoSuchBucket(_))));
}

#[tokio::test]
async fn what_is_no_string_is_an_error_and_stays() {
    let redis = server().await;
    redis.cli(&["RPUSH", "default:list", "v"]).await.unwrap();
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    assert!(matches!(bucket.get("list").await, Err(Error::Corrupt(_))));
    assert!(matches!(
        bucket.increment("list", 1).await,
        Err(Error::Corrupt(_))
    ));
    assert!(bucket.exists("list").await.unwrap());
    assert!(bucket.list(List::default()).await.unwrap().keys.is_empty());
    assert_eq!(
        redis.cli(&["LLEN", "default:list"]).await.unwrap().trim(),
        "1"
    );
    redis.cli(&["SET", "default:text", "12x"]).await.unwrap();
    let counted = bucket.increment("text", 1).await;
    assert!(matches!(counted, Err(Error::Invalid(Invalid::NotANumber))));
}

/// Names that others write and that no key has: with nothing behind the prefix, too long, or no text.
const NO_KEYS: &str = "for _, key in ipairs({'', string.rep('k', 65537), 'k\\255'}) do \
    redis.call('SET', ARGV[1] .. key, ARGV[2]) end";

#[tokio::test]
async fn names_that_no_key_has_are_in_no_listing_and_in_no_watch() {
    let redis = notifying_server().await;
    let longest = "k".repeat(64 << 10);
    for (url, prefix) in [
        (redis.url(), "default:"),
        (format!("{}?prefix=app/", redis.url()), "app/"),
    ] {
        redis.flush().await.unwrap();
        let write = |value| ["EVAL", NO_KEYS, "0", prefix, value];
        redis.command(&write("1")).await.unwrap();
        let store = connect(&url).await;
        let bucket = bucket(&store, "").await;
        assert_eq!(bucket.list(List::default()).await.unwrap().keys, [""; 0]);
        assert_eq!(store.buckets().await.unwrap(), []);
        let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
        redis.command(&write("2")).await.unwrap();
        for key in ["a", &longest] {
            bucket.set(key, "v".into(), Set::default()).await.unwrap();
        }
        assert_eq!(hear(&mut watch).await, "a=v");
        assert_eq!(hear(&mut watch).await, format!("{longest}=v"));
        let listed = bucket.list(List::default()).await.unwrap().keys;
        assert_eq!(listed, ["a", &longest]);
        assert_eq!(store.buckets().await.unwrap().len(), 1);
        // They can be read and deleted, as others' keys can.
        let long = format!("{longest}k");
        assert_eq!(bucket.get(&long).await.unwrap().unwrap().value, "2");
        bucket.delete(&long).await.unwrap();
        assert!(!bucket.exists(&long).await.unwrap());
    }
}

/// As exports do.
#[tokio::test]
async fn whatever_a_host_lists_it_can_read() {
    let redis = notifying_server().await;
    let write = ["EVAL", NO_KEYS, "0", "default:", "1"];
    redis.command(&write).await.unwrap();
    let longest = "k".repeat(Limits::default().key_bytes);
    for key in ["a", &longest, &format!("{longest}k")] {
        let key = format!("default:{key}");
        redis.command(&["SET", &key, "v"]).await.unwrap();
    }
    let store = connect(&redis.url()).await;
    let host = Limited::new(bucket(&store, "").await, Limits::default());
    let listed = host.list(List::default()).await.unwrap().keys;
    assert_eq!(listed, ["a", &longest]);
    let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    let read = host.get_many_within(&listed, usize::MAX).await.unwrap();
    assert_eq!(read.iter().flatten().count(), 2);
}

#[tokio::test]
async fn every_database_is_its_own() {
    let redis = server().await;
    let (one, two) = (
        connect(&format!("{}/1", redis.url())).await,
        connect(&format!("{}?db=2", redis.url())).await,
    );
    let (one, two) = (bucket(&one, "").await, bucket(&two, "").await);
    one.set("k", "1".into(), Set::default()).await.unwrap();
    assert!(two.get("k").await.unwrap().is_none());
    assert_eq!(
        redis
            .cli(&["-n", "1", "GET", "default:k"])
            .await
            .unwrap()
            .trim(),
        "1"
    );
}

/// How long a page takes among many keys of others is printed; that it is right is checked.
#[tokio::test]
async fn a_page_is_found_among_very_many_keys_of_others() {
    let redis = server().await;
    let store = connect(&redis.url()).await;
    let others = bucket(&store, "others").await;
    for thousand in 0..300_u32 {
        let names: Vec<String> = (0..1000).map(|n| format!("{thousand}-{n}")).collect();
        let entries = names.iter().map(|name| (name.as_str(), "v".into()));
        others.set_many(entries.collect()).await.unwrap();
    }
    let bucket = bucket(&store, "few").await;
    let names: Vec<String> = (0..1500).map(|n| format!("k{n:04}")).collect();
    let entries = names.iter().map(|name| (name.as_str(), "v".into()));
    bucket.set_many(entries.collect()).await.unwrap();
    let mut listed = Vec::new();
    let mut request = List::default();
    loop {
        let began = std::time::Instant::now();
        let page = bucket.list(request.clone()).await.unwrap();
        println!("a page among 301,500 keys: {:?}", began.elapsed());
        listed.extend(page.keys);
        if page.cursor.is_none() {
            break;
        }
        request.cursor = page.cursor;
    }
    assert_eq!(listed, names);
}
