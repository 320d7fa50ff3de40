//! A replicated cache passes the conformance suite as far as it declares: alone, and as one of two
//! copies.

use keywell_conformance::Subject;
use keywell_nats::{CacheOptions, CacheStore};
use keywell_servers::Nats;

/// How many lists of random operations are compared with the model.
const CASES: u32 = 100;

/// A cache of this process alone.
async fn alone() -> Subject {
    let store = CacheStore::open(CacheOptions::default()).await;
    Subject::new(store.expect("it needs no server"))
}

/// A cache with a second copy, which takes all that is written to the first.
async fn shared() -> Subject {
    let nats = Nats::start().await.expect("a server starts");
    let options = CacheOptions {
        servers: vec![nats.addr().to_string()],
        ..CacheOptions::default()
    };
    let other = CacheStore::open(options.clone()).await;
    let other = other.expect("the server is there");
    let store = CacheStore::open(options).await;
    Subject::new(store.expect("the server is there")).keeping((other, nats))
}

mod alone {
    use super::alone;
    keywell_conformance::suite!(alone);
}

mod shared {
    use super::shared;
    keywell_conformance::suite!(shared);
}

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, alone);
    driven.unwrap_or_else(|found| panic!("{found}"));
}

#[test]
fn one_of_two_copies_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, shared);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
