//! It passes the conformance suite, also across restarts.

use std::sync::Arc;
use std::time::Duration;

use keywell_conformance::Subject;
use keywell_cosmos::CosmosStore;
use keywell_store::{Making, Store};

use crate::place::{options, server, store};

/// How many lists of random operations are compared with the model.
const CASES: u32 = 30;

async fn cosmos() -> Subject {
    let options = options(server());
    let store = store(&options).await;
    // The emulator copies all of a bucket for each part of a batch.
    let subject = Subject::new(store)
        .patience(Duration::from_mins(10))
        .very_many(4000);
    subject.reopening(move || {
        let options = options.clone();
        async move {
            let store = CosmosStore::open(options, Making::Refused).await?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        }
    })
}

keywell_conformance::suite!(cosmos);

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, cosmos);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
