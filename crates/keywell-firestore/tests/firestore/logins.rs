//! How it logs in.

use keywell_firestore::{FirestoreOptions, FirestoreStore};
use keywell_servers::{Firestore, Tls};
use keywell_store::{Error, Secret, Set};

use crate::place::open;

/// The key of an account that does not exist.
const ACCOUNT: &str = include_str!("account.json");

async fn guarded(credentials: &str) -> (Firestore, Tls, FirestoreOptions) {
    let tls = Tls::generate().unwrap();
    let server = Firestore::start_with(Some(&tls)).await.unwrap();
    let mut options = FirestoreOptions::new(Firestore::PROJECT);
    options.endpoint = server.addr().to_string();
    options.tls.ca = Some(tls.authority());
    options.credentials = Some(Secret::from(credentials.to_owned()));
    (server, tls, options)
}

#[tokio::test]
async fn an_account_signs_tokens_by_itself_over_an_encrypted_connection() {
    let (_server, _tls, options) = guarded(ACCOUNT).await;
    let store = FirestoreStore::open(options).await.unwrap();
    let bucket = open(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "v");
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_and_a_key_that_is_none_are_refused() {
    let (_server, _tls, mut options) = guarded(ACCOUNT).await;
    options.tls.ca = None;
    options.answer_timeout = std::time::Duration::from_millis(500);
    let error = FirestoreStore::open(options).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    let spoilt = ACCOUNT.replace("PRIVATE KEY", "SECRET");
    let (_server, _tls, options) = guarded(&spoilt).await;
    let error = FirestoreStore::open(options).await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied(_)), "{error}");
    let text = error.to_string();
    assert!(!text.contains("SECRET"), "{text}");
}
