//! What stands in Memcached, as other clients see it, and what they write there.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use keywell_servers::Memcached;
use keywell_store::{Change, Error, Expected, Expires, Invalid, Set, Store as _, Swap};

use crate::place::{open, options, server, store};

const VALUE: Bytes = Bytes::from_static(b"v");

/// Sends a command of another client, and answers the first line, and as many bytes as it names.
fn ask(server: &Memcached, command: &str) -> String {
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.write_all(command.as_bytes()).unwrap();
    let mut from = BufReader::new(stream);
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    if let Some(rest) = line.strip_prefix("VA ") {
        let length: usize = rest.split_whitespace().next().unwrap().parse().unwrap();
        let mut value = vec![0; length];
        from.read_exact(&mut value).unwrap();
        return String::from_utf8(value).unwrap();
    }
    line.trim_end().to_owned()
}

#[tokio::test]
async fn values_are_plain_and_names_of_keys_are_readable() {
    let server = server().await;
    let options = options([server]);
    let store = store(&options).await;
    let bucket = open(&store, "a:b").await;
    bucket
        .set("café & b", "plain".into(), Set::default())
        .await
        .unwrap();
    bucket.increment("n", -42).await.unwrap();
    let prefix = &options.prefix;
    let name = |key: &str| format!("{prefix}a%3Ab:{key}");
    let get = |key: &str| ask(server, &format!("mg {} v\r\n", name(key)));
    assert_eq!(get("café%20&%20b"), "plain");
    assert_eq!(get("n"), "-42");
    // Down to no sign, and down to fewer digits: never padded, never wrapped.
    for (delta, sum) in [(50, "8"), (2, "10"), (-1, "9"), (-10, "-1"), (1, "0")] {
        assert_eq!(bucket.increment("n", delta).await.unwrap().to_string(), sum);
        assert_eq!(get("n"), sum);
    }
    let put = |value: &str| {
        let command = format!("ms {} {} F16\r\n{value}\r\n", name("n"), value.len());
        assert_eq!(ask(server, &command), "HD");
    };
    put("50");
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 51);
    let entry = bucket.get("n").await.unwrap().unwrap();
    assert_eq!(
        entry.expires,
        Expires::Never,
        "its flags are another client's"
    );
    // What other clients make of it is no number here.
    for value in ["18446744073709551615", "9 ", "007", "many"] {
        put(value);
        let refused = bucket.increment("n", 1).await;
        let is_refused = matches!(refused, Err(Error::Invalid(Invalid::NotANumber)));
        assert!(is_refused, "{value}: {refused:?}");
        assert_eq!(get("n"), value);
    }
}

#[tokio::test]
async fn a_counter_that_is_counted_on_ends_when_it_would_have() {
    let store = store(&options([server().await])).await;
    let bucket = open(&store, "b").await;
    let hour = Set::expiring(Duration::from_hours(1)).unwrap();
    for start in [0, i64::MIN] {
        let key = start.to_string();
        bucket.increment_or_create(&key, start, hour).await.unwrap();
        for _ in 0..100 {
            bucket.increment(&key, 1).await.unwrap();
        }
        let read = bucket.get_with_expiry(&[&key], 100).await.unwrap();
        let expires = read[0].as_ref().unwrap().expires;
        let is_kept = matches!(expires, Expires::In(left) if left <= Duration::from_secs(3601));
        assert!(is_kept, "{expires:?}");
    }
    let longest = Set::expiring(Set::MAX_TTL).unwrap();
    bucket
        .increment_or_create("longest", 1, longest)
        .await
        .unwrap();
    bucket.increment("longest", -2).await.unwrap();
    let expires = bucket.get("longest").await.unwrap().unwrap().expires;
    let day = Duration::from_hours(24);
    assert!(
        matches!(expires, Expires::In(left) if left + day > Set::MAX_TTL),
        "{expires:?}"
    );
}

#[tokio::test]
async fn keys_and_values_at_the_limits_are_taken() {
    let store = store(&options([server().await])).await;
    let bucket = open(&store, &"%".repeat(255)).await;
    let declared = bucket.capabilities();
    let keys = [
        "🗝".repeat(256),
        format!("{}x", "🗝".repeat(255)),
        " ".repeat(1024),
    ];
    for (number, key) in keys.iter().enumerate() {
        let value = vec![u8::try_from(number).unwrap(); declared.value_bytes];
        let longest = Set::expiring(Set::MAX_TTL).unwrap();
        bucket.set(key, value.into(), longest).await.unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        let entry = bucket.get(key).await.unwrap().unwrap();
        assert_eq!(usize::from(entry.value[0]), number, "long names stay apart");
        assert_eq!(entry.value.len(), declared.value_bytes);
        // Of a value that the caller cannot hold, only the length is kept; the connection goes on.
        let refused = bucket.get_within(key, 10).await;
        let is_refused = matches!(refused, Err(Error::Invalid(Invalid::ValueTooLarge { .. })));
        assert!(is_refused, "{refused:?}");
    }
    let large = vec![0; declared.value_bytes + 1];
    let refused = bucket.set(&keys[0], large.into(), Set::default()).await;
    let is_refused = matches!(refused, Err(Error::Invalid(Invalid::ValueTooLarge { .. })));
    assert!(is_refused, "{refused:?}");
    assert!(bucket.exists(&keys[0]).await.unwrap());
}

#[tokio::test]
async fn a_server_that_is_set_to_less_says_so() {
    let server = Memcached::start_with(&["-I", "512k"], None).await;
    let server = server.unwrap();
    let store = store(&options([&server])).await;
    let bucket = open(&store, "b").await;
    let refused = bucket
        .set("k", vec![0; 600_000].into(), Set::default())
        .await;
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    bucket.set("k", VALUE, Set::default()).await.unwrap();
}

#[tokio::test]
async fn a_version_of_a_server_that_ended_is_stale() {
    let server = Memcached::start().await.unwrap();
    let store = store(&options([&server])).await;
    let bucket = open(&store, "b").await;
    let before = bucket.set("k", VALUE, Set::default()).await.unwrap();
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    // The first write of the server again, with the same number.
    let after = bucket
        .set("k", "other".into(), Set::default())
        .await
        .unwrap();
    assert_ne!(before, after);
    for change in [Change::Set(VALUE, Set::default()), Change::Delete] {
        let swapped = bucket.swap("k", Expected::At(before.clone()), change).await;
        assert_eq!(swapped.unwrap(), Swap::Stale);
    }
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "other");
}

#[tokio::test]
async fn keys_are_spread_over_all_servers_and_found_again() {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Memcached::start().await.unwrap());
    }
    let options = options(&servers);
    let first = store(&options).await;
    let bucket = open(&first, "b").await;
    let keys: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let entries = keys.iter().map(|key| (&**key, Bytes::from(key.clone())));
    bucket.set_many(entries.collect()).await.unwrap();
    // In another order they are the same servers.
    let mut other = options.clone();
    other.servers.reverse();
    let second = store(&other).await;
    let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
    let read = open(&second, "b").await.get_many(&asked).await.unwrap();
    let read = read.iter().flatten().map(|entry| entry.value.clone());
    assert!(read.eq(keys.iter().cloned().map(Bytes::from)));
    for server in &servers {
        let count = ask(server, "stats\r\n");
        assert!(count.starts_with("STAT pid"), "{count}");
        let items = keys.iter().filter(|key| {
            let name = format!("{}b:{key}", options.prefix);
            ask(server, &format!("mg {name}\r\n")) == "HD"
        });
        let items = items.count();
        assert!((150..600).contains(&items), "{items}");
    }
    bucket.delete_many(&asked).await.unwrap();
    let read = bucket.get_many(&asked).await.unwrap();
    assert!(read.iter().all(Option::is_none));
}

#[tokio::test]
async fn a_store_that_is_closed_takes_no_more() {
    let store = store(&options([server().await])).await;
    let bucket = open(&store, "b").await;
    store.close().await.unwrap();
    let error = bucket.set("k", VALUE, Set::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}
