//! The plain and the flat layout keep what the contract promises, also through a restart of Keywell.

use keywell_conformance::Subject;
use keywell_servers::{Cluster, Redis};

use crate::support::{notifying_server, opened};

/// A slow machine is no fault.
const PATIENT: &str = "answer-timeout=20s";

/// How many lists of random operations it is driven with.
const CASES: u32 = 60;

async fn of(url: String) -> Subject {
    let store = opened(&url).await.expect("it connects");
    Subject::shared(store).reopening(move || {
        let url = url.clone();
        async move { opened(&url).await }
    })
}

mod one_server {
    use super::{CASES, PATIENT, Redis, Subject, notifying_server, of};

    async fn plain() -> Subject {
        let server: Redis = notifying_server().await;
        of(format!("{}?{PATIENT}", server.url()))
            .await
            .keeping(server)
    }

    keywell_conformance::suite!(plain);

    #[test]
    fn it_answers_as_a_model_does() {
        let driven = keywell_conformance::models::drive(CASES, plain);
        driven.unwrap_or_else(|found| panic!("{found}"));
    }
}

/// The flat layout has one bucket for the suite to write to.
mod flat {
    use keywell_store::BucketName;

    use super::{PATIENT, Subject, notifying_server, opened};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_default_bucket_keeps_every_promise_of_one_bucket() {
        let server = notifying_server().await;
        for settings in ["layout=flat", "layout=flat&prefix=app:"] {
            let url = format!("{}?{settings}&{PATIENT}", server.url());
            let store = opened(&url).await.expect("it connects");
            let subject = Subject::within(store, BucketName::default()).await;
            let subject = subject.expect("it is empty").reopening(move || {
                let url = url.clone();
                async move { opened(&url).await }
            });
            let mut broken = Vec::new();
            for behaviour in keywell_conformance::behaviours() {
                if let Err(failure) = behaviour.run(&subject).await {
                    broken.push(format!("{behaviour:?}: {failure}"));
                }
            }
            assert!(broken.is_empty(), "{settings}: {}", broken.join("\n"));
        }
    }
}

/// On a cluster, batches are split by slot, and every primary is listened to.
mod a_cluster {
    use super::{Cluster, PATIENT, Redis, Subject, of};

    async fn plain() -> Subject {
        let node = Redis::builder().config("notify-keyspace-events AKE");
        let cluster = Cluster::start_with(3, 0, node).await.expect("it starts");
        let nodes: Vec<String> = cluster.addrs().iter().map(ToString::to_string).collect();
        of(format!("redis+cluster://{}?{PATIENT}", nodes.join(",")))
            .await
            .keeping(cluster)
    }

    // A cluster for each behaviour takes long to start: all of them share the one of this test.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_cluster_keeps_every_promise() {
        let subject = plain().await;
        let mut broken = Vec::new();
        for behaviour in keywell_conformance::behaviours() {
            if let Err(failure) = behaviour.run(&subject).await {
                broken.push(format!("{behaviour:?}: {failure}"));
            }
        }
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}
