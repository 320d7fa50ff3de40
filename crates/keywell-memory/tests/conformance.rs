//! The memory store keeps what the contract promises.

use std::sync::Arc;

use keywell_conformance::Subject;
use keywell_memory::{History, MemoryStore};
use keywell_store::Store;

/// How many lists of random operations it is driven with.
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

keywell_conformance::suite!(memory);

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, memory);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
