//! Servers that are no registry, or a hostile one.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use keywell_image::{Digest, Problem};
use keywell_servers::{Stub, StubAnswer};
use serde_json::{Value, json};

use crate::support::{Machine, at};

const WASM: &[u8] = b"\0asm\x0d\0\x01\0and more";

fn manifest(layer: &Value) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/json", "size": 2, "digest": Digest::of(b"{}").to_string() },
        "layers": [layer],
    })
    .to_string()
}

fn layer(size: usize) -> Value {
    let digest = Digest::of(WASM).to_string();
    json!({ "mediaType": "application/wasm", "size": size, "digest": digest })
}

/// A server that answers each path as it is asked to.
fn server(answers: impl Fn(&str) -> StubAnswer + Send + Sync + 'static) -> SocketAddr {
    Stub::start(move |request| answers(&request.path)).addr()
}

/// A registry of one image, whose layer is described and sent like this.
fn registry(layer: Value, blob: impl Fn() -> StubAnswer + Send + Sync + 'static) -> SocketAddr {
    server(move |path| match path {
        "/v2/" => StubAnswer::ok(""),
        path if path.contains("/manifests/") => StubAnswer::ok(manifest(&layer)),
        _ => blob(),
    })
}

/// A registry that answers everything but its root like this.
fn after_root(answer: impl Fn() -> StubAnswer + Send + Sync + 'static) -> SocketAddr {
    server(move |path| match path {
        "/v2/" => StubAnswer::ok(""),
        _ => answer(),
    })
}

/// A registry whose token server answers like this.
fn with_token(answer: impl Fn() -> StubAnswer + Send + Sync + 'static) -> SocketAddr {
    let tokens = server(move |_| answer());
    server(move |_| {
        let challenge =
            format!("www-authenticate: Bearer realm=\"http://{tokens}/token\",service=\"x\"");
        StubAnswer::status("401 No", &[challenge])
    })
}

#[tokio::test]
async fn a_registry_that_never_answers_has_failed_after_the_time_it_has() {
    let machine = Machine::patient(Duration::from_millis(200));
    // In each step of a pull.
    let silent = server(|_| StubAnswer::Silence);
    let at_token = with_token(|| StubAnswer::Silence);
    let at_manifest = after_root(|| StubAnswer::Silence);
    let at_layer = registry(layer(WASM.len()), || StubAnswer::Silence);
    for addr in [silent, at_token, at_manifest, at_layer] {
        let problem = machine.problem(&at(addr, "x:1")).await;
        assert!(matches!(problem, Problem::Silent { .. }), "{problem}");
        assert!(problem.to_string().contains("for 200ms"), "{problem}");
    }
    // It closes the connection in the middle.
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n\0asm";
    let in_manifest = after_root(|| StubAnswer::Raw(half.to_vec()));
    let problem = machine.problem(&at(in_manifest, "x:1")).await;
    assert!(problem.is_outage(), "{problem}");
}

#[tokio::test]
async fn what_is_sent_without_end_is_cut_at_its_bound() {
    let machine = Machine::new();
    for (addr, expected) in [
        (
            after_root(|| StubAnswer::endless("{")),
            "its manifest has more than 4194304 bytes",
        ),
        (
            with_token(|| StubAnswer::endless("{")),
            "its token server sent more than 65536 bytes",
        ),
        (
            after_root(|| {
                StubAnswer::Endless(b"HTTP/1.1 404 No\r\nconnection: close\r\n\r\n{".to_vec())
            }),
            "no such image or tag",
        ),
        (
            registry(layer(WASM.len()), || StubAnswer::endless("")),
            "longer than 16 bytes",
        ),
    ] {
        let problem = machine.problem(&at(addr, "x:1")).await;
        assert!(problem.to_string().contains(expected), "{problem}");
        assert!(!problem.is_outage(), "{problem}");
    }
    // The answer that only says where to log in is not read at all.
    let addr = server(|path| match path {
        "/v2/" => StubAnswer::endless("{"),
        path if path.contains("/manifests/") => StubAnswer::ok(manifest(&layer(WASM.len()))),
        _ => StubAnswer::ok(WASM),
    });
    machine.pull(&at(addr, "x:1")).await.unwrap();
}

/// A registry that takes uploads: `pieces` answers those of a blob, and everything else succeeds.
fn uploads(pieces: impl Fn() -> StubAnswer + Send + Sync + 'static) -> Stub {
    Stub::start(move |request| match &*request.method {
        "GET" => StubAnswer::ok(""),
        "POST" => StubAnswer::status("202 Yes", &["location: /v2/x/upload?a=b%2Fc".to_owned()]),
        "PATCH" => pieces(),
        _ => StubAnswer::status("201 Yes", &[]),
    })
}

fn went_on() -> StubAnswer {
    StubAnswer::status("202 Yes", &["location: upload/2?a=b%2Fc".to_owned()])
}

#[tokio::test]
async fn an_upload_goes_on_where_the_registry_says() {
    let machine = Machine::new();
    let stub = uploads(went_on);
    machine.push(WASM, &at(stub.addr(), "x:1")).await;
    let requests = stub.requests().into_iter();
    let requests: Vec<_> = requests
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    let digest = Digest::of(WASM).to_string().replace(':', "%3A");
    assert_eq!(requests[0], "GET /v2/");
    assert_eq!(requests[1], "POST /v2/x/blobs/uploads/");
    assert_eq!(requests[2], "PATCH /v2/x/upload?a=b%2Fc");
    let finish = format!("PUT /v2/x/upload/2?a=b%2Fc&digest={digest}");
    assert_eq!(requests[3], finish);
    assert_eq!(requests.last().unwrap(), "PUT /v2/x/manifests/1");
    // One that takes no pieces gets the whole blob.
    let stub = uploads(|| StubAnswer::status("201 Yes", &[]));
    machine.push(WASM, &at(stub.addr(), "x:1")).await;
    let requests = stub.requests();
    let whole = requests
        .iter()
        .find(|request| request.method == "PUT")
        .unwrap();
    assert!(
        whole.path.starts_with("/v2/x/upload?a=b%2Fc&digest="),
        "{whole:?}"
    );
    assert_eq!(whole.body.as_bytes(), WASM);
}

#[tokio::test]
async fn answers_to_an_upload_are_bounded() {
    let machine = Machine::patient(Duration::from_secs(5));
    let endless = |head: &'static str| {
        move || {
            StubAnswer::Endless(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{{").into())
        }
    };
    let error = |problem: Result<Digest, keywell_image::Error>| problem.unwrap_err().to_string();
    let failing = uploads(endless("500 No"));
    let text = error(machine.try_push(WASM, &at(failing.addr(), "x:1")).await);
    assert!(text.contains("500"), "{text}");
    // A success whose body has no end is one all the same.
    let chatty = uploads(endless("202 Yes\r\nlocation: upload/2"));
    machine.push(WASM, &at(chatty.addr(), "x:1")).await;
    let nowhere = uploads(|| StubAnswer::status("202 Yes", &[]));
    let text = error(machine.try_push(WASM, &at(nowhere.addr(), "x:1")).await);
    assert!(text.contains("does not say where to upload"), "{text}");
    let machine = Machine::patient(Duration::from_millis(200));
    let silent = uploads(|| StubAnswer::Silence);
    let text = error(machine.try_push(WASM, &at(silent.addr(), "x:1")).await);
    assert!(text.contains("sent nothing for 200ms"), "{text}");
}

#[tokio::test]
async fn a_layer_of_another_size_than_its_manifest_says_is_refused() {
    let machine = Machine::new();
    for size in [WASM.len() - 1, WASM.len() + 1, 0] {
        let addr = registry(layer(size), || StubAnswer::ok(WASM));
        let problem = machine.problem(&at(addr, "x:1")).await;
        assert!(matches!(problem, Problem::Damaged { .. }), "{problem}");
    }
    let addr = registry(layer(WASM.len()), || StubAnswer::ok(WASM));
    machine.pull(&at(addr, "x:1")).await.unwrap();
    let addr = registry(layer(usize::MAX >> 1), || StubAnswer::ok(WASM));
    let problem = machine.problem(&at(addr, "x:1")).await;
    assert!(problem.to_string().contains("256 MiB"), "{problem}");
}

#[tokio::test]
async fn a_manifest_that_is_not_what_its_digest_says_is_refused() {
    let machine = Machine::new();
    let addr = registry(layer(WASM.len()), || StubAnswer::ok(WASM));
    let lie = Digest::of(b"another");
    let pinned = format!("{}@{lie}", at(addr, "x"));
    let problem = machine.problem(&pinned).await;
    assert!(matches!(problem, Problem::Damaged { .. }), "{problem}");
    assert!(problem.to_string().contains("its manifest"), "{problem}");
    // The registry itself says that it is another one.
    let manifest = manifest(&layer(WASM.len()));
    let addr = after_root(move || {
        let head = format!(
            "HTTP/1.1 200 OK\r\ndocker-content-digest: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            Digest::of(b"another"),
            manifest.len()
        );
        StubAnswer::Raw([head, manifest.clone()].concat().into_bytes())
    });
    let problem = machine.problem(&at(addr, "x:1")).await;
    assert!(matches!(problem, Problem::Damaged { .. }), "{problem}");
}

#[tokio::test]
async fn answers_that_are_none_are_errors_and_not_panics() {
    let machine = Machine::patient(Duration::from_secs(2));
    let unfit = after_root(|| StubAnswer::ok("hello"));
    let problem = machine.problem(&at(unfit, "x:1")).await;
    assert!(matches!(problem, Problem::Unfit(_)), "{problem}");
    let text = registry(
        json!({ "mediaType": "application/wasm", "size": 5, "digest": Digest::of(b"hello").to_string() }),
        || StubAnswer::ok("hello"),
    );
    let problem = machine.problem(&at(text, "x:1")).await;
    assert!(problem.to_string().contains("WebAssembly"), "{problem}");
    let broken = server(|_| StubAnswer::status("503 No", &[]));
    let problem = machine.problem(&at(broken, "x:1")).await;
    assert!(
        matches!(problem, Problem::Unavailable { code: 503, .. }),
        "{problem}"
    );
    let no_http = server(|_| StubAnswer::Raw(b"hello\r\n\r\n".to_vec()));
    let problem = machine.problem(&at(no_http, "x:1")).await;
    assert!(problem.is_outage(), "{problem}");
}

#[tokio::test]
async fn a_token_server_that_gives_no_token_is_refused() {
    let machine = Machine::patient(Duration::from_secs(2));
    for answer in [
        json!({ "token": "a\r\nb" }),
        json!({ "token": 1 }),
        json!({}),
        json!([]),
    ] {
        let answer = answer.to_string();
        let addr = with_token(move || StubAnswer::ok(answer.clone()));
        let problem = machine.problem(&at(addr, "x:1")).await;
        assert!(problem.to_string().contains("no token"), "{problem}");
    }
    let addr = with_token(|| StubAnswer::status("403 No", &[]));
    let problem = machine.problem(&at(addr, "x:1")).await;
    assert!(matches!(problem, Problem::Login { .. }), "{problem}");
    for realm in ["", "/token", "file:///etc/passwd"] {
        let addr = server(move |_| {
            let challenge = format!("www-authenticate: Bearer realm=\"{realm}\"");
            StubAnswer::status("401 No", &[challenge])
        });
        let problem = machine.problem(&at(addr, "x:1")).await;
        assert!(
            problem.to_string().contains("the URL of its token server"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_registry_of_this_machine_may_have_an_ipv6_address() {
    let stub = Stub::start_at((Ipv6Addr::LOCALHOST, 0).into(), |request| {
        match &*request.path {
            "/v2/" => StubAnswer::ok(""),
            path if path.contains("/manifests/") => StubAnswer::ok(manifest(&layer(WASM.len()))),
            _ => StubAnswer::ok(WASM),
        }
    });
    let machine = Machine::new();
    let reference = at(stub.addr(), "acme/x:1");
    assert!(reference.starts_with("[::1]:"), "{reference}");
    let pulled = machine.pull(&reference).await.unwrap();
    assert_eq!(std::fs::read(pulled.file).unwrap(), WASM);
    assert_eq!(stub.requests()[1].path, "/v2/acme/x/manifests/1");
}
