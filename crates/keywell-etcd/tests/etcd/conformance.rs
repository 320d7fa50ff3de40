//! It passes the conformance suite, also across restarts.

use std::sync::Arc;
use std::time::Duration;

use keywell_conformance::Subject;
use keywell_etcd::EtcdStore;
use keywell_store::Store;

use crate::place::{options, server, store};

/// How many lists of random operations are compared with the model.
const CASES: u32 = 30;

async fn etcd() -> Subject {
    let mut options = options(server().await);
    // Other tests may take the processors.
    options.answer_timeout = Duration::from_secs(20);
    Subject::new(store(&options).await).reopening(move || {
        let options = options.clone();
        async move { Ok(Arc::new(EtcdStore::open(options).await?) as Arc<dyn Store>) }
    })
}

keywell_conformance::suite!(etcd);

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, etcd);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
