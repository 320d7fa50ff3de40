//! How it logs in, and what it says where it cannot.

use std::sync::Arc;

use bytes::Bytes;
use keywell_etcd::{EtcdOptions, EtcdProvider, EtcdStore};
use keywell_servers::{Etcd, Tls};
use keywell_store::{Error, Filter, Making, Provider, Secret, Set, Since, StoreUrl};

use crate::place::open as open_bucket;

async fn open(url: &str) -> Result<(), String> {
    let url: StoreUrl = url.parse().unwrap();
    let opened = EtcdProvider.open(&url, Making::Allowed).await;
    opened.map(drop).map_err(|error| error.to_string())
}

/// A server that lets in `root`, and `ada`, who has the keys beneath `hers/`.
async fn guarded() -> Etcd {
    let server = Etcd::start().await.unwrap();
    for command in [
        "user add root:toor",
        "user grant-role root root",
        "role add hers",
        "role grant-permission hers readwrite hers/ hers0",
        "user add ada:hunter@2",
        "user grant-role ada hers",
        "auth enable",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        server.ctl(&words).await.unwrap();
    }
    server
}

async fn as_root(server: &Etcd, command: &str) {
    let words = command.split(' ');
    let words: Vec<&str> = ["--user", "root:toor"].into_iter().chain(words).collect();
    server.ctl(&words).await.unwrap();
}

fn hers(server: &Etcd) -> EtcdOptions {
    let mut options = EtcdOptions::new([server.addr().to_string()]);
    "hers".clone_into(&mut options.prefix);
    options.user = Some(("ada".to_owned(), Secret::from("hunter@2".to_owned())));
    options
}

#[tokio::test]
async fn a_user_has_what_her_role_has() {
    let server = guarded().await;
    let place = server.addr();
    open(&format!("etcd://ada:hunter%402@{place}/hers"))
        .await
        .unwrap();
    open(&format!("etcd://{place}/hers?user=ada&password=hunter%402"))
        .await
        .unwrap();
    for (url, problem) in [
        (
            format!("etcd://ada:hunter3@{place}/hers"),
            "refuses the user or the password",
        ),
        (format!("etcd://{place}/hers"), "asks for a user"),
        (
            format!("etcd://ada:hunter%402@{place}/his"),
            "does not let the user",
        ),
    ] {
        let error = open(&url).await.unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
        assert!(!error.contains("hunter"), "{error}");
    }
    // All that it does is permitted: leases, transactions, markers, watches.
    let store = EtcdStore::open(hers(&server)).await.unwrap();
    let bucket = open_bucket(&store, "b").await;
    let hour = Set::expiring(std::time::Duration::from_hours(1)).unwrap();
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket
        .set("k", Bytes::from_static(b"1"), hour)
        .await
        .unwrap();
    bucket
        .set("k", Bytes::from_static(b"2"), hour)
        .await
        .unwrap();
    assert_eq!(bucket.increment("k", 1).await.unwrap(), 3);
    bucket.get_with_expiry(&["k"], 10).await.unwrap();
    bucket.delete("k").await.unwrap();
    drop(watch);
}

#[tokio::test]
async fn what_is_revoked_is_denied_and_a_new_login_is_made() {
    let server = guarded().await;
    let store = EtcdStore::open(hers(&server)).await.unwrap();
    let bucket = open_bucket(&store, "b").await;
    let set = async || bucket.set("k", Bytes::new(), Set::default()).await;
    set().await.unwrap();
    // Changes of roles make the server forget the logins that it gave.
    as_root(&server, "role add other").await;
    set().await.unwrap();
    as_root(&server, "user revoke-role ada hers").await;
    let error = set().await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied(_)), "{error}");
    as_root(&server, "user grant-role ada hers").await;
    set().await.unwrap();
    as_root(&server, "user delete ada").await;
    let error = set().await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied(_)), "{error}");
    assert!(!error.to_string().contains("hunter"), "{error}");
}

#[tokio::test]
async fn encrypted_connections_are_checked() {
    let tls = Arc::new(Tls::generate().unwrap());
    let server = Etcd::start_with(&[], Some(tls.clone())).await.unwrap();
    let place = format!("localhost:{}", server.addr().port());
    let ca = tls.authority();
    open(&format!("etcd://{place}?tls-ca={}", ca.display()))
        .await
        .unwrap();
    for url in [
        format!("etcd://{place}?tls=true"),
        format!("etcd://{place}"),
    ] {
        let error = open(&format!(
            "{url}{}answer-timeout=500",
            if url.contains('?') { "&" } else { "?" }
        ))
        .await
        .unwrap_err();
        assert!(error.contains("etcd"), "{error}");
    }
    let mut options = EtcdOptions::new([place]);
    options.tls = Some(keywell_client::Tls {
        ca_pem: Some(std::fs::read_to_string(ca).unwrap()),
        ..keywell_client::Tls::default()
    });
    EtcdStore::open(options).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let mut options = EtcdOptions::new(["127.0.0.1:1"]);
    options.answer_timeout = std::time::Duration::from_millis(300);
    options.user = Some(("ada".to_owned(), Secret::from("hunter2".to_owned())));
    let shown = format!("{options:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("ada"),
        "{shown}"
    );
    let error = EtcdStore::open(options).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    let long = format!("etcd://h/{}", "p".repeat(1025));
    for (url, problem) in [
        ("etcd:h", "is not written etcd://HOST:PORT/PREFIX"),
        ("etcd://", "names no host"),
        ("etcd://h,/p", "names no host"),
        ("etcd://h/%ff", "not UTF-8"),
        (&long, "more than 1024 bytes"),
        (
            "etcd://h?user=a",
            "user must be given together with password",
        ),
        (
            "etcd://u:p@h?user=a&password=b",
            "left out where the URL has a login",
        ),
        (
            "etcd://h?tls=false&tls-ca=x",
            "tls must be true or left out",
        ),
        (
            "etcd://h?tls-key=x",
            "tls-certificate must be given together with tls-key",
        ),
    ] {
        let error = open(url).await.unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
    }
}
