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

/// Runs every behaviour on one subject, some at a time, and tells all that are broken.
pub(crate) async fn whole_suite(subject: Subject) {
    use futures::StreamExt as _;
    let subject = &subject;
    let behaviours = keywell_conformance::behaviours().iter();
    // A restart closes the store for all: those go one by one, afterwards.
    let (restarts, others): (Vec<_>, Vec<_>) =
        behaviours.partition(|behaviour| behaviour.name.contains("restart"));
    let run = async |behaviour: &keywell_conformance::Behaviour| {
        let outcome = behaviour.run(subject).await;
        outcome
            .err()
            .map(|failure| format!("{behaviour:?}: {failure}"))
    };
    let mut broken: Vec<String> = futures::stream::iter(others)
        .map(run)
        .buffer_unordered(4)
        .filter_map(std::future::ready)
        .collect()
        .await;
    for behaviour in restarts {
        broken.extend(run(behaviour).await);
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}
