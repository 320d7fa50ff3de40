//! `keywell up` when a trigger that runs fails for good.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpStream;
use std::thread;

use keywell_servers::Redis;
use support::alerts::Alerts;
use support::application::{Application, get};
use support::gate::Gate;
use support::{guest, keywell};

/// A component that watches a Redis, and on a store of its own one that answers HTTP and may fetch
/// from the gate.
fn application(redis: &Redis, alerts: &Alerts, gate: &Gate) -> String {
    format!(
        "[store.shared]\nurl = {:?}\n[store.own]\nurl = \"disk:data\"\n\
         [component.alerts]\npath = {:?}\nstore = \"shared\"\noutgoing = [{:?}]\n\
         env.ALERT_URL = \"http://{}/{{key}}\"\n\
         [component.shop]\npath = {:?}\nstore = \"own\"\noutgoing = [{:?}]\n\
         \n[[trigger.watch]]\nname = \"orders\"\ncomponent = \"alerts\"\non = \"SET@*\"\n\
         \n[[trigger.http]]\ncomponent = \"shop\"\naddr = \"127.0.0.1:0\"\n",
        redis.url(),
        guest("http_watcher").to_str().unwrap(),
        alerts.address,
        alerts.address,
        guest("mischief").to_str().unwrap(),
        gate.address,
    )
}

#[tokio::test]
async fn a_trigger_that_fails_while_it_runs_is_reported_and_the_others_stop_gracefully() {
    let builder = Redis::builder().config("notify-keyspace-events AKE");
    let redis = builder.user("keywell", "hunter2").start().await.unwrap();
    let (alerts, gate) = (Alerts::start(), Gate::start());
    let folder = tempfile::tempdir().unwrap();
    let text = application(&redis, &alerts, &gate);
    let mut application = Application::start(folder.path(), &text);
    redis.command(&["SET", "default:a", "1"]).await.unwrap();
    assert_eq!(alerts.next().target, "/a");

    let address = application.address();
    let request = {
        let (address, path) = (address.clone(), gate.path());
        thread::spawn(move || get(&address, &path))
    };
    let held = gate.hold();
    // Its account may subscribe to nothing any more. The server ends the subscriptions that it has.
    let revoke = ["ACL", "SETUSER", "keywell", "resetchannels"];
    redis.command(&revoke).await.unwrap();
    let complaint = application.logs("keywell: ");
    assert_eq!(
        complaint,
        "keywell: the trigger \"orders\" can watch no longer: access denied: the server does not \
         let this account do it"
    );
    // No new requests are taken, and the one that runs is waited for.
    while TcpStream::connect(&address).is_ok() {
        thread::yield_now();
    }
    held.let_go();
    let response = request.join().unwrap();
    assert_eq!((response.status, &*response.text()), (200, "200 2"));
    let (status, logged) = application.ends();
    assert_eq!(status.code(), Some(1));
    let others = logged.iter().find(|line| line.starts_with("keywell: "));
    assert_eq!(others, None, "it is logged once, and nothing else");
    // The stores were closed.
    let store = format!("disk:{}", folder.path().join("data").display());
    let mut kv = keywell();
    kv.args(["kv", "list", "--store", &store]);
    assert!(kv.output().unwrap().status.success());
}
