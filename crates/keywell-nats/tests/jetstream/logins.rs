//! How it logs in, and what it says where it cannot.

use keywell_nats::{JetStreamOptions, JetStreamProvider, JetStreamStore};
use keywell_servers::{Nats, Tls};
use keywell_store::{Error, Making, Provider, Secret, StoreUrl};

async fn open(url: &str) -> Result<(), String> {
    let url: StoreUrl = url.parse().unwrap();
    let opened = JetStreamProvider.open(&url, Making::Allowed).await;
    opened.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_user_logs_in_and_another_is_refused() {
    let server = Nats::builder()
        .jetstream()
        .user("ada", "hunter@2")
        .start()
        .await
        .unwrap();
    let place = server.addr();
    open(&format!("nats://ada:hunter%402@{place}"))
        .await
        .unwrap();
    open(&format!("nats://{place}?user=ada&password=hunter%402"))
        .await
        .unwrap();
    for url in [
        format!("nats://ada:hunter3@{place}"),
        format!("nats://{place}"),
        format!("nats://hunter3@{place}"),
    ] {
        let error = open(&url).await.unwrap_err();
        assert!(error.contains("refuses the credentials"), "{error}");
        assert!(!error.contains("hunter"), "{error}");
    }
}

#[tokio::test]
async fn a_token_logs_in() {
    let server = Nats::builder()
        .jetstream()
        .token("hunter2")
        .start()
        .await
        .unwrap();
    let place = server.addr();
    open(&format!("nats://hunter2@{place}")).await.unwrap();
    open(&format!("nats://{place}?token=hunter2"))
        .await
        .unwrap();
    assert!(
        open(&format!("nats://{place}?token=hunter3"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_key_logs_in() {
    // Made for this test.
    let user = "UAIPTKKX2JB33XE5IATOM5QOD72COM24TJZN6RE2UTPDHB5CE3LTUIU7";
    let seed = "SUAGUFOWNJA4HME5UR3ITTBSOQ3SGVBXCMTGPT5PYOWMJRDTOB2TQL5ZJI";
    let users = format!("authorization {{ users: [{{ nkey: {user} }}] }}");
    // Without JetStream, as the tests' own check of it cannot log in so.
    let server = Nats::builder().config(users).start().await.unwrap();
    let place = server.addr();
    let error = open(&format!("nats://{place}?nkey={seed}"))
        .await
        .unwrap_err();
    assert!(error.contains("JetStream"), "{error}");
    let error = open(&format!("nats://{place}")).await.unwrap_err();
    assert!(error.contains("refuses the credentials"), "{error}");
    for settings in ["nkey=hunter2", "jwt=hunter2&seed=hunter2"] {
        let error = open(&format!("nats://{place}?{settings}"))
            .await
            .unwrap_err();
        assert!(error.contains("seed"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn encrypted_connections_are_checked() {
    let tls = std::sync::Arc::new(Tls::generate().unwrap());
    let server = Nats::builder()
        .jetstream()
        .tls(tls.clone())
        .start()
        .await
        .unwrap();
    let place = format!("localhost:{}", server.addr().port());
    let ca = tls.authority();
    open(&format!("nats://{place}?tls-ca={}", ca.display()))
        .await
        .unwrap();
    let error = open(&format!("nats://{place}?tls=true")).await.unwrap_err();
    assert!(error.contains("cannot be reached"), "{error}");
    let mut options = JetStreamOptions::new([place]);
    options.login.tls = Some(keywell_client::Tls {
        ca_pem: Some(std::fs::read_to_string(ca).unwrap()),
        ..keywell_client::Tls::default()
    });
    JetStreamStore::open(options).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let server = Nats::builder().start().await.unwrap();
    let error = open(&server.url()).await.unwrap_err();
    assert!(error.contains("JetStream"), "{error}");
    let mut options = JetStreamOptions::new(["127.0.0.1:1"]);
    options.login.user = Some(("ada".to_owned(), Secret::from("hunter2".to_owned())));
    let shown = format!("{options:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("ada"),
        "{shown}"
    );
    let error = JetStreamStore::open(options).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    for (url, problem) in [
        ("nats:h", "is not written nats://HOST:PORT"),
        ("nats://", "names no host"),
        ("nats://h/b", "has a path"),
        (
            "nats://h?user=a",
            "user must be given together with password",
        ),
        ("nats://h?jwt=a", "jwt must be given together with seed"),
        (
            "nats://u:p@h?user=a&password=b",
            "left out where the URL has a login",
        ),
        (
            "nats://h?history=65",
            "history must be a whole number from 1 to 64",
        ),
        (
            "nats://h?tls=false&tls-ca=x",
            "tls must be true or left out",
        ),
        ("nats://h?bucket=", "bucket must be the name of a bucket"),
    ] {
        let error = open(url).await.unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
    }
}
