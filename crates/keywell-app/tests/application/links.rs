//! Components with several links, with secrets, and with a limit on their instances.

use std::io::{self, Write};
use std::sync::{Arc, mpsc};

use keywell_app::config::{CommandPlan, LinkPlan, StorePlan, TriggerPlan};
use keywell_app::{AppOptions, Application, Event, Plan};
use keywell_runtime::output::{Format, Output};
use keywell_store::{BucketName, Store};

use crate::support::{free, guest, http, plan, start};

/// Hands on what is printed.
struct Printed(mpsc::Sender<Vec<u8>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.send(bytes.to_vec());
        sent.map(|()| bytes.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A command with the store `main`, and `other` on a link `cache`.
fn job(steps: &[&str]) -> Plan {
    let mut command = CommandPlan::new("job");
    command.arguments = steps.iter().map(|step| (*step).to_owned()).collect();
    let mut plan = plan(&guest("settings"), "memory:", TriggerPlan::Command(command));
    plan.stores
        .insert("other".to_owned(), StorePlan::new("memory:"));
    let job = plan.components.get_mut("job").unwrap();
    job.links.insert("cache".to_owned(), LinkPlan::to("other"));
    plan
}

/// What the command of a plan prints, and its stores.
async fn run(plan: Plan) -> (String, [Arc<dyn Store>; 2]) {
    let (sender, printed) = mpsc::channel();
    let options = AppOptions {
        output: Output::new(Printed(sender), io::stderr(), Format::default()),
        ..AppOptions::default()
    };
    let mut application = Application::load(plan, options).unwrap();
    application.open().await.unwrap();
    let stores = ["main", "other"].map(|name| application.store(name).unwrap().clone());
    let mut handle = application.start().await.unwrap();
    match handle.next().await {
        Some(Event::Exited { code, .. }) => assert_eq!(code, 0),
        other => panic!("{other:?}"),
    }
    // All of it is written once the command has ended.
    let printed: Vec<u8> = printed.try_iter().flatten().collect();
    (String::from_utf8(printed).unwrap(), stores)
}

async fn value(store: &Arc<dyn Store>, key: &str) -> Option<String> {
    let bucket = store.open(&BucketName::default()).await.unwrap();
    let entry = bucket.get(key).await.unwrap();
    entry.map(|entry| String::from_utf8(entry.value.to_vec()).unwrap())
}

#[tokio::test]
async fn a_bucket_stays_on_its_link_and_other_interfaces_use_theirs() {
    let steps = [
        "bucket",
        "batch:here=1",
        "link:2.0.1:cache:batch",
        "many:here",
        "batch:there=2",
        "many:there",
        "has:there",
        "link:2.0.0:cache:store",
        "has:there",
        "has:here",
        "bucket",
        "has:there",
        "count:n",
        "link:1.0.0:cache:atomics",
        "count:n",
        "unbatch:there",
        "has:there",
        "link:2.0.0:default:store,batch,atomics",
        "bucket",
        "has:here",
    ];
    let expected = "bucket: opened\nbatch: done\nlink: cache\nmany: 0\nbatch: done\nmany: 1\n\
        has: false\nlink: cache\nhas: false\nhas: true\nbucket: opened\nhas: true\ncount: 1\n\
        link: cache\ncount: 1\nunbatch: done\nhas: false\nlink: default\nbucket: opened\nhas: true\n";
    let (printed, [main, other]) = run(job(&steps)).await;
    assert_eq!(printed, expected);
    assert_eq!(value(&main, "here").await.unwrap(), "1");
    assert_eq!(value(&other, "here").await, None);
    for store in [main, other] {
        assert_eq!(value(&store, "n").await.unwrap(), "1");
    }
}

#[tokio::test]
async fn nothing_is_chosen_where_one_of_the_interfaces_has_no_such_link() {
    let steps = [
        "link:2.0.1:cache:batch,types",
        "bucket",
        "batch:k=v",
        "link:2.0.1:cache:batch,watcher",
        "many:k",
    ];
    let expected = "link: interface `wasi:keyvalue/types` does not have an existing link with name \
        `cache`\nbucket: opened\nbatch: done\nlink: cache\nmany: 0\n";
    let (printed, [main, _]) = run(job(&steps)).await;
    assert_eq!(printed, expected);
    assert_eq!(value(&main, "k").await.unwrap(), "v");
}

#[tokio::test]
async fn a_component_reads_its_secrets_by_handles_that_are_bounded() {
    let mut plan = job(&[
        "secret:token",
        "secret:tries",
        "secret:",
        "secrets:token:9999999",
    ]);
    let job = plan.components.get_mut("job").unwrap();
    let secrets = [("token", "hunter2"), ("tries", "1"), ("tries", "3")];
    job.secrets = secrets
        .map(|(name, value)| (name.to_owned(), value.to_owned().into()))
        .to_vec();
    let debugged = format!("{plan:?}");
    assert!(!debugged.contains("hunter2"), "{debugged}");
    let (printed, _) = run(plan).await;
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[..3], ["token: hunter2", "tries: 3", ": not-found"]);
    assert!(lines[3].contains("resource table"), "{printed}");
}

#[tokio::test]
async fn a_component_without_instances_is_not_run() {
    let mut plan = plan(&guest("counter"), "memory:", http(free()));
    plan.components.get_mut("web").unwrap().instances = Some(0);
    let mut handle = start(plan).await.unwrap();
    assert!(handle.status().triggers.is_empty());
    assert!(handle.next().await.is_none());
    handle.stop().await.unwrap();
}
