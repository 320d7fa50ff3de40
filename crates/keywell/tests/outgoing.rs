//! Outgoing HTTP of components that the program runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use support::alerts::Alerts;
use support::application::{Application, get};
use support::{Server, guest, keywell};

fn fetch(server: &Server, url: &str) -> String {
    server.get(&format!("/fetch?url={url}")).text()
}

#[test]
fn a_component_reaches_no_host_that_is_not_allowed() {
    let alerts = Alerts::start();
    let url = format!("http://{}/x", alerts.address);
    let port = alerts.address.rsplit(':').next().unwrap();
    let denied = "error: ErrorCode::HttpRequestDenied";
    for allowed in [
        &[][..],
        &["--allow-http", "127.0.0.1"],
        &["--allow-http", &format!("localhost:{port}")],
    ] {
        let arguments = [&["--store", "memory:"], allowed].concat();
        let server = Server::start("mischief", &arguments);
        assert_eq!(fetch(&server, &url), denied, "{allowed:?}");
    }
    assert!(alerts.rest().is_empty());

    let arguments = ["--store", "memory:", "--allow-http", &alerts.address];
    let server = Server::start("mischief", &arguments);
    assert_eq!(fetch(&server, &url), "200 2");
    assert_eq!(alerts.next().line(), "GET /x");
    alerts.answer(404);
    assert_eq!(fetch(&server, &url), "404 2");
    assert_eq!(fetch(&server, "http://localhost/"), denied);
}

#[test]
fn each_component_of_an_application_has_hosts_of_its_own() {
    let alerts = Alerts::start();
    let mischief = guest("mischief");
    let text = format!(
        "[component.one]\npath = {mischief:?}\noutgoing = [{:?}]\n\
         [component.other]\npath = {mischief:?}\n\
         \n[[trigger.http]]\ncomponent = \"one\"\naddr = \"127.0.0.1:0\"\n\
         \n[[trigger.http]]\ncomponent = \"other\"\naddr = \"127.0.0.1:0\"\n",
        alerts.address
    );
    let folder = tempfile::tempdir().unwrap();
    let application = Application::start(folder.path(), &text);
    let addresses: Vec<&str> = application
        .lines
        .iter()
        .map(|line| line.split("http://").nth(1).unwrap())
        .collect();
    let fetch = format!("/fetch?url=http://{}/x", alerts.address);
    assert_eq!(get(addresses[0], &fetch).text(), "200 2");
    let denied = get(addresses[1], &fetch).text();
    assert_eq!(denied, "error: ErrorCode::HttpRequestDenied");
}

#[test]
fn what_is_no_host_is_refused_at_the_start() {
    let mut keywell = keywell();
    let arguments = ["serve", "x.wasm", "--allow-http", "http://localhost"];
    let output = keywell.args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("without a scheme"), "{printed}");
}

#[test]
fn a_server_is_trusted_if_the_system_trusts_its_certificate() {
    let (authority, config) = certificate();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut tls = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::Stream::new(&mut tls, &mut stream);
            // A client that does not trust it ends here.
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";
            let _ = stream.write_all(answer).and_then(|()| stream.flush());
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("authority.pem");
    std::fs::write(&trusted, authority).unwrap();
    let empty = folder.path().join("none.pem");
    std::fs::write(&empty, "").unwrap();
    let url = format!("/fetch?url=https://localhost:{port}/");
    for (certificates, answer) in [
        (&trusted, "200 6"),
        (&empty, "error: ErrorCode::TlsCertificateError"),
    ] {
        let mut command = keywell();
        let arguments = [
            "--addr",
            "127.0.0.1:0",
            "--store",
            "memory:",
            "--allow-http",
            "*",
        ];
        command.arg("serve").arg(guest("mischief")).args(arguments);
        command
            .env("SSL_CERT_FILE", certificates)
            .env_remove("SSL_CERT_DIR");
        let server = Application::spawn(&mut command, 1);
        assert_eq!(server.get(&url).text(), answer);
    }
}

/// An authority, and a server for localhost with a certificate of it.
fn certificate() -> (String, Arc<rustls::ServerConfig>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap();
    let pem = authority.pem();
    let issuer = rcgen::Issuer::new(params, key);
    let server_key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let server = server.signed_by(&server_key, &issuer).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![server.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(server_key.serialize_der().into()),
        );
    (pem, Arc::new(config.unwrap()))
}
