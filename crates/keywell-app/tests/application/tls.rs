//! Encrypted addresses.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keywell_app::config::{HttpPlan, TlsPlan, TriggerPlan};
use keywell_app::{Error, Handle, TriggerSource};
use keywell_client::{Tls, TlsStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{HTTP, address, component, free, guest, plan, raw, start};

/// Makes a certificate for localhost and its key.
fn certify(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("own.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("own.key"), made.signing_key.serialize_pem()).unwrap();
}

fn encrypted(folder: &Path, addr: SocketAddr) -> HttpPlan {
    HttpPlan {
        tls: Some(TlsPlan {
            certificate: folder.join("own.pem"),
            key: folder.join("own.key"),
            place: keywell_app::config::Place::default(),
        }),
        ..HttpPlan::new("web", addr)
    }
}

fn trusting(folder: &Path) -> Tls {
    Tls {
        ca: Some(folder.join("own.pem")),
        ..Tls::default()
    }
}

async fn connect(folder: &Path, address: SocketAddr) -> TlsStream {
    let stream = TcpStream::connect(address).await.unwrap();
    let tls = trusting(folder).connector().unwrap();
    tls.connect("localhost", stream).await.unwrap()
}

/// The response to a request on a connection that ends with it.
async fn get(folder: &Path, address: SocketAddr, path: &str) -> String {
    let mut stream = connect(folder, address).await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    // It is an error where the end is not announced.
    stream.read_to_string(&mut response).await.unwrap();
    response
}

async fn run(folder: &Path, name: &str) -> (Handle, SocketAddr) {
    let http = TriggerPlan::Http(encrypted(folder, free()));
    let handle = start(plan(&guest(name), "memory:", http)).await.unwrap();
    let address = address(&handle.status());
    (handle, address)
}

#[tokio::test]
async fn an_encrypted_address_answers_by_tls_alone() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let (handle, address) = run(folder.path(), "mischief").await;
    let source = &handle.status().triggers[0].source;
    assert!(matches!(
        source,
        TriggerSource::Http {
            is_encrypted: true,
            ..
        }
    ));
    let response = get(folder.path(), address, "/target").await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.to_lowercase().contains("https"), "{response}");
    // A large response is whole.
    let response = get(folder.path(), address, "/stream?n=1000000").await;
    assert!(response.len() > 1_000_000, "{}", response.len());
    let plain = raw(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!plain.contains("HTTP/"), "{plain}");
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn http_2_and_http_1_are_offered() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let (handle, address) = run(folder.path(), "counter").await;
    for (offered, expected) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let mut config = trusting(folder.path()).config().unwrap();
        let protocols = offered.iter().map(|name| name.as_bytes().to_vec());
        config.alpn_protocols = protocols.collect();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        let chosen = stream.get_ref().1.alpn_protocol();
        assert_eq!(chosen, expected.map(str::as_bytes));
        if expected == Some("h2") {
            let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
            stream.write_all(preface).await.unwrap();
            let mut frame = [0; 9];
            stream.read_exact(&mut frame).await.unwrap();
            assert_eq!(frame[3], 4, "it begins with its settings");
        }
    }
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let path = component(folder.path(), "web.wasm", HTTP);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = other.signing_key.serialize_pem();
    std::fs::write(folder.path().join("other.key"), other).unwrap();
    for (certificate, key, named) in [
        ("absent.pem", "own.key", "absent.pem"),
        ("own.pem", "absent.key", "absent.key"),
        ("own.pem", "own.pem", "own.pem"),
        ("own.key", "own.key", "own.key"),
        ("own.pem", "other.key", "other.key"),
    ] {
        let mut http = encrypted(folder.path(), free());
        http.tls = http.tls.map(|tls| TlsPlan {
            certificate: folder.path().join(certificate),
            key: folder.path().join(key),
            ..tls
        });
        let error = start(plan(&path, "memory:", TriggerPlan::Http(http))).await;
        let error = error.err().unwrap();
        let named = folder.path().join(named);
        let expected = format!("the component web cannot start: {}: ", named.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(matches!(error, Error::Start { .. }) && !error.is_in_plan());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_finish_its_handshake_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let path = component(folder.path(), "web.wasm", HTTP);
    let http = TriggerPlan::Http(encrypted(folder.path(), free()));
    let handle = start(plan(&path, "memory:", http)).await.unwrap();
    let address = address(&handle.status());
    // Nothing, the begin of a handshake, and a handshake without a request behind it.
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut begun = TcpStream::connect(address).await.unwrap();
    begun.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    let mut shaken = connect(folder.path(), address).await;
    let since = Instant::now();
    let mut ends = Vec::new();
    drop(silent.read_to_end(&mut ends).await);
    drop(begun.read_to_end(&mut ends).await);
    drop(shaken.read_to_end(&mut ends).await);
    let took = since.elapsed();
    let (least, most) = (Duration::from_secs(25), Duration::from_secs(35));
    assert!(least < took && took < most, "{took:?}");
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn handshakes_count_as_connections_and_idle_ones_make_room() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let http = TriggerPlan::Http(encrypted(folder.path(), free()));
    let mut few = plan(&guest("counter"), "memory:", http);
    few.limits.connections = Some(2);
    let handle = start(few).await.unwrap();
    let address = address(&handle.status());
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let response = get(folder.path(), address, "/tea").await;
    assert!(response.contains("Counter /tea: 1\n"), "{response}");
    // They were closed for it, but for the one that there is still room for.
    let ends = silent.iter_mut().take(7).map(async |stream| {
        let mut end = Vec::new();
        drop(stream.read_to_end(&mut end).await);
        end
    });
    let ended = futures::future::join_all(ends);
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .unwrap();
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_reload_encrypts_an_address_and_reads_certificates_again() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let path = guest("counter");
    let plain = plan(
        &path,
        "memory:",
        TriggerPlan::Http(HttpPlan::new("web", free())),
    );
    let mut handle = start(plain).await.unwrap();
    let address = address(&handle.status());
    let http = TriggerPlan::Http(encrypted(folder.path(), address));
    let next = plan(&path, "memory:", http);
    handle.reload(next.clone()).await.unwrap();
    let response = get(folder.path(), address, "/tea").await;
    assert!(response.contains("Counter /tea: 1\n"), "{response}");
    certify(folder.path());
    handle.reload(next).await.unwrap();
    // Only the one that is there now is trusted.
    let response = get(folder.path(), address, "/tea").await;
    assert!(response.contains("Counter /tea: 2\n"), "{response}");
    handle.stop().await.unwrap();
}

/// Whether a response is there to its end, which is a chunk of its own where the component was still
/// running when its answer began.
fn is_whole(response: &[u8]) -> bool {
    let response = String::from_utf8_lossy(response);
    let end = if response.contains("transfer-encoding: chunked") {
        "\r\n0\r\n\r\n"
    } else {
        "Counter /tea: 1\n"
    };
    response.ends_with(end)
}

#[tokio::test]
async fn a_connection_that_is_closed_while_it_is_idle_says_so() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let (handle, address) = run(folder.path(), "counter").await;
    let mut stream = connect(folder.path(), address).await;
    let request = b"GET /tea HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    while !is_whole(&response) {
        assert_ne!(stream.read_buf(&mut response).await.unwrap(), 0);
    }
    let stopped = tokio::spawn(handle.stop());
    // Without an announced end it would be an error.
    assert_eq!(stream.read_buf(&mut response).await.unwrap(), 0);
    stopped.await.unwrap().unwrap();
}
