//! The ways to a server: TLS, users, Unix sockets, databases; and how few connections it takes.

use std::sync::Arc;

use keywell_redis::{Options, RedisStore};
use keywell_servers::resp::Reply;
use keywell_servers::{Proxy, Redis, Tls};
use keywell_store::{Bucket, Change, Error, Expected, Set, Swap};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{bucket, connect, on_both_layouts, open, recovered};

on_both_layouts! {
    a_store_takes_one_connection_whatever_is_asked
    more_connections_are_opened_when_configured
    links_of_one_url_share_when_configured
    a_replica_is_found_out
    a_server_that_is_full_changes_nothing
    a_server_that_has_no_place_says_so
}

async fn works(bucket: &Arc<dyn Bucket>) {
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "v");
    assert_eq!(bucket.increment("n", 2).await.unwrap(), 2);
}

async fn refusal(url: &str) -> String {
    connect(url).await.map(drop).unwrap_err().to_string()
}

#[tokio::test]
async fn tls_needs_the_right_authority_and_certificate() {
    let tls = Arc::new(Tls::generate().unwrap());
    let redis = Redis::builder().tls(tls.clone()).start().await.unwrap();
    let port = redis.tls_addr().unwrap().port();
    let authority = format!("tls-ca={}", tls.authority().display());
    let client = format!(
        "tls-certificate={}&tls-key={}",
        tls.client_certificate().display(),
        tls.client_key().display()
    );
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("rediss://{host}:{port}");
        let store = open(&url, &format!("{authority}&{client}")).await;
        works(&bucket(&store, host).await).await;
    }
    let url = format!("rediss://127.0.0.1:{port}");
    refusal(&format!("{url}?{authority}")).await;
    refusal(&format!("{url}?{client}")).await;
    let stranger = Tls::generate().unwrap();
    let stranger = format!("tls-ca={}&{client}", stranger.authority().display());
    refusal(&format!("{url}?{stranger}")).await;
    // Nor does a name stand in for another.
    refusal(&format!("rediss://127.0.0.2:{port}?{authority}&{client}")).await;
}

#[tokio::test]
async fn a_user_needs_the_right_password_and_no_error_shows_it() {
    let redis = Redis::builder()
        .user("ann", "s3cret?&x")
        .start()
        .await
        .unwrap();
    let addr = redis.addr();
    let store = open(&format!("redis://ann:s3cret%3F%26x@{addr}"), "").await;
    works(&bucket(&store, "b").await).await;
    for url in [
        format!("redis://ann:hunter2@{addr}"),
        format!("redis://bob:hunter2@{addr}"),
        format!("redis://:hunter2@{addr}"),
        format!("redis://{addr}?user=ann&password=hunter2"),
        format!("redis://{addr}"),
    ] {
        let refused = refusal(&url).await;
        assert!(!refused.contains("hunter2"), "{refused}");
        assert!(refused.contains(&addr.to_string()), "{refused}");
    }
    let named = Options::from_settings([
        ("URL", format!("redis://{addr}")),
        ("user", "ann".to_owned()),
        ("password", "s3cret?&x".to_owned()),
    ]);
    assert!(RedisStore::connect(&named.unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_password_alone_is_that_of_the_default_user() {
    let redis = Redis::builder()
        .user("default", "s3cret")
        .start()
        .await
        .unwrap();
    let store = open(&format!("redis://:s3cret@{}", redis.addr()), "").await;
    works(&bucket(&store, "b").await).await;
}

#[tokio::test]
async fn a_unix_socket_is_a_way_too() {
    let redis = Redis::builder().unix_socket().start().await.unwrap();
    let url = format!("redis+unix://{}", redis.unix_socket().unwrap().display());
    let store = open(&url, "db=2").await;
    let bucket = bucket(&store, "b").await;
    works(&bucket).await;
    assert_eq!(redis.cli(&["-n", "2", "dbsize"]).await.unwrap(), "2\n");
    redis.kill().await.unwrap();
    redis.restart().await.unwrap();
    recovered(&bucket).await;
}

#[tokio::test]
async fn keys_lie_where_other_programs_find_them() {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), "").await;
    works(&bucket(&store, "b").await).await;
    assert_eq!(redis.cli(&["get", "b:k"]).await.unwrap(), "v\n");
    assert_eq!(redis.cli(&["get", "b:n"]).await.unwrap(), "2\n");
    assert_eq!(redis.cli(&["ttl", "b:k"]).await.unwrap(), "-1\n");
    let own = open(&redis.url(), "prefix=").await;
    let own = bucket(&own, "").await;
    assert_eq!(own.get("b:k").await.unwrap().unwrap().value, "v");
    // What is no string is an error, and affects no other call.
    redis.command(&["RPUSH", "b:list", "x"]).await.unwrap();
    let bucket = bucket(&store, "b").await;
    assert!(bucket.get("list").await.is_err());
    assert!(bucket.increment("list", 1).await.is_err());
    let swap = Change::Set("v".into(), Set::default());
    assert!(!matches!(
        bucket.swap("list", Expected::Absent, swap).await,
        Ok(Swap::Done(_))
    ));
    assert_eq!(redis.cli(&["llen", "b:list"]).await.unwrap(), "1\n");
    works(&crate::support::bucket(&store, "c").await).await;
}

async fn a_store_takes_one_connection_whatever_is_asked(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &format!("layout={layout}")).await;
    for number in 0..50 {
        let bucket = bucket(&store, &format!("bucket-{number}")).await;
        works(&bucket).await;
        let entry = bucket.get("k").await.unwrap();
        let change = Change::Set("w".into(), Set::default());
        for expected in [Expected::from(entry.as_ref()), Expected::Absent] {
            bucket.swap("k", expected, change.clone()).await.unwrap();
        }
        bucket.get_many(&[]).await.unwrap();
        bucket.set_many(Vec::new()).await.unwrap();
        bucket.delete_many(&[]).await.unwrap();
        bucket.list(keywell_store::List::default()).await.unwrap();
    }
    store.health().await.unwrap();
    assert_eq!(proxy.accepted(), 1);
}

async fn more_connections_are_opened_when_configured(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let settings = format!("layout={layout}&connections=3");
    let store = open(&redis.url_at(proxy.addr()), &settings).await;
    works(&bucket(&store, "b").await).await;
    assert_eq!(proxy.accepted(), 3);
}

async fn links_of_one_url_share_when_configured(layout: &str) {
    let redis = Redis::start().await.unwrap();
    for (share, connections) in [
        ("share-connections=true", 1),
        ("share-connections=false", 3),
    ] {
        let proxy = Proxy::to(redis.addr()).await.unwrap();
        let url = redis.url_at(proxy.addr());
        let settings = format!("layout={layout}&{share}");
        let stores = [
            open(&url, &settings).await,
            open(&url, &settings).await,
            open(&url, &settings).await,
        ];
        for (number, store) in stores.iter().enumerate() {
            works(&bucket(store, &format!("{share}-{number}")).await).await;
        }
        assert_eq!(proxy.accepted(), connections, "{share}");
        // One that is closed takes nothing from the others.
        stores[0].close().await.unwrap();
        bucket(&stores[1], "b").await.get("k").await.unwrap();
    }
}

async fn a_replica_is_found_out(layout: &str) {
    let primary = Redis::start().await.unwrap();
    let port = primary.addr().port();
    let replica = Redis::builder().config(format!("replicaof 127.0.0.1 {port}"));
    let replica = replica.start().await.unwrap();
    let store = open(&replica.url(), &format!("layout={layout}&lazy=true")).await;
    let bucket = bucket(&store, "b").await;
    let written = bucket.set("k", "v".into(), Set::default()).await;
    assert!(matches!(written, Err(Error::Unavailable(_))), "{written:?}");
    let healthy = store.health().await;
    assert!(matches!(healthy, Err(Error::Unavailable(_))), "{healthy:?}");
    replica.command(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
    works(&bucket).await;
    store.health().await.unwrap();
}

async fn a_server_that_is_full_changes_nothing(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &format!("layout={layout}")).await;
    let bucket = bucket(&store, "b").await;
    works(&bucket).await;
    redis
        .command(&["CONFIG", "SET", "maxmemory", "1"])
        .await
        .unwrap();
    let entry = bucket.get("k").await.unwrap();
    let change = Change::Set("w".into(), Set::default());
    let refused = [
        bucket.set("k", "w".into(), Set::default()).await.map(drop),
        bucket
            .set_many(vec![("k", "w".into()), ("l", "w".into())])
            .await,
        bucket.increment("n", 1).await.map(drop),
        bucket
            .swap("k", Expected::from(entry.as_ref()), change)
            .await
            .map(drop),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    }
    redis
        .command(&["CONFIG", "SET", "maxmemory", "0"])
        .await
        .unwrap();
    assert_eq!(bucket.get("k").await.unwrap(), entry);
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 3);
    let keys = redis.command(&["EXISTS", "b:l"]).await.unwrap();
    assert_eq!(keys, Reply::Int(0));
}

/// Holds the only place of a server.
async fn held(redis: &Redis) -> TcpStream {
    loop {
        let mut connection = TcpStream::connect(redis.addr()).await.unwrap();
        connection.write_all(b"PING\r\n").await.unwrap();
        let mut reply = [0; 7];
        // Those who asked before may not be gone yet.
        if connection.read_exact(&mut reply).await.is_ok() && reply == *b"+PONG\r\n" {
            return connection;
        }
    }
}

async fn a_server_that_has_no_place_says_so(layout: &str) {
    let redis = Redis::builder().config("maxclients 1");
    let redis = redis.start().await.unwrap();
    let held = held(&redis).await;
    for _ in 0..20 {
        let refused = refusal(&format!("{}?layout={layout}", redis.url())).await;
        assert!(refused.contains("max number of clients"), "{refused}");
    }
    let lazy = open(&redis.url(), &format!("layout={layout}&lazy=true")).await;
    let bucket = bucket(&lazy, "b").await;
    let refused = bucket.get("k").await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused:?}");
    drop(held);
    recovered(&bucket).await;
}
