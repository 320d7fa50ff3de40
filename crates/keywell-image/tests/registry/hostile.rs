//! Servers that are no registry, or a hostile one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use keywell_image::{Digest, Problem};
use serde_json::{Value, json};

use crate::support::{Machine, at};

/// What a server answers to a path: a head and a body as they are, or nothing at all.
type Answers = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

/// A server that ends with the test's process. It answers each path as it is asked to.
fn server(answers: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let answers: Answers = Arc::new(answers);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answers) = (stream.unwrap(), answers.clone());
            std::thread::spawn(move || serve(&stream, &answers));
        }
    });
    addr
}

fn serve(mut stream: &TcpStream, answers: &Answers) {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    // The head ends with an empty line.
    while reader.read_line(&mut request).is_ok_and(|read| read > 2) {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    match answers(path) {
        Some(answer) => drop(stream.write_all(&answer)),
        // Silence, until the client goes.
        None => drop(reader.read_line(&mut String::new())),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a server may also answer nothing")]
fn ok(body: impl Into<Vec<u8>>) -> Option<Vec<u8>> {
    let body = body.into();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    Some([head.into_bytes(), body].concat())
}

#[expect(clippy::unnecessary_wraps, reason = "a server may also answer nothing")]
fn status(status: &str, more: &str) -> Option<Vec<u8>> {
    let head = format!("HTTP/1.1 {status}\r\n{more}content-length: 0\r\nconnection: close\r\n\r\n");
    Some(head.into_bytes())
}

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

/// A registry of one image, whose layer is described and sent like this.
fn registry(layer: Value, blob: Option<Vec<u8>>) -> SocketAddr {
    server(move |path| match path {
        "/v2/" => ok(""),
        path if path.contains("/manifests/") => ok(manifest(&layer)),
        _ => blob.clone(),
    })
}

#[tokio::test]
async fn a_registry_that_never_answers_has_failed_after_the_time_it_has() {
    let machine = Machine::patient(Duration::from_millis(200));
    // In each step of a pull.
    let silent = server(|_| None);
    let at_manifest = server(|path| if path == "/v2/" { ok("") } else { None });
    let at_layer = registry(layer(WASM.len()), None);
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n\0asm".to_vec();
    let in_manifest = server(move |path| {
        if path == "/v2/" {
            ok("")
        } else {
            Some(half.clone())
        }
    });
    for addr in [silent, at_manifest, at_layer] {
        let problem = machine.problem(&at(addr, "x:1")).await;
        assert!(matches!(problem, Problem::Silent { .. }), "{problem}");
        assert!(problem.to_string().contains("for 200ms"), "{problem}");
    }
    // It closes the connection in the middle.
    let problem = machine.problem(&at(in_manifest, "x:1")).await;
    assert!(problem.is_outage(), "{problem}");
}

#[tokio::test]
async fn a_layer_of_another_size_than_its_manifest_says_is_refused() {
    let machine = Machine::new();
    for size in [WASM.len() - 1, WASM.len() + 1, 0] {
        let addr = registry(layer(size), ok(WASM));
        let problem = machine.problem(&at(addr, "x:1")).await;
        assert!(matches!(problem, Problem::Damaged { .. }), "{problem}");
    }
    let addr = registry(layer(WASM.len()), ok(WASM));
    machine.pull(&at(addr, "x:1")).await.unwrap();
    let addr = registry(layer(usize::MAX >> 1), ok(WASM));
    let problem = machine.problem(&at(addr, "x:1")).await;
    assert!(problem.to_string().contains("256 MiB"), "{problem}");
}

#[tokio::test]
async fn a_body_without_an_end_is_cut_at_the_size_that_was_announced() {
    let machine = Machine::new();
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    let endless = [head.as_bytes(), &WASM.repeat(100_000)].concat();
    let addr = registry(layer(WASM.len()), Some(endless));
    let problem = machine.problem(&at(addr, "x:1")).await;
    assert!(problem.to_string().contains("longer than"), "{problem}");
}

#[tokio::test]
async fn answers_that_are_none_are_errors_and_not_panics() {
    let machine = Machine::patient(Duration::from_secs(2));
    let unfit = server(|path| if path == "/v2/" { ok("") } else { ok("hello") });
    let problem = machine.problem(&at(unfit, "x:1")).await;
    assert!(matches!(problem, Problem::Unfit(_)), "{problem}");
    let text = registry(
        json!({ "mediaType": "application/wasm", "size": 5, "digest": Digest::of(b"hello").to_string() }),
        ok("hello"),
    );
    let problem = machine.problem(&at(text, "x:1")).await;
    assert!(problem.to_string().contains("WebAssembly"), "{problem}");
    let broken = server(|_| status("503 No", ""));
    let problem = machine.problem(&at(broken, "x:1")).await;
    assert!(
        matches!(problem, Problem::Unavailable { code: 503, .. }),
        "{problem}"
    );
    let no_http = server(|_| Some(b"hello\r\n\r\n".to_vec()));
    let problem = machine.problem(&at(no_http, "x:1")).await;
    assert!(problem.is_outage(), "{problem}");
}

#[tokio::test]
async fn a_token_that_is_no_header_is_refused() {
    let realm = server(|_| ok(json!({ "token": "a\r\nb" }).to_string()));
    let addr = server(move |_| {
        let challenge =
            format!("www-authenticate: Bearer realm=\"http://{realm}/token\",service=\"x\"\r\n");
        status("401 No", &challenge)
    });
    let machine = Machine::patient(Duration::from_secs(2));
    let problem = machine.problem(&at(addr, "x:1")).await;
    assert!(problem.to_string().contains("its token"), "{problem}");
}
