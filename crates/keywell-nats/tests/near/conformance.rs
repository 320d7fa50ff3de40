//! It passes the conformance suite in both modes, also across restarts.

use std::sync::Arc;

use keywell_conformance::Subject;
use keywell_nats::{Caching, JetStreamStore};
use keywell_store::Store;

use crate::place;

async fn subject(cache: Caching) -> Subject {
    let server = place::server().await;
    let options = place::options(&server, cache);
    let store = JetStreamStore::open(options.clone()).await;
    Subject::new(store.expect("a store opens"))
        .reopening(move || {
            let options = options.clone();
            async move { Ok(Arc::new(JetStreamStore::open(options).await?) as Arc<dyn Store>) }
        })
        .keeping(server)
}

mod keys {
    use super::{Caching, Subject, subject};

    async fn keys() -> Subject {
        subject(Caching::Keys).await
    }

    keywell_conformance::suite!(keys);

    #[test]
    fn it_answers_as_a_model_does() {
        let driven = keywell_conformance::models::drive(25, keys);
        driven.unwrap_or_else(|found| panic!("{found}"));
    }
}

mod all {
    use super::{Caching, Subject, subject};

    async fn all() -> Subject {
        subject(Caching::All).await
    }

    keywell_conformance::suite!(all);

    #[test]
    fn it_answers_as_a_model_does() {
        let driven = keywell_conformance::models::drive(25, all);
        driven.unwrap_or_else(|found| panic!("{found}"));
    }
}
