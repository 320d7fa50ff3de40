//! Applications: how they start, what is seen of them while they run, how they change and end.

#![cfg(all(feature = "disk", feature = "memory"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod control;
mod invoke;
mod links;
mod reload;
mod routes;
mod settings;
mod support;
mod tls;

use keywell_app::config::{Code, ComponentPlan};
use keywell_app::{
    AppOptions, Application, Error, Event, TriggerCounts, TriggerKind, TriggerState,
};
use keywell_servers::Port;
use tokio::net::{TcpListener, TcpStream};

use support::{HTTP, address, command, component, free, get, http, plan, run, start};

#[tokio::test]
async fn an_application_says_what_it_is_and_what_it_did_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let port = Port::claim().unwrap();
    let application = plan(&path, "memory:", http(port.address()));
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
    assert_eq!(status.components[0].code, Code::File(path));
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
