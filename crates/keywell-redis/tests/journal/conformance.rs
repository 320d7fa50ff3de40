//! The journal layout keeps what the contract promises, also through a restart of Keywell.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keywell_conformance::Subject;
use keywell_redis::{Options, RedisStore};
use keywell_servers::Redis;
use keywell_store::{Result, Store};

/// How many lists of random operations it is driven with.
const CASES: u32 = 60;

async fn connect(url: String) -> Result<Arc<dyn Store>> {
    let options = Options::from_url(&url).unwrap();
    Ok(Arc::new(RedisStore::connect(&options).await?))
}

async fn of(settings: &str) -> Subject {
    let server = Redis::start().await.unwrap();
    // A slow machine is no fault.
    let url = format!(
        "{}?layout=journal&answer-timeout=20s{settings}",
        server.url()
    );
    // A stream is trimmed by whole nodes, of a hundred events each.
    let brief = format!("{url}&history=8");
    let number = AtomicU32::new(0);
    Subject::shared(connect(url.clone()).await.unwrap())
        .reopening(move || connect(url.clone()))
        .with_brief_history(400, move || {
            let number = number.fetch_add(1, Ordering::Relaxed);
            connect(format!("{brief}&prefix=brief{number}:"))
        })
        .keeping(server)
}

mod one_shard {
    use keywell_conformance::Subject;

    async fn journal() -> Subject {
        super::of("").await
    }

    keywell_conformance::suite!(journal);

    #[test]
    fn it_answers_as_a_model_does() {
        let driven = keywell_conformance::models::drive(super::CASES, journal);
        driven.unwrap_or_else(|found| panic!("{found}"));
    }
}

mod several_shards {
    use keywell_conformance::Subject;

    async fn journal() -> Subject {
        super::of("&shards=3").await
    }

    keywell_conformance::suite!(journal);

    #[test]
    fn it_answers_as_a_model_does() {
        let driven = keywell_conformance::models::drive(super::CASES, journal);
        driven.unwrap_or_else(|found| panic!("{found}"));
    }
}
