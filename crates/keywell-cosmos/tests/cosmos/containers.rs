//! Accounts and containers that are not as they have to be.

use keywell_cosmos::{CosmosProvider, CosmosStore};
use keywell_servers::{Cosmos, CosmosAnswer, Port};
use keywell_store::{BucketName, Error, Making, OpenError, Provider as _, Set, StoreUrl};

use crate::place::{open, options, server, store};

/// What the emulator answers to a request of a client.
async fn post(server: &Cosmos, path: &str, body: &str) -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let mut stream = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        server.addr(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_container_that_is_missing_is_named_and_not_made() {
    let mut options = options(server());
    for (create, making) in [(false, Making::Allowed), (true, Making::Refused)] {
        options.create = create;
        let refused = CosmosStore::open(options.clone(), making).await;
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains(&options.container) && said.contains("/bucket"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_container_of_another_shape_is_refused_by_name() {
    let server = server();
    drop(store(&options(server)).await);
    let hash = r#""kind":"Hash","version":2"#;
    for (ttl, paths, expected) in [
        ("", r#"["/bucket"]"#, "time to live off"),
        (
            r#""defaultTtl":60,"#,
            r#"["/bucket"]"#,
            "default time to live",
        ),
        (r#""defaultTtl":-1,"#, r#"["/id"]"#, "another partition key"),
    ] {
        let options = options(server);
        let (id, database) = (&options.container, &options.database);
        let body = format!(r#"{{"id":"{id}",{ttl}"partitionKey":{{"paths":{paths},{hash}}}}}"#);
        assert_eq!(
            post(server, &format!("/dbs/{database}/colls"), &body).await,
            201
        );
        let refused = CosmosStore::open(options.clone(), Making::Allowed).await;
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains(expected) && said.contains(id.as_str()),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_key_that_is_refused_is_not_shown() {
    let server = Cosmos::start().unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    server.answer_next(
        20,
        CosmosAnswer {
            status: 401,
            substatus: 0,
            retry_after_ms: None,
        },
    );
    let read = bucket.get("k").await.map(drop).unwrap_err();
    let written = bucket
        .set("k", "v".into(), Set::default())
        .await
        .map(drop)
        .unwrap_err();
    for refused in [read, written] {
        assert!(matches!(refused, Error::AccessDenied(_)), "{refused}");
        let said = refused.to_string();
        assert!(said.contains("clock") && !said.contains("a2V5"), "{said}");
    }
    server.answer_truly();
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
}

#[tokio::test]
async fn an_account_that_does_not_answer_is_unavailable() {
    let closed = Port::claim().unwrap();
    let mut options = options(server());
    options.host = closed.address().to_string();
    options.answer_timeout = std::time::Duration::from_secs(1);
    let refused = CosmosStore::open(options, Making::Allowed).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
}

#[tokio::test]
async fn wrong_urls_and_settings_are_refused_by_name() {
    for (url, expected) in [
        ("cosmos:shop", "cosmos://HOST/DATABASE/CONTAINER"),
        ("cosmos://host/db", "cosmos://HOST/DATABASE/CONTAINER"),
        (
            "cosmos://host/db/c/more",
            "cosmos://HOST/DATABASE/CONTAINER",
        ),
        ("cosmos:///db/c", "names no host"),
        ("cosmos://key@host/db/c", "has a login"),
        ("cosmos://host/db/c%23", "does not take"),
        ("cosmos://host/db/%20", "does not take"),
        ("cosmos://host/db/c?create=true", "create"),
        ("cosmos://host/db/c?poll=1ms", "poll"),
        ("cosmos://host/db/c?keys=1", "keys"),
    ] {
        let parsed: StoreUrl = url.parse().unwrap();
        let refused = CosmosProvider.check(&parsed).unwrap_err().to_string();
        assert!(refused.contains(expected), "{url}: {refused}");
    }
    let secret: StoreUrl = "cosmos://host/db/c?key=hunter2&poll=1ms".parse().unwrap();
    let refused = CosmosProvider.check(&secret).unwrap_err().to_string();
    assert!(!refused.contains("hunter2"), "{refused}");
    // Only an emulator on this machine goes without encryption.
    let plain: StoreUrl = "cosmos://host.example/db/c?tls=false&key=a2V5"
        .parse()
        .unwrap();
    let refused = CosmosProvider.open(&plain, Making::Allowed).await.map(drop);
    assert!(matches!(refused, Err(OpenError::Store { .. })));
}

#[tokio::test]
async fn a_store_opens_by_its_url() {
    let options = options(server());
    let url = format!(
        "cosmos://{}/my%20db/{}?key=a2V5&create=true&tls=false&regions=West%20Europe,Nowhere",
        options.host, options.container
    );
    let url: StoreUrl = url.parse().unwrap();
    let store = CosmosProvider.open(&url, Making::Allowed).await.unwrap();
    store.health().await.unwrap();
    let bucket = store.open(&BucketName::default()).await.unwrap();
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(store.buckets().await.unwrap().len(), 1);
}
