//! A recorded store keeps what the contract promises of the store that it records.

use std::sync::Arc;

use keywell_conformance::Subject;
use keywell_journal::{Claim, Created, Invoked, Journals, RecordedStore, Session, Time};
use keywell_memory::MemoryStore;
use keywell_store::Store;

async fn recorded(journal: Arc<dyn Store>, data: Arc<dyn Store>) -> Subject {
    let journals = Journals::open(journal).await.expect("it can swap");
    let name = "w".parse().expect("it is a name");
    let claim = Claim {
        holder: "test".to_owned(),
        now: Time::of_the_system(),
        lease: std::time::Duration::ZERO,
    };
    let journal = journals.create(&name, Created::default(), &claim).await;
    let clock = Arc::new(Time::of_the_system);
    let session = Session::open(journal.expect("it is new"), clock, u64::MAX).await;
    let session = session.expect("it has a record");
    let invoked = Invoked {
        key: None,
        function: "f".to_owned(),
        arguments: bytes::Bytes::new(),
    };
    session.accept(invoked).await.expect("it is recorded");
    session.next().await.expect("it begins");
    Subject::new(RecordedStore::new(&session, "data", data))
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

mod in_one_store {
    use keywell_conformance::Subject;

    async fn joined() -> Subject {
        let store = super::memory();
        super::recorded(store.clone(), store).await
    }

    keywell_conformance::suite!(joined);
}

mod in_two_stores {
    use keywell_conformance::Subject;

    async fn apart() -> Subject {
        super::recorded(super::memory(), super::memory()).await
    }

    keywell_conformance::suite!(apart);

    #[test]
    fn it_answers_as_a_model_does() {
        let driven = keywell_conformance::models::drive(30, apart);
        driven.unwrap_or_else(|found| panic!("{found}"));
    }
}
