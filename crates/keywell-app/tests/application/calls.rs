//! Components that answer imports of others.

use std::path::Path;
use std::time::Duration;

use keywell_app::config::{
    ComponentPlan, Draft, GrantPlan, ImportPlan, LinkPlan, Report, StorePlan, TriggerPlan,
    WatchPlan,
};
use keywell_app::{AppOptions, Application, Error, Event, Examined, Plan, TriggerCounts};
use keywell_store::{BucketName, Set};
use tokio::task::JoinSet;

use crate::support::{Client, address, component, free, get_path, guest, http, plan, run, start};

/// Answers 500, and in time.
const FAILED: &str = "HTTP/1.1 500 Internal Server Error";

fn import(interface: &str, component: &str) -> ImportPlan {
    ImportPlan {
        interface: interface.to_owned().into(),
        component: component.to_owned(),
    }
}

/// A link to one bucket of the store `main`, by its own name.
fn bucket(name: &str) -> LinkPlan {
    let grant = GrantPlan {
        store: "main".to_owned(),
        bucket: name.to_owned().into(),
        read_only: false,
        prefix: String::new(),
        max_key: None,
        max_value: None,
    };
    LinkPlan {
        buckets: [(name.to_owned(), grant)].into(),
        ..LinkPlan::default()
    }
}

/// The guest that answers requests by calls of another, each with a bucket of its own.
fn greeting() -> Plan {
    let mut plan = plan(&guest("caller"), "memory:", http(free()));
    let web = plan.components.get_mut("web").unwrap();
    web.link = bucket("mine");
    web.imports.push(import("example:greet/greeter", "greeter"));
    let greeter = ComponentPlan {
        link: bucket("its"),
        ..ComponentPlan::new(guest("greeter"))
    };
    plan.components.insert("greeter".to_owned(), greeter);
    plan
}

#[tokio::test]
async fn values_of_every_kind_arrive_whole_and_come_back() {
    let handle = start(greeting()).await.unwrap();
    let mut client = Client::connect(address(&handle.status())).await;
    assert_eq!(client.get("/greet").await, "whole");
    assert_eq!(client.get("/fill?100000").await, "100000");
    assert_eq!(client.get("/measure?100000").await, "100000");
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn each_component_has_its_own_grants() {
    let handle = start(greeting()).await.unwrap();
    let mut client = Client::connect(address(&handle.status())).await;
    for (path, expected) in [
        ("/own?mine", "1"),
        ("/own?its", "access-denied"),
        ("/count?its", "1"),
        ("/count?mine", "access-denied"),
        ("/count?its", "2"),
        ("/own?mine", "2"),
    ] {
        assert_eq!(client.get(path).await, expected, "{path}");
    }
    handle.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_is_held_to_its_own_limits() {
    let mut plan = greeting();
    plan.components.get_mut("web").unwrap().timeout = Some(Duration::from_mins(10));
    let greeter = plan.components.get_mut("greeter").unwrap();
    greeter.timeout = Some(Duration::from_millis(300));
    greeter.memory = Some(4 << 20);
    let handle = start(plan).await.unwrap();
    let address = address(&handle.status());
    // The host holds values of ten times the bytes for it, or more.
    for path in [
        "/compute",
        "/wait",
        "/grow",
        "/measure?1000000",
        "/fill?1000000",
    ] {
        assert_eq!(get_path(address, path).await, FAILED, "{path}");
    }
    assert_eq!(Client::connect(address).await.get("/greet").await, "whole");
    handle.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_has_no_more_time_than_its_caller() {
    let mut plan = greeting();
    plan.components.get_mut("web").unwrap().timeout = Some(Duration::from_millis(300));
    let greeter = plan.components.get_mut("greeter").unwrap();
    greeter.timeout = Some(Duration::from_mins(10));
    let handle = start(plan).await.unwrap();
    let address = address(&handle.status());
    for path in ["/compute", "/wait"] {
        let status = get_path(address, path).await;
        assert_eq!(status, "HTTP/1.1 504 Gateway Timeout", "{path}");
    }
    handle.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_need_no_more_places_than_their_callers() {
    for instances in [1, 3] {
        let mut plan = greeting();
        plan.limits.instances = Some(instances);
        let handle = start(plan).await.unwrap();
        let address = address(&handle.status());
        let mut clients = JoinSet::new();
        for _ in 0..16 {
            clients.spawn(async move { Client::connect(address).await.get("/count?its").await });
        }
        let numbers = clients.join_all().await.into_iter();
        let mut numbers: Vec<i64> = numbers.map(|number| number.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
        handle.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_ends_when_the_client_goes_away() {
    for path in ["/wait", "/compute"] {
        let mut plan = greeting();
        plan.limits.instances = Some(1);
        plan.limits.timeout = Some(Duration::from_hours(1));
        let handle = start(plan).await.unwrap();
        let address = address(&handle.status());
        let mut waits = Client::connect(address).await;
        waits
            .send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        while handle.counters()[0].counts != (TriggerCounts::Http { requests: 1 }) {
            tokio::task::yield_now().await;
        }
        drop(waits);
        // It has the only place.
        assert_eq!(Client::connect(address).await.get("/greet").await, "whole");
        handle.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_reload_replaces_what_calls_a_component_that_changed() {
    let mut handle = start(greeting()).await.unwrap();
    let address = address(&handle.status());
    let mut client = Client::connect(address).await;
    assert_eq!(client.get("/count?its").await, "1");
    let mut same = greeting();
    same.triggers = vec![http(address)];
    handle.reload(same.clone()).await.unwrap();
    let mut other = same.clone();
    let second = StorePlan::new("memory:");
    other.stores.insert("second".to_owned(), second);
    let greeter = other.components.get_mut("greeter").unwrap();
    greeter.link.buckets.get_mut("its").unwrap().store = "second".to_owned();
    handle.reload(other.clone()).await.unwrap();
    assert_eq!(client.get("/count?its").await, "1", "it is another store's");
    handle.reload(other.clone()).await.unwrap();
    let counts = handle.counters()[0].counts;
    assert_eq!(counts, TriggerCounts::Http { requests: 1 }, "it runs on");
    let folder = tempfile::tempdir().unwrap();
    let end = component(folder.path(), "end.wasm", &end("(local.get 0)"));
    other
        .components
        .insert("end".to_owned(), ComponentPlan::new(end));
    let greeter = other.components.get_mut("greeter").unwrap();
    greeter.imports.push(import("a:b/next", "end"));
    match handle.reload(other).await {
        Err(Error::Chain { most: 2 }) => {}
        other => panic!("{other:?}"),
    }
    handle.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_callee_writes_counts_as_a_hop_of_the_delivery() {
    let mut plan = greeting();
    plan.components.get_mut("web").unwrap().link = bucket("its");
    let mut watch = WatchPlan::new("web", "main", "SET@key");
    watch.bucket = "its".to_owned().into();
    watch.hops = Some(3);
    plan.triggers = vec![TriggerPlan::Watch(Box::new(watch))];
    let mut application = Application::load(plan, AppOptions::default()).unwrap();
    application.open().await.unwrap();
    let store = application.store("main").unwrap().clone();
    let handle = application.start().await.unwrap();
    let its = store
        .open(&BucketName::parse("its").unwrap())
        .await
        .unwrap();
    its.set("key", "0".into(), Set::default()).await.unwrap();
    // The event of the first write, and those of three hops.
    loop {
        let TriggerCounts::Watch(counts) = handle.counters()[0].counts else {
            panic!("it is a watch trigger");
        };
        assert!(counts.delivered <= 4, "nothing ends it");
        if counts.dead > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let counted = its.get("key").await.unwrap().unwrap();
    assert_eq!(&counted.value[..], b"4");
    handle.stop().await.unwrap();
}

/// Exports `a:b/next` with a function of a number.
fn end(body: &str) -> String {
    format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "f") (param i32) (result i32) {body}))
            (core instance $i (instantiate $m))
            (func $f (param "n" u32) (result u32) (canon lift (core func $i "f")))
            (instance $next (export "f" (func $f)))
            (export "a:b/next" (instance $next)))"#
    )
}

/// The import of `a:b/next`, and in `body` the export that calls it with a number.
fn calls(name: &str, body: &str, export: &str) -> String {
    format!(
        r#"(component
            (import "{name}" (instance $next (export "f" (func (param "n" u32) (result u32)))))
            (core func $lowered (canon lower (func $next "f")))
            (core module $m
                (import "next" "f" (func $next (param i32) (result i32)))
                {body})
            (core instance $i
                (instantiate $m (with "next" (instance (export "f" (func $lowered))))))
            {export})"#
    )
}

/// Adds one to what is passed on and comes back.
fn relay() -> String {
    let body = r#"(func (export "f") (param i32) (result i32)
        (i32.add (i32.const 1) (call $next (local.get 0))))"#;
    let export = r#"
        (func $f (param "n" u32) (result u32) (canon lift (core func $i "f")))
        (instance $next-again (export "f" (func $f)))
        (export "a:b/next" (instance $next-again))"#;
    calls("a:b/next", body, export)
}

/// A command that succeeds if a number comes back for 40.
fn asks(name: &str, number: u32) -> String {
    let body = format!(
        r#"(func (export "run") (result i32)
            (i32.ne (i32.const {number}) (call $next (i32.const 40))))"#
    );
    let export = r#"
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $cli (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $cli))"#;
    calls(name, &body, export)
}

/// A command, and components that call one another in this order.
fn chain(folder: &Path, texts: &[(&str, String)]) -> Plan {
    let mut plan = Plan::default();
    plan.triggers.push(run());
    for (at, (name, text)) in texts.iter().enumerate() {
        let path = component(folder, &format!("{name}.wasm"), text);
        let mut component = ComponentPlan::new(path);
        let next = texts.get(at + 1).map(|(next, _)| import("a:b/next", next));
        component.imports.extend(next);
        plan.components.insert((*name).to_owned(), component);
    }
    plan
}

async fn ended(plan: Plan) -> Event {
    let mut handle = start(plan).await.unwrap();
    handle.next().await.unwrap()
}

#[tokio::test]
async fn a_call_goes_through_a_chain_with_one_instance_for_each() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = chain(
        folder.path(),
        &[
            ("job", asks("a:b/next", 43)),
            ("first", relay()),
            ("second", relay()),
            ("last", end("(i32.add (i32.const 1) (local.get 0))")),
        ],
    );
    chain.limits.instances = Some(1);
    let last = chain.components.get_mut("last").unwrap();
    last.timeout = Some(Duration::from_secs(50));
    match ended(chain).await {
        Event::Exited { code: 0, .. } => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_failure_names_each_component_that_it_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    for (body, cause) in [
        (
            "(unreachable)",
            "wasm trap: wasm `unreachable` instruction executed",
        ),
        (
            "(loop $on (br $on)) (unreachable)",
            "the call took longer than it may",
        ),
        (
            "(if (i32.eq (i32.const -1) (memory.grow (i32.const 64))) (then (unreachable))) (i32.const 0)",
            "wasm trap: wasm `unreachable` instruction executed; its memories and tables may have \
             1048576 bytes together; raise --memory",
        ),
    ] {
        let mut chain = chain(
            folder.path(),
            &[
                ("job", asks("a:b/next", 43)),
                ("first", relay()),
                ("last", end(body)),
            ],
        );
        let last = chain.components.get_mut("last").unwrap();
        last.timeout = Some(Duration::from_millis(100));
        last.memory = Some(1 << 20);
        let Event::Failed { component, problem } = ended(chain).await else {
            panic!("{cause}");
        };
        let (text, expected) = (
            problem.to_string(),
            format!(
                "the component first failed in f of a:b/next: the component last failed in f of \
                 a:b/next: {cause}"
            ),
        );
        assert_eq!(component, "job");
        assert!(text.contains(&expected), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_answer_is_one_error_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let good = || end("(local.get 0)");
    let resource = r#"(component
        (import "a:b/next" (instance (export "r" (type (sub resource)))))
        (core module $m (func (export "run") (result i32) (i32.const 0)))
        (core instance $i (instantiate $m))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $cli (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $cli)))"#;
    for (job, other, expected) in [
        (
            asks("a:b/next", 0),
            "(component)".to_owned(),
            "a:b/next: it exports no interface",
        ),
        (
            asks("a:b/next", 0),
            good().replace("a:b/next", "a:b/other"),
            "a:b/next: it exports a:b/other, and not this",
        ),
        (
            asks("a:b/next@1.1.0", 0),
            good().replace("a:b/next", "a:b/next@2.0.0"),
            "a:b/next@1.1.0: it exports a:b/next@2.0.0, which is not compatible",
        ),
        (
            asks("a:b/next", 0),
            good().replace("(export \"f\" (func $f))", "(export \"g\" (func $f))"),
            "a:b/next: it exports no function f there",
        ),
        (
            asks("a:b/next", 0),
            good().replace("\"n\" u32", "\"n\" s32"),
            "a:b/next: its function f has another type of the parameter n",
        ),
        (
            asks("a:b/next", 0),
            good().replace("\"n\" u32", "\"m\" u32"),
            "a:b/next: its function f has a parameter m in place of n",
        ),
        (
            asks("a:b/next", 0),
            good().replace("(result u32)", "(result s32)"),
            "a:b/next: its function f has another type of result",
        ),
        (
            resource.to_owned(),
            good(),
            "a:b/next: it has the resource r, which stays with its component; compose the two",
        ),
    ] {
        let plan = chain(folder.path(), &[("job", job), ("other", other)]);
        let expected =
            format!("the component job: it cannot call the component other by {expected}");
        let error = Application::load(plan.clone(), AppOptions::default());
        let error = error.err().unwrap().to_string();
        assert!(error.starts_with(&expected), "{error}");
        let report = Report::default();
        let examined = Examined::new(Draft { plan, report }, AppOptions::default());
        let problems = examined.report().problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.starts_with(&expected), "{problems:?}");
    }
    // A later version of the same interface answers.
    let good = good().replace("a:b/next", "a:b/next@1.2.0");
    let job = asks("a:b/next@1.1.0", 40);
    let plan = chain(folder.path(), &[("job", job), ("other", good)]);
    match ended(plan).await {
        Event::Exited { code: 0, .. } => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_import_that_nothing_answers_comes_with_what_to_add() {
    let mut plan = greeting();
    let web = plan.components.get_mut("web").unwrap();
    web.imports.clear();
    let greeter = plan.components.get_mut("greeter").unwrap();
    greeter.imports.push(import("a:b/c", "web"));
    let report = Report::default();
    let examined = Examined::new(Draft { plan, report }, AppOptions::default());
    let problems: Vec<_> = examined.report().problems().iter().collect();
    let texts: Vec<(&str, Option<&str>)> = problems
        .iter()
        .map(|problem| (&*problem.message, problem.help.as_deref()))
        .collect();
    let expected = [
        (
            "the component web imports what Keywell does not offer: example:greet/greeter@0.1.2",
            Some("add \"example:greet/greeter\" = \"greeter\" to [component.web.imports]"),
        ),
        (
            "the component greeter does not import a:b/c",
            Some("leave it out"),
        ),
    ];
    assert_eq!(texts, expected);
}
