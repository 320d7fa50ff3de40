//! How other processes reach an application.

use std::path::Path;

use keywell_app::config::ListenAddress;
use keywell_app::{AppOptions, Application, ControlOptions, Handle, Plan};
use keywell_control::{RemoteStore, Report, processes};
use keywell_servers::Port;
use keywell_store::{BucketName, Set, Store as _};
use tokio::net::TcpStream;

use crate::support::{HTTP, component, free, http, plan, start};

async fn start_in(folder: &Path, plan: Plan) -> Handle {
    let control = ControlOptions {
        processes: Some(folder.join("processes")),
    };
    let options = AppOptions {
        control: Some(control),
        ..AppOptions::default()
    };
    let application = Application::load(plan, options).unwrap();
    application.start().await.unwrap()
}

/// The only process that there is.
async fn report(folder: &Path) -> Report {
    let found = processes::all(&folder.join("processes")).await.unwrap();
    let [report] = <[_; 1]>::try_from(found).expect("there is one process");
    report.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_sockets_follow_its_plan() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let path = component(folder.path(), "web.wasm", HTTP);
    let port = Port::claim().unwrap();
    let with = |store: &str, has_health: bool| {
        let url = format!("disk:{}", place(store).display());
        let mut plan = plan(&path, &url, http(free()));
        plan.health = has_health.then(|| ListenAddress::from(port.address()).into());
        plan
    };
    let mut handle = start_in(folder.path(), with("one", true)).await;
    let health = handle.status().health[0];
    TcpStream::connect(health).await.unwrap();
    let one = RemoteStore::find(&place("one")).await.unwrap();
    let one = one.open(&BucketName::default()).await.unwrap();
    one.set("k", "v".into(), Set::default()).await.unwrap();

    handle.reload(with("two", false)).await.unwrap();
    assert!(one.get("k").await.is_err());
    assert!(RemoteStore::find(&place("one")).await.is_none());
    assert!(RemoteStore::find(&place("two")).await.is_some());
    assert!(TcpStream::connect(health).await.is_err());
    let seen = report(folder.path()).await;
    assert!(seen.stores[0].url.ends_with("two"), "{seen:?}");

    // A plan that cannot run changes nothing.
    let mut wrong = with("three", true);
    wrong.components.get_mut("web").unwrap().outgoing = vec!["a b".to_owned().into()];
    handle.reload(wrong).await.unwrap_err();
    assert!(RemoteStore::find(&place("two")).await.is_some());
    assert_eq!(report(folder.path()).await.stores, seen.stores);

    handle.stop().await.unwrap();
    assert!(RemoteStore::find(&place("two")).await.is_none());
    let none = processes::all(&place("processes")).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn without_leave_it_has_no_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let store = folder.path().join("store");
    let url = format!("disk:{}", store.display());
    let handle = start(plan(&path, &url, http(free()))).await.unwrap();
    assert!(RemoteStore::find(&store).await.is_none());
    let mut names: Vec<_> = std::fs::read_dir(&store)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["data.redb", "lock"]);
    handle.stop().await.unwrap();
}
