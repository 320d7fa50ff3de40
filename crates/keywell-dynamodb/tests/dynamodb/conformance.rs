//! It passes the conformance suite, also across restarts of the store.

use std::sync::Arc;
use std::time::Duration;

use keywell_conformance::Subject;
use keywell_dynamodb::DynamoDbStore;
use keywell_store::Store;

use crate::place::{options, server, store};

/// How many lists of random operations are compared with the model.
const CASES: u32 = 20;

async fn ministack() -> Subject {
    let options = options(server().await.url());
    let subject = Subject::new(store(&options).await).reopening(move || {
        let options = options.clone();
        async move { Ok(Arc::new(DynamoDbStore::open(options).await?) as Arc<dyn Store>) }
    });
    // The emulator sorts all keys of a bucket for each page.
    subject.patience(Duration::from_mins(6)).very_many(6000)
}

keywell_conformance::suite!(ministack);

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, ministack);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
