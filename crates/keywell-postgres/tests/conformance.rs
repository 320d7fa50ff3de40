//! The store in PostgreSQL passes the conformance suite, also across restarts, and its histories are
//! linearizable, also of several processes. Each test has a schema of its own.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, in its own functions too"
)]

use std::sync::Arc;

use keywell_conformance::Subject;
use keywell_conformance::history::{Faults, Faulty, History, Plan, seeds};
use keywell_postgres::{Options, PostgresStore};
use keywell_servers::SharedPostgres;
use keywell_store::{Bucket, BucketName, Result, Store};

/// How many lists of random operations are compared with the model.
const CASES: u32 = 30;

async fn postgres() -> Subject {
    let server = SharedPostgres::get().await.unwrap();
    let database = server.url("postgres");
    // Other tests may take the processors.
    let url = format!("{database}?answer-timeout=20s&schema={}", server.name());
    let brief = server.clone();
    Subject::shared(open(url.clone()).await.unwrap())
        .reopening(move || open(url.clone()))
        .with_brief_history(100, move || {
            open(format!(
                "{database}?answer-timeout=20s&history=8&schema={}",
                brief.name()
            ))
        })
        .keeping(server)
}

async fn open(url: String) -> Result<Arc<dyn Store>> {
    let options = Options::from_url(&url).unwrap();
    Ok(Arc::new(PostgresStore::connect(&options).await?))
}

keywell_conformance::suite!(postgres);

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, postgres);
    driven.unwrap_or_else(|found| panic!("{found}"));
}

/// Fails with the first violation, and the seed that replays it.
async fn explained(usual: u64, run: impl AsyncFn(Plan) -> History) {
    for seed in seeds(usual) {
        if let Err(violation) = run(Plan::seeded(seed)).await.check() {
            panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
        }
    }
}

/// Buckets of stores that share a database, each with connections of its own, as another process
/// would have.
async fn buckets(stores: usize) -> (Arc<SharedPostgres>, Vec<Arc<dyn Bucket>>) {
    let server = SharedPostgres::get().await.unwrap();
    let url = format!("{}?schema={}", server.url("postgres"), server.name());
    let mut buckets = Vec::new();
    for _ in 0..stores {
        let store = open(url.clone()).await.unwrap();
        buckets.push(store.open(&BucketName::default()).await.unwrap());
    }
    (server, buckets)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_linearizable() {
    let (_server, buckets) = buckets(1).await;
    let run = async |plan: Plan| plan.run_on_threads(buckets[0].clone()).await;
    explained(5, run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_linearizable_on_a_bad_network() {
    let (_server, buckets) = buckets(1).await;
    let harsh = |plan: &Plan| Arc::new(Faulty::new(buckets[0].clone(), Faults::harsh(plan.seed)));
    explained(5, async |plan| plan.run(harsh(&plan)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_stores_of_one_database_are_linearizable_together() {
    let (_server, buckets) = buckets(3).await;
    explained(5, async |plan| plan.run_between(&buckets).await).await;
}
