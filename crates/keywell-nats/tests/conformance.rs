//! A replicated cache passes the conformance suite as far as it declares.

use keywell_conformance::Subject;
use keywell_nats::{CacheOptions, CacheStore};

/// A cache of this process alone.
async fn alone() -> Subject {
    let store = CacheStore::open(CacheOptions::default()).await;
    Subject::new(store.expect("needs no server"))
}

mod alone {
    use super::alone;
    keywell_conformance::suite!(alone);
}
