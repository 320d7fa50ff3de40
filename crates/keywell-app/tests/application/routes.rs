//! Several triggers of one address: which of them answers a request, and how that changes.

use std::net::SocketAddr;

use keywell_app::config::{CorsPlan, HostPlan, HttpPlan, PathPlan, TriggerPlan};
use keywell_app::{Handle, Plan, TriggerCounts, TriggerSource};
use tokio::sync::watch;

use crate::support::{
    Client, HTTP, address, component, exchange, free, guest, http, plan, start, status,
};

/// A trigger of `web`, with a route.
fn route(addr: SocketAddr, path: PathPlan, host: Option<(&str, &str)>) -> TriggerPlan {
    TriggerPlan::Http(HttpPlan {
        path,
        host: host.map(|(header, value)| HostPlan {
            header: header.to_owned().into(),
            value: value.to_owned().into(),
        }),
        ..HttpPlan::new("web", addr)
    })
}

fn below(path: &str) -> PathPlan {
    PathPlan::Prefix(path.to_owned().into())
}

fn at(path: &str) -> PathPlan {
    PathPlan::Exact(path.to_owned().into())
}

/// Goes over to a plan whose triggers have the address that a first one found free.
async fn go_over(first: Plan, triggers: impl FnOnce(SocketAddr) -> Vec<TriggerPlan>) -> Handle {
    let mut handle = start(first.clone()).await.unwrap();
    let address = address(&handle.status());
    let triggers = triggers(address);
    let next = Plan { triggers, ..first };
    handle.reload(next).await.unwrap();
    handle
}

fn requests(handle: &Handle) -> Vec<u64> {
    let counters = handle.counters().into_iter();
    let requests = counters.map(|counters| match counters.counts {
        TriggerCounts::Http { requests } => requests,
        other => panic!("{other:?}"),
    });
    requests.collect()
}

/// The trigger that answers a request, by its number.
async fn answering(handle: &Handle, request: &str) -> Option<usize> {
    let before = requests(handle);
    exchange(address(&handle.status()), request).await;
    let after = requests(handle);
    let counts = before.iter().zip(&after);
    counts
        .map(|(before, after)| after - before)
        .position(|new| new == 1)
}

#[tokio::test]
async fn a_request_is_answered_by_its_host_then_an_exact_path_then_the_longest_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let first = plan(&path, "memory:", http(free()));
    let handle = go_over(first, |addr| {
        let host = |value| Some(("host", value));
        vec![
            route(addr, PathPlan::default(), None),
            route(addr, below("/a"), None),
            route(addr, below("/a/b/"), None),
            route(addr, at("/a/b"), None),
            route(addr, PathPlan::default(), host("a.example")),
            route(addr, below("/x"), host("A.Example")),
            route(addr, PathPlan::default(), host("b.example:8080")),
            route(addr, below("/c"), host("b.example")),
        ]
    });
    let handle = handle.await;
    for (host, target, expected) in [
        ("x", "/", 0),
        ("x", "/ab", 0),
        ("x", "/a", 1),
        ("x", "/a?to=/a/b", 1),
        ("x", "/a/c", 1),
        ("x", "/a/b", 3),
        ("x", "/a/b?c", 3),
        ("x", "/a/b/", 2),
        ("x", "/a/b/c", 2),
        ("x", "/A/b", 0),
        ("x", "*", 0),
        ("a.example", "/", 4),
        ("A.EXAMPLE:99", "/a/b", 4),
        ("a.example", "/x/y", 5),
        ("a.example", "/xy", 4),
        ("x", "http://a.example/", 4),
        ("b.example:8080", "/c", 6),
        ("b.example:8081", "/c", 7),
        ("b.example", "/c/d", 7),
        // What no trigger of the host answers is that of any host.
        ("b.example", "/a", 1),
    ] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let request = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
        let found = answering(&handle, &request).await;
        assert_eq!(found, Some(expected), "{host} {target}");
    }
    let found = answering(&handle, "GET / HTTP/1.0\r\n").await;
    assert_eq!(found, Some(0));
    let twice = "GET / HTTP/1.1\r\nhost: a.example\r\nhost: x\r\n";
    let address = address(&handle.status());
    assert_eq!(status(address, twice).await, 400);
    let TriggerSource::Http { path, host, .. } = &handle.status().triggers[5].source else {
        panic!("it is an HTTP trigger");
    };
    assert_eq!((&**path, host.as_deref()), ("/x", Some("A.Example")));
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn what_no_trigger_answers_is_not_found_and_a_host_may_have_to_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let first = plan(&path, "memory:", http(free()));
    let mut handle = go_over(first.clone(), |addr| vec![route(addr, below("/a"), None)]).await;
    let address = address(&handle.status());
    let get = async |target, more: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\n{more}");
        status(address, &request).await
    };
    assert_eq!((get("/a", "").await, get("/", "").await), (500, 404));
    let triggers = ["a", "b"].map(|host| route(address, below("/"), Some(("x-host", host))));
    let next = Plan {
        triggers: triggers.into(),
        ..first
    };
    handle.reload(next).await.unwrap();
    assert_eq!(get("/", "").await, 400);
    assert_eq!(get("/", "x-host: c\r\n").await, 404);
    assert_eq!(get("/", "X-Host: B\r\n").await, 500);
    // What is wrong with a request itself goes before.
    assert_eq!(status(address, "GET / HTTP/1.1\r\n").await, 400);
    assert_eq!(
        status(address, "CONNECT x:1 HTTP/1.1\r\nhost: x\r\n").await,
        501
    );
    assert_eq!(requests(&handle), [0, 1]);
    handle.stop().await.unwrap();
}

/// Requests on one connection or a new one for each, until it is to stop; how many were answered.
async fn request(
    address: SocketAddr,
    path: &'static str,
    keeps: bool,
    stopped: watch::Receiver<bool>,
) -> usize {
    let mut client = Client::connect(address).await;
    let mut answered = 0;
    while !*stopped.borrow() {
        if !keeps {
            client = Client::connect(address).await;
        }
        client.get(path).await;
        answered += 1;
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_come_change_and_go_while_the_others_answer() {
    let path = guest("counter");
    let first = plan(&path, "memory:", http(free()));
    let triggers = |addr| {
        let paths = ["/gone", "/changed", "/kept"];
        paths.map(|path| route(addr, below(path), None)).to_vec()
    };
    let mut handle = go_over(first.clone(), triggers).await;
    let address = address(&handle.status());
    let (stop, stopped) = watch::channel(false);
    let mut clients = Vec::new();
    for path in ["/changed/x", "/kept/x"] {
        for keeps in [true, false] {
            let client = request(address, path, keeps, stopped.clone());
            clients.push((path, tokio::spawn(client)));
        }
    }
    // One of the triggers that go has accepted this connection, which stays open.
    let mut own = Client::connect(address).await;
    own.get("/gone").await;
    for round in 0_u32..8 {
        let mut triggers = triggers(address);
        let TriggerPlan::Http(changed) = &mut triggers[1] else {
            panic!("it is an HTTP trigger");
        };
        changed.reuse = round + 2;
        if round % 2 == 0 {
            triggers.remove(0);
        }
        let next = Plan {
            triggers,
            ..first.clone()
        };
        handle.reload(next).await.unwrap();
        if round % 2 == 0 {
            own.send("GET /gone HTTP/1.1\r\nhost: x\r\n\r\n").await;
            assert_eq!(own.refusal().await, 404);
        } else {
            own.get("/gone").await;
        }
    }
    stop.send_replace(true);
    let mut answered = [("/changed/x", 0), ("/kept/x", 0)];
    for (path, client) in clients {
        let client = client.await.unwrap();
        let of_path = answered.iter_mut().find(|(own, _)| *own == path);
        of_path.unwrap().1 += client;
    }
    // Each was answered once, and the store was kept.
    for (path, answered) in answered {
        let expected = format!("Counter {path}: {}\n", answered + 1);
        assert_eq!(own.get(path).await, expected);
    }
    handle.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_a_route_that_goes_is_answered() {
    let path = guest("mischief");
    let first = plan(&path, "memory:", http(free()));
    let triggers = |addr| {
        vec![
            route(addr, at("/sink"), None),
            route(addr, at("/get"), None),
        ]
    };
    let mut handle = go_over(first.clone(), triggers).await;
    let address = address(&handle.status());
    let mut slow = Client::connect(address).await;
    slow.send("POST /sink HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    while requests(&handle) != [1, 0] {
        tokio::task::yield_now().await;
    }
    let next = Plan {
        triggers: triggers(address).split_off(1),
        ..first
    };
    let rest = async {
        let sink = "GET /sink HTTP/1.1\r\nhost: x\r\n";
        while status(address, sink).await != 404 {}
        slow.send("def").await;
        assert_eq!(slow.body().await, "6");
        slow.get("/get?key=k").await;
    };
    let (reloaded, ()) = tokio::join!(handle.reload(next), rest);
    reloaded.unwrap();
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn triggers_with_free_ports_have_one_each_also_after_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let mut two = plan(&path, "memory:", http(free()));
    two.triggers.push(http(free()));
    let addresses = |handle: &Handle| -> Vec<SocketAddr> {
        let triggers = handle.status().triggers.into_iter();
        let addrs = triggers.map(|trigger| match trigger.source {
            TriggerSource::Http { addrs, .. } => addrs[0],
            other => panic!("{other:?}"),
        });
        addrs.collect()
    };
    let mut handle = start(two.clone()).await.unwrap();
    let before = addresses(&handle);
    assert_ne!(before[0], before[1]);
    for trigger in &mut two.triggers {
        let TriggerPlan::Http(http) = trigger else {
            panic!("it is an HTTP trigger");
        };
        http.reuse = 2;
    }
    handle.reload(two).await.unwrap();
    assert_eq!(addresses(&handle), before);
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_page_may_read_that_no_trigger_answers_if_cors_is_the_same_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = component(folder.path(), "web.wasm", HTTP);
    let with_cors = |addr| HttpPlan {
        path: at("/a"),
        cors: Some(CorsPlan::default()),
        ..HttpPlan::new("web", addr)
    };
    let first = TriggerPlan::Http(with_cors(free()));
    let mut handle = start(plan(&path, "memory:", first)).await.unwrap();
    let address = address(&handle.status());
    let from = "host: x\r\norigin: https://a.example\r\n";
    let response = exchange(address, &format!("GET /none HTTP/1.1\r\n{from}")).await;
    assert!(response.starts_with("HTTP/1.1 404"), "{response}");
    let allowed = "access-control-allow-origin: *";
    assert!(response.contains(allowed), "{response}");
    let asked = format!("{from}access-control-request-method: PUT\r\n");
    let response = exchange(address, &format!("OPTIONS /none HTTP/1.1\r\n{asked}")).await;
    assert!(response.starts_with("HTTP/1.1 204"), "{response}");
    // One that says nothing of CORS leaves it to its component, which is not asked.
    let mut next = plan(&path, "memory:", TriggerPlan::Http(with_cors(address)));
    next.triggers.push(route(address, at("/b"), None));
    handle.reload(next).await.unwrap();
    let response = exchange(address, &format!("GET /none HTTP/1.1\r\n{from}")).await;
    assert!(response.starts_with("HTTP/1.1 404"), "{response}");
    assert!(!response.contains(allowed), "{response}");
    handle.stop().await.unwrap();
}
