//! The whole suite on what is no single Redis; `tests/plain` and `tests/journal` have those.

use keywell_conformance::Subject;
use keywell_servers::{Redis, program};

use crate::support::{connect, open};

async fn subject(redis: Redis, layout: &str) -> Subject {
    let settings = format!("layout={layout}&configure-notifications=true");
    let url = redis.url();
    let store = open(&url, &settings).await;
    let whole = format!("{url}?{settings}");
    Subject::shared(store)
        .reopening(move || {
            let whole = whole.clone();
            async move { Ok(connect(&whole).await?) }
        })
        .keeping(redis)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn valkey_keeps_the_promises_where_it_is_installed() {
    let Some(valkey) = program::valkey() else {
        eprintln!("valkey-server is not installed");
        return;
    };
    for layout in ["plain", "journal"] {
        let server = Redis::builder().program(&valkey).start().await.unwrap();
        whole_suite(subject(server, layout).await).await;
    }
}

/// Runs every behaviour on one subject, and reports all that are broken.
pub(crate) async fn whole_suite(subject: Subject) {
    let mut broken = Vec::new();
    for behaviour in keywell_conformance::behaviours() {
        if let Err(failure) = behaviour.run(&subject).await {
            broken.push(format!("{behaviour:?}: {failure}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}
