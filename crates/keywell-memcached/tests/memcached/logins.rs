//! How it logs in, and what it says where it cannot.

use std::sync::Arc;

use keywell_memcached::{MemcachedOptions, MemcachedProvider, MemcachedStore};
use keywell_servers::{Memcached, Tls};
use keywell_store::{Error, Making, Provider, Secret, Set, StoreUrl};

use crate::place::{open as open_bucket, options, store};

async fn open(url: &str) -> Result<(), String> {
    let url: StoreUrl = url.parse().unwrap();
    let opened = MemcachedProvider.open(&url, Making::Allowed).await;
    opened.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_user_logs_in_and_what_is_revoked_is_denied() {
    let folder = std::env::temp_dir().join(format!("keywell-users-{:016x}", rand::random::<u64>()));
    std::fs::write(&folder, "ada:hunter@2\n").unwrap();
    let file = folder.to_str().unwrap();
    let server = Memcached::start_with(&["-Y", file], None).await.unwrap();
    let place = server.addr();
    open(&format!("memcached://ada:hunter%402@{place}"))
        .await
        .unwrap();
    open(&format!("memcached://{place}?user=ada&password=hunter%402"))
        .await
        .unwrap();
    for url in [
        format!("memcached://ada:hunter3@{place}"),
        format!("memcached://{place}"),
    ] {
        let error = open(&url).await.unwrap_err();
        assert!(error.contains("access denied"), "{error}");
        assert!(!error.contains("hunter"), "{error}");
    }
    let mut options = options([&server]);
    options.user = Some(("ada".to_owned(), Secret::from("hunter@2".to_owned())));
    let store = store(&options).await;
    let bucket = open_bucket(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    server.kill().await.unwrap();
    std::fs::write(&folder, "ada:another\n").unwrap();
    server.restart().await.unwrap();
    let error = bucket
        .set("k", "v".into(), Set::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::AccessDenied(_)), "{error}");
    std::fs::remove_file(&folder).unwrap();
}

#[tokio::test]
async fn encrypted_connections_are_checked() {
    let tls = Arc::new(Tls::generate().unwrap());
    let server = Memcached::start_with(&[], Some(tls.clone())).await.unwrap();
    let place = format!("localhost:{}", server.addr().port());
    let ca = tls.authority();
    open(&format!("memcached://{place}?tls-ca={}", ca.display()))
        .await
        .unwrap();
    for settings in ["tls=true&answer-timeout=500", "answer-timeout=500"] {
        let error = open(&format!("memcached://{place}?{settings}"))
            .await
            .unwrap_err();
        assert!(error.contains("Memcached"), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let mut options = MemcachedOptions::new(["127.0.0.1:1"]);
    options.answer_timeout = std::time::Duration::from_millis(300);
    options.user = Some(("ada".to_owned(), Secret::from("hunter2".to_owned())));
    let shown = format!("{options:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("ada"),
        "{shown}"
    );
    let error = MemcachedStore::open(options).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    for (url, problem) in [
        ("memcached:h", "is not written memcached://HOST:PORT"),
        ("memcached://", "names no host"),
        ("memcached://h,", "names no host"),
        ("memcached://h:x", "names no host"),
        ("memcached://h/path", "names no host"),
        (
            "memcached://h?user=a",
            "user must be given together with password",
        ),
        (
            "memcached://u:p@h?user=a&password=b",
            "left out where the URL has a login",
        ),
        (
            "memcached://h?tls=false&tls-ca=x",
            "tls must be true or left out",
        ),
    ] {
        let error = open(url).await.unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
    }
}
