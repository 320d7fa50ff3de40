//! The memory store passes the conformance suite.

use std::sync::Arc;

use keywell_conformance::Subject;
use keywell_memory::{History, MemoryStore};
use keywell_store::Store;

/// How many lists of random operations are compared with the model.
const CASES: u32 = 1000;

async fn memory() -> Subject {
    Subject::new(MemoryStore::new()).with_brief_history(100, || async {
        let history = History {
            events: 8,
            ..History::default()
        };
        Ok(Arc::new(MemoryStore::with_history(history)) as Arc<dyn Store>)
    })
}

/// With a bound that no behaviour reaches.
async fn bounded() -> Subject {
    Subject::new(MemoryStore::bounded(1 << 30, History::default()))
}

mod unbounded {
    use super::memory;
    keywell_conformance::suite!(memory);
}

mod within_a_bound {
    use super::bounded;
    keywell_conformance::suite!(bounded);
}

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, memory);
    driven.unwrap_or_else(|found| panic!("{found}"));
}

#[test]
fn within_a_bound_it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, bounded);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
