//! Checked histories of concurrent clients, whose connections are cut all the time.

use std::sync::Arc;

use keywell_conformance::history::{Plan, seeds};
use keywell_servers::{Proxy, Redis, Towards};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::support::{bucket, hasty, on_both_layouts, open, recovered};

on_both_layouts! {
    it_is_linearizable
    it_is_linearizable_while_connections_are_cut
    it_is_linearizable_while_the_server_is_killed
}

async fn it_is_linearizable(layout: &str) {
    let redis = Redis::start().await.unwrap();
    // Two stores, as of two processes.
    let stores = [
        open(&redis.url(), &hasty(layout)).await,
        open(&redis.url(), &hasty(layout)).await,
    ];
    let mut buckets = Vec::new();
    for store in &stores {
        buckets.push(bucket(store, "b").await);
    }
    for seed in seeds(20) {
        let plan = Plan {
            clients: 6,
            ..Plan::seeded(seed)
        };
        let bucket = Arc::new(crate::load::Either::new(&buckets));
        explain(seed, plan.run(bucket).await.check());
    }
}

async fn it_is_linearizable_while_connections_are_cut(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut ambiguous = 0;
    for seed in seeds(20) {
        let plan = Plan::seeded(seed);
        let mut chance = StdRng::seed_from_u64(seed);
        let cutting = async {
            // Few enough that the checker can still decide what writes without an answer did.
            for _ in 0..3 {
                let connections = proxy.accepted();
                let towards = if chance.random() {
                    Towards::Server
                } else {
                    Towards::Client
                };
                proxy.cut_after_commands(towards, chance.random_range(5..40));
                proxy.has_accepted(connections + 1).await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let history = tokio::select! {
            history = plan.run(bucket.clone()) => history,
            () = cutting => unreachable!("it never ends"),
        };
        let lost = history.operations.iter().filter(|operation| {
            matches!(
                operation.response,
                Some((keywell_conformance::history::Response::Ambiguous(_), _))
            )
        });
        ambiguous += lost.count();
        explain(seed, history.check());
        recovered(&bucket).await;
    }
    assert!(ambiguous > 0, "no answer was ever lost");
}

async fn it_is_linearizable_while_the_server_is_killed(layout: &str) {
    let redis = Redis::builder().append_only(true).start().await.unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    for seed in seeds(5) {
        let plan = Plan {
            operations: 100,
            keys: 12,
            ..Plan::seeded(seed)
        };
        let killing = async {
            redis.kill().await.unwrap();
            redis.restart().await.unwrap();
            recovered(&bucket).await;
        };
        let paced = Arc::new(crate::load::Paced::new(&bucket));
        let (history, ()) = tokio::join!(plan.run(paced), killing);
        explain(seed, history.check());
    }
}

fn explain<T>(seed: u64, checked: Result<T, impl std::fmt::Display>) {
    if let Err(violation) = checked {
        panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
    }
}
