//! Going over to another plan while the application runs.

use std::net::SocketAddr;
use std::time::Duration;

use keywell_app::config::{ComponentPlan, LinkPlan, StorePlan, TriggerPlan, WatchPlan};
use keywell_app::{AppOptions, Application, Error, TriggerCounts, TriggerState};
use keywell_servers::Port;
use keywell_store::{BucketName, Set};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{
    Client, HTTP, address, command, component, free, get, guest, http, plan, run, start,
};

/// Requests until it is to stop, on one connection or a new one for each; how many were answered.
async fn request(address: SocketAddr, keeps: bool, stopped: watch::Receiver<bool>) -> usize {
    let mut client = Client::connect(address).await;
    let mut answered = 0;
    while !*stopped.borrow() {
        if !keeps {
            client = Client::connect(address).await;
        }
        client.get("/tea").await;
        answered += 1;
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_component_changes() {
    let path = guest("counter");
    let mut handle = start(plan(&path, "memory:", http(free()))).await.unwrap();
    let address = address(&handle.status());
    let (stop, stopped) = watch::channel(false);
    let clients = [true, true, false, false];
    let clients = clients.map(|keeps| tokio::spawn(request(address, keeps, stopped.clone())));
    let mut own = Client::connect(address).await;
    for round in 0..8 {
        own.get("/tea").await;
        let mut next = plan(&path, "memory:", http(address));
        let web = next.components.get_mut("web").unwrap();
        web.env.push(("ROUND".to_owned(), round.to_string().into()));
        handle.reload(next).await.unwrap();
    }
    stop.send_replace(true);
    let mut answered = 8;
    for client in clients {
        answered += client.await.unwrap();
    }
    // Each was answered once, and the store was kept.
    let body = own.get("/tea").await;
    assert_eq!(body, format!("Counter /tea: {}\n", answered + 1));
    handle.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_answered_by_what_it_came_to() {
    let path = guest("mischief");
    let mut handle = start(plan(&path, "memory:", http(free()))).await.unwrap();
    let address = address(&handle.status());
    let mut client = Client::connect(address).await;
    client.get("/set?key=who&value=first").await;
    let mut slow = Client::connect(address).await;
    slow.send("POST /sink HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    // The component was called for it.
    let requests = TriggerCounts::Http { requests: 2 };
    while handle.counters()[0].counts != requests {
        tokio::task::yield_now().await;
    }
    let mut next = plan(&path, "memory:", http(address));
    next.stores
        .insert("second".to_owned(), StorePlan::new("memory:"));
    next.components.get_mut("web").unwrap().link = LinkPlan::to("second");
    let old = async {
        while client.get("/get?key=who").await != "none" {}
        slow.send("def").await;
        assert_eq!(slow.body().await, "6");
        assert_eq!(slow.get("/get?key=who").await, "none");
    };
    let (reloaded, ()) = tokio::join!(handle.reload(next), old);
    reloaded.unwrap();
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_the_same_in_both_plans_runs_on() {
    let folder = tempfile::tempdir().unwrap();
    let web = component(folder.path(), "web.wasm", HTTP);
    let job = command("(loop $on (br $on)) (unreachable)");
    let job = component(folder.path(), "job.wasm", &job);
    let port = Port::claim().unwrap();
    let first = port.address();
    let mut both = plan(&web, "memory:", http(first));
    both.components
        .insert("job".to_owned(), ComponentPlan::new(&job));
    both.triggers.push(run());
    let mut handle = start(both.clone()).await.unwrap();
    get(first).await;
    let mut more = both.clone();
    more.triggers.push(http(free()));
    // Lines that were added to the file change nothing.
    more.components.get_mut("web").unwrap().place.line = 7;
    handle.reload(more).await.unwrap();
    let status = handle.status();
    assert_eq!((address(&status), status.triggers.len()), (first, 3));
    assert_eq!(status.triggers[1].state, TriggerState::Running);
    assert_eq!(requests(&handle), 1);
    handle.reload(both.clone()).await.unwrap();
    assert_eq!((requests(&handle), handle.status().triggers.len()), (1, 2));
    // The same file, and another component in it.
    let text = HTTP.replace(
        "(core module $m ",
        "(core module $m (global i32 (i32.const 1)) ",
    );
    component(folder.path(), "web.wasm", &text);
    handle.reload(both.clone()).await.unwrap();
    assert_eq!(
        (address(&handle.status()), requests(&handle)),
        (first, 0),
        "another component answers at the same address"
    );
    assert_eq!(handle.status().triggers[1].state, TriggerState::Running);
    both.triggers.remove(0);
    handle.reload(both).await.unwrap();
    assert!(TcpStream::connect(first).await.is_err());
    handle.stop().await.unwrap();
}

fn requests(handle: &keywell_app::Handle) -> u64 {
    match handle.counters()[0].counts {
        TriggerCounts::Http { requests } => requests,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_address_is_kept_for_a_trigger_that_has_some_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let mut named = plan(&path, "memory:", http(free()));
    let TriggerPlan::Http(trigger) = &mut named.triggers[0] else {
        panic!("it is an HTTP trigger");
    };
    trigger.addr = "localhost:0".parse().unwrap();
    let mut handle = start(named).await.unwrap();
    let status = handle.status();
    let keywell_app::TriggerSource::Http { addrs, .. } = &status.triggers[0].source else {
        panic!("it is an HTTP trigger");
    };
    for kept in addrs {
        let next = plan(&path, "memory:", http(*kept));
        handle.reload(next).await.unwrap();
        assert_eq!(address(&handle.status()), *kept);
        assert_eq!(get(*kept).await, "HTTP/1.1 500 Internal Server Error");
    }
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_watch_trigger_that_was_stopped_in_vain_runs_again() {
    let name = |name| BucketName::parse(name).unwrap();
    let watching = |retries| {
        let mut watch = WatchPlan::new("web", "main", "SET@a");
        watch.retries = Some(retries);
        TriggerPlan::Watch(Box::new(watch))
    };
    let path = guest("reactor");
    let old = plan(&path, "memory:", watching(1));
    let mut application = Application::load(old, AppOptions::default()).unwrap();
    application.open().await.unwrap();
    let store = application.store("main").unwrap().clone();
    let mut handle = application.start().await.unwrap();
    handle
        .reload(plan(&path, "memory:", watching(2)))
        .await
        .unwrap();
    let mut broken = plan(&path, "memory:", watching(3));
    broken
        .components
        .insert("blind".to_owned(), ComponentPlan::new(&path));
    let blind = WatchPlan::new("blind", "main", "SET@a");
    broken.triggers.push(TriggerPlan::Watch(Box::new(blind)));
    let error = handle.reload(broken).await.unwrap_err();
    assert!(matches!(error, Error::Start { .. }), "{error}");
    let status = handle.status();
    assert_eq!(status.triggers.len(), 1);
    assert_eq!(status.triggers[0].state, TriggerState::Running);
    let watched = store.open(&name("default")).await.unwrap();
    watched.set("a", "1".into(), Set::default()).await.unwrap();
    let record = store.open(&name("record")).await.unwrap();
    let delivered = async {
        while record.get("log/a").await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), delivered)
        .await
        .unwrap();
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_reload_goes_over_to_another_plan_and_keeps_its_stores() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    // One process at a time can have it open, and one store: it is kept, or the reload fails.
    let store = format!("disk:{}", folder.path().join("data").display());
    let mut handle = start(plan(&path, &store, http(free()))).await.unwrap();
    let first = address(&handle.status());
    let mut more = plan(&path, &store, http(first));
    more.stores
        .insert("other".to_owned(), StorePlan::new("memory:"));
    handle.reload(more).await.unwrap();
    let status = handle.status();
    assert_eq!(address(&status), first);
    assert_eq!(status.stores.len(), 2);
    assert_eq!(get(first).await, "HTTP/1.1 500 Internal Server Error");
    handle
        .reload(plan(&path, "memory:", http(free())))
        .await
        .unwrap();
    assert_eq!(handle.status().stores.len(), 1);
    // The store on disk was closed.
    start(plan(&path, &store, http(free())))
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_plan_that_fails_leaves_the_old_one_running() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let old = plan(&path, "memory:", http(free()));
    let mut handle = start(old.clone()).await.unwrap();
    let first = address(&handle.status());
    let absent = plan(&folder.path().join("none.wasm"), "memory:", http(free()));
    let unreachable = plan(&path, "disk:/dev/null/x", http(free()));
    let mut larger = old;
    larger.limits.instances = Some(7);
    for plan in [absent, unreachable, larger] {
        handle.reload(plan).await.unwrap_err();
        assert_eq!(address(&handle.status()), first, "nothing was stopped");
    }
    let taken = TcpListener::bind(free()).await.unwrap();
    let busy = plan(&path, "memory:", http(taken.local_addr().unwrap()));
    let error = handle.reload(busy).await.unwrap_err();
    assert!(matches!(error, Error::Start { .. }), "{error}");
    assert_eq!(address(&handle.status()), first, "nothing was stopped");
    assert_eq!(get(first).await, "HTTP/1.1 500 Internal Server Error");
    handle.stop().await.unwrap();
}
