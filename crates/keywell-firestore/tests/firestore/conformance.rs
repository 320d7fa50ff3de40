//! It passes the conformance suite, also across restarts, whether the service collects what has
//! expired soon or late.

use std::sync::Arc;
use std::time::Duration;

use keywell_conformance::Subject;
use keywell_firestore::FirestoreStore;
use keywell_servers::Firestore;
use keywell_store::Store;
use tokio::sync::OnceCell;

use crate::place::{options, server, store};

/// How many lists of random operations are compared with the model.
const CASES: u32 = 30;

async fn on(server: &Firestore) -> Subject {
    let mut options = options(server);
    options.answer_timeout = Duration::from_secs(20);
    let subject = Subject::new(store(&options).await).reopening(move || {
        let options = options.clone();
        async move { Ok(Arc::new(FirestoreStore::open(options).await?) as Arc<dyn Store>) }
    });
    // The fake sorts all keys of a bucket for each page.
    subject.very_many(6000)
}

async fn firestore() -> Subject {
    on(server().await).await
}

keywell_conformance::suite!(firestore);

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, firestore);
    driven.unwrap_or_else(|found| panic!("{found}"));
}

/// Nothing is collected while the tests run.
mod late {
    use super::{Firestore, OnceCell, Subject, on};

    async fn firestore_that_collects_late() -> Subject {
        static SERVER: OnceCell<Firestore> = OnceCell::const_new();
        let started = SERVER.get_or_init(|| async {
            let server = Firestore::start().await.expect("a fake starts");
            server.stop_collecting();
            server
        });
        on(started.await).await
    }

    keywell_conformance::suite!(firestore_that_collects_late);
}
