//! It passes the conformance suite, also across restarts.

use std::sync::Arc;

use keywell_conformance::Subject;
use keywell_nats::JetStreamStore;
use keywell_servers::Nats;
use keywell_store::Store;

use crate::place::options;

/// How many lists of random operations are compared with the model.
const CASES: u32 = 50;

async fn jetstream() -> Subject {
    let server = Nats::builder().jetstream().start().await;
    let server = server.expect("a server starts");
    let options = options(&server);
    let store = JetStreamStore::open(options.clone()).await;
    Subject::new(store.expect("a store opens"))
        .reopening(move || {
            let options = options.clone();
            async move { Ok(Arc::new(JetStreamStore::open(options).await?) as Arc<dyn Store>) }
        })
        .keeping(server)
}

keywell_conformance::suite!(jetstream);

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, jetstream);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
