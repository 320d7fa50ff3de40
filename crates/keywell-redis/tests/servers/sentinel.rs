//! A primary that sentinels name, and another one later.

use std::sync::Arc;

use keywell_conformance::Subject;
use keywell_servers::Sentinels;
use keywell_store::{Bucket, Event, Filter, Set, Store, Watch};

use crate::conformance::whole_suite;
use crate::load::{Keeps, Load};
use crate::support::{bucket, hasty, next_after_loss, on_both_layouts, open, until, watch};

on_both_layouts! {
    the_sentinels_change_the_primary
    the_primary_is_killed
    the_primary_is_frozen_and_comes_back_as_a_replica
}

fn url(service: &Sentinels) -> String {
    let addrs: Vec<String> = service.addrs().iter().map(ToString::to_string).collect();
    format!(
        "redis+sentinel://{}/{}",
        addrs.join(","),
        Sentinels::SERVICE
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promises_are_kept_behind_sentinels() {
    let service = Sentinels::start(1).await.unwrap();
    let store = open(&url(&service), "configure-notifications=true").await;
    whole_suite(Subject::shared(store).keeping(service)).await;
}

fn watched() -> Filter {
    Filter::Key("watched".into())
}

async fn begin(layout: &str) -> (Sentinels, Arc<dyn Store>, Arc<dyn Bucket>, Watch, Load) {
    let service = Sentinels::start(3).await.unwrap();
    for server in service.servers() {
        let flags = ["config", "set", "notify-keyspace-events", "KEA"];
        server.cli(&flags).await.unwrap();
    }
    let store = open(&url(&service), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let one = watch(&bucket, watched()).await;
    let load = Load::start(&bucket, 8, Keeps::Some);
    load.goes_on(200).await;
    (service, store, bucket, one, load)
}

/// Calls are answered, nothing was done twice, and the watch delivers what is written now. What a
/// primary had answered and not passed on to its replica is lost, as Redis says.
async fn end(bucket: Arc<dyn Bucket>, mut one: Watch, load: Load) {
    load.goes_on(200).await;
    load.check(Keeps::Some).await;
    let listening = async {
        loop {
            if let Event::Set { value, .. } = next_after_loss(&bucket, &mut one, &watched()).await
                && value == "heard?"
            {
                return;
            }
        }
    };
    let writing = until("the watch delivers", || async {
        let _ = bucket.set("watched", "heard?".into(), Set::default()).await;
        Err("it does not")
    });
    tokio::select! {
        () = listening => {}
        () = writing => {}
    }
}

async fn the_sentinels_change_the_primary(layout: &str) {
    let (service, _store, bucket, one, load) = begin(layout).await;
    service.fail_over().await.unwrap();
    end(bucket, one, load).await;
}

async fn the_primary_is_killed(layout: &str) {
    let (service, _store, bucket, one, load) = begin(layout).await;
    let primary = service.primary().await.unwrap();
    primary.kill().await.unwrap();
    service.promoted(primary.addr()).await.unwrap();
    end(bucket, one, load).await;
}

async fn the_primary_is_frozen_and_comes_back_as_a_replica(layout: &str) {
    let (service, _store, bucket, one, load) = begin(layout).await;
    let primary = service.primary().await.unwrap();
    primary.freeze().unwrap();
    service.promoted(primary.addr()).await.unwrap();
    load.goes_on(200).await;
    primary.thaw().unwrap();
    end(bucket, one, load).await;
}
