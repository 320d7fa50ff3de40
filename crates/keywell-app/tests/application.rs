//! Applications: how they start, what is seen of them while they run, how they change and end.

#![cfg(all(feature = "disk", feature = "memory"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use keywell_app::config::{CommandPlan, ComponentPlan, HttpPlan, StorePlan, TriggerPlan};
use keywell_app::{
    AppOptions, Application, Error, Event, Handle, Plan, Status, TriggerCounts, TriggerKind,
    TriggerSource, TriggerState,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Answers HTTP, though never with a response.
const HTTP: &str = r#"(component
    (import "wasi:http/types@0.2.0" (instance $types
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $types "incoming-request" (type $request))
    (alias export $types "response-outparam" (type $response))
    (core module $m (func (export "handle") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func $handle (param "request" (own $request)) (param "response-out" (own $response))
        (canon lift (core func $i "handle")))
    (instance $handler (export "handle" (func $handle)))
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;

/// A command that succeeds at once, fails at once, or goes on for ever.
fn command(body: &str) -> String {
    format!(
        r#"(component
            (core module $m (func (export "run") (result i32) {body}))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $cli (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $cli)))"#
    )
}

/// The file of a component.
fn component(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    path
}

/// A plan with a component that has a store, and that a trigger calls.
fn plan(path: &Path, store: &str, trigger: TriggerPlan) -> Plan {
    let component = ComponentPlan {
        store: Some("main".to_owned()),
        ..ComponentPlan::new(path)
    };
    let mut plan = Plan::default();
    let main = StorePlan::new(store);
    plan.stores.insert("main".to_owned(), main);
    let name = trigger.component().to_owned();
    plan.components.insert(name, component);
    plan.triggers.push(trigger);
    plan
}

fn http(addr: SocketAddr) -> TriggerPlan {
    TriggerPlan::Http(HttpPlan::new("web", addr))
}

fn run() -> TriggerPlan {
    TriggerPlan::Command(CommandPlan::new("job"))
}

fn free() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

async fn start(plan: Plan) -> Result<Handle, Error> {
    Application::load(plan, AppOptions::default())?
        .start()
        .await
}

fn address(status: &Status) -> SocketAddr {
    match &status.triggers[0].source {
        TriggerSource::Http { addrs } => addrs[0],
        other => panic!("{other:?}"),
    }
}

/// The status line of the response to a request.
async fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_application_says_what_it_is_and_what_it_did_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let application = plan(&path, "memory:", http(free()));
    let application = Application::load(application, AppOptions::default()).unwrap();
    assert!(application.can_be_called("web", TriggerKind::Http));
    assert!(!application.can_be_called("web", TriggerKind::Command));
    assert!(application.store("main").is_none(), "nothing is open yet");
    let handle = application.start().await.unwrap();
    let status = handle.status();
    assert_eq!(
        (&*status.stores[0].name, &*status.stores[0].url),
        ("main", "memory:")
    );
    assert_eq!(status.components[0].path, path);
    assert_eq!(status.triggers[0].state, TriggerState::Running);
    let address = address(&status);
    assert_eq!(get(address).await, "HTTP/1.1 500 Internal Server Error");
    let counts = handle.counters()[0].counts;
    assert_eq!(counts, TriggerCounts::Http { requests: 1 });
    handle.stop().await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_command_ends_with_its_code_or_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    for (body, expected) in [("(i32.const 0)", 0), ("(i32.const 1)", 1)] {
        let path = component(folder.path(), "job.wasm", &command(body));
        let mut handle = start(plan(&path, "memory:", run())).await.unwrap();
        match handle.next().await {
            Some(Event::Exited { component, code }) => {
                assert_eq!((&*component, code), ("job", expected));
            }
            other => panic!("{other:?}"),
        }
        assert!(handle.next().await.is_none());
        assert_eq!(handle.status().triggers[0].state, TriggerState::Ended);
        handle.stop().await.unwrap();
    }
    let text = command("(loop $on (br $on)) (unreachable)");
    let path = component(folder.path(), "job.wasm", &text);
    let handle = start(plan(&path, "memory:", run())).await.unwrap();
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_trigger_that_fails_stops_the_others_also_where_nothing_asks() {
    let folder = tempfile::tempdir().unwrap();
    let web = component(folder.path(), "web.wasm", HTTP);
    let job = component(folder.path(), "job.wasm", &command("(unreachable)"));
    let mut both = plan(&web, "memory:", http(free()));
    both.components
        .insert("job".to_owned(), ComponentPlan::new(&job));
    both.triggers.push(run());
    let handle = start(both).await.unwrap();
    let address = address(&handle.status());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let state = handle.status().triggers[1].state.clone();
    assert!(matches!(state, TriggerState::Failed(_)), "{state:?}");
    match handle.stop().await {
        Err(Error::Failed { component, source }) => {
            assert_eq!(component, "job");
            let text = source.to_string();
            assert!(text.starts_with("the component failed: "), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn where_one_trigger_cannot_start_the_stores_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let store = format!("disk:{}", folder.path().join("data").display());
    let taken = TcpListener::bind(free()).await.unwrap();
    let busy = taken.local_addr().unwrap();
    let error = start(plan(&path, &store, http(busy))).await.err().unwrap();
    let expected = format!("the component web cannot start: cannot listen on {busy}: ");
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(!error.is_in_plan());
    let handle = start(plan(&path, &store, http(free()))).await.unwrap();
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_plan_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let mut unknown = plan(&path, "memory:", http(free()));
    unknown.stores.clear();
    let nowhere = plan(&path, "floppy:x", http(free()));
    let mut other = plan(&path, "memory:", http(free()));
    other.components.clear();
    for (plan, expected) in [
        (unknown, "there is no store \"main\""),
        (nowhere, "the store main: unknown store scheme floppy:;"),
        (other, "there is no component \"web\""),
    ] {
        let error = start(plan).await.err().unwrap();
        assert!(error.is_in_plan(), "{error}");
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let store = format!("disk:{}", folder.path().join("data").display());
    let plan = plan(&path, &store, http(free()));
    let mut application = Application::load(plan.clone(), AppOptions::default()).unwrap();
    application.open().await.unwrap();
    assert!(application.store("main").is_some());
    let stopped = application.start_unless(std::future::ready(())).await;
    assert!(stopped.unwrap().is_none());
    start(plan).await.unwrap().stop().await.unwrap();
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
    let again = address(&handle.status());
    assert_eq!(get(again).await, "HTTP/1.1 500 Internal Server Error");
    handle.stop().await.unwrap();
}
