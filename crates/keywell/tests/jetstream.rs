//! The program on buckets in NATS `JetStream`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use keywell_servers::Nats;
use support::alerts::Alerts;
use support::application::Application;
use support::{PATIENCE, Server, guest, keywell};

fn run(arguments: &[&str]) -> (bool, String, String) {
    let output = keywell().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_component_counts_in_a_bucket_that_outlives_the_process() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nats = runtime
        .block_on(Nats::builder().jetstream().start())
        .unwrap();
    let url = nats.url();
    for count in ["Counter /c: 1", "Counter /c: 2"] {
        let server = Server::start("counter", &["--store", &url]);
        assert_eq!(server.get("/c").text().trim_end(), count);
        server.kill();
    }
    assert_eq!(
        run(&["kv", "get", "/c", "--store", &url]),
        (true, "2".to_owned(), String::new())
    );

    runtime.block_on(nats.kill()).unwrap();
    let (succeeded, _, error) = run(&["kv", "get", "/c", "--store", &url]);
    assert!(!succeeded);
    assert!(error.contains(&nats.addr().to_string()), "{error}");
}

#[test]
fn conformance_shows_replicas_and_storage() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nats = runtime
        .block_on(Nats::builder().jetstream().start())
        .unwrap();
    let url = format!("{}?storage=memory", nats.url());
    let (succeeded, report, error) = run(&["conformance", "--store", &url]);
    assert!(succeeded, "{report}\n{error}");
    assert!(
        report.starts_with("1 replica, storage: memory\n"),
        "{report}"
    );
}

/// A client of NATS that is none of ours.
struct Raw(BufReader<TcpStream>);

impl Raw {
    fn connect(nats: &Nats) -> Self {
        let mut stream = TcpStream::connect(nats.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let hello = "CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB acks 1\r\n";
        stream.write_all(hello.as_bytes()).unwrap();
        Self(BufReader::new(stream))
    }

    /// Writes a key's message, with headers of its own, and waits until it is stored.
    fn store(&mut self, key: &str, headers: &str, value: &str) {
        let headers = format!("NATS/1.0\r\n{headers}\r\n");
        let (first, all) = (headers.len(), headers.len() + value.len());
        let message = format!("HPUB $KV.default.{key} acks {first} {all}\r\n{headers}{value}\r\n");
        self.0.get_mut().write_all(message.as_bytes()).unwrap();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            assert!(!line.is_empty() && !line.starts_with("-ERR"), "{line}");
            if line.starts_with("PING") {
                self.0.get_mut().write_all(b"PONG\r\n").unwrap();
            }
            if let Some((_, length)) = line.trim_end().rsplit_once(' ')
                && line.starts_with("MSG")
            {
                let mut answer = vec![0; length.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut answer).unwrap();
                let answer = String::from_utf8(answer).unwrap();
                assert!(answer.contains("\"seq\""), "{answer}");
                return;
            }
        }
    }
}

/// Changes of another client are delivered, also those made while the watcher was stopped or its
/// server away, and also of a message that ends the connection of each client that receives it.
fn changes_are_alerts(nats: &Nats, alerts: &Alerts, start: impl Fn() -> Application) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let application = start();
    let mut raw = Raw::connect(nats);
    raw.store("foo", "", "bar");
    assert_eq!(alerts.next().line(), "GET /alert?foo=bar");
    raw.store("foo", "KV-Operation: DEL\r\n", "");
    assert_eq!(alerts.next().line(), "GET /alert?foo=nil");
    raw.store("caf=C3=A9", "", "a=b?");
    assert_eq!(alerts.next().line(), "GET /alert?caf%C3%A9=a%3Db%3F");
    raw.store("broken", "X: a\rb\r\n", "v");
    assert_eq!(alerts.next().line(), "GET /alert?broken=v");
    raw.store("after", "", "v");
    assert_eq!(alerts.next().line(), "GET /alert?after=v");

    runtime.block_on(nats.kill()).unwrap();
    runtime.block_on(nats.restart()).unwrap();
    let mut raw = Raw::connect(nats);
    raw.store("again", "", "1");
    assert_eq!(alerts.next().line(), "GET /alert?again=1");

    application.stop();
    raw.store("meanwhile", "", "1");
    let application = start();
    assert_eq!(alerts.next().line(), "GET /alert?meanwhile=1");
    application.stop();
    assert!(alerts.rest().is_empty());
}

#[test]
fn changes_by_other_clients_trigger_an_application() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nats = runtime
        .block_on(Nats::builder().jetstream().start())
        .unwrap();
    let alerts = Alerts::start();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[store.main]\nurl = {:?}\n\
         [component.alerts]\npath = {:?}\nstore = \"main\"\noutgoing = [{:?}]\n\
         env.ALERT_URL = \"http://{}/alert?{{key}}={{value}}\"\n\
         \n[[trigger.watch]]\nname = \"alerts\"\ncomponent = \"alerts\"\n\
         on = \"SET@*,DEL@*\"\nbackoff = \"1ms\"\n",
        nats.url(),
        guest("http_watcher").to_str().unwrap(),
        alerts.address,
        alerts.address,
    );
    changes_are_alerts(&nats, &alerts, || Application::start(folder.path(), &text));
}

#[test]
fn changes_by_other_clients_trigger_a_served_component() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nats = runtime
        .block_on(Nats::builder().jetstream().start())
        .unwrap();
    let alerts = Alerts::start();
    let url = format!(
        "ALERT_URL=http://{}/alert?{{key}}={{value}}",
        alerts.address
    );
    changes_are_alerts(&nats, &alerts, || {
        let mut serve = keywell();
        serve.arg("serve").arg(guest("http_watcher"));
        serve.args(["--store", &nats.url(), "--watch", "SET@*,DEL@*"]);
        serve.args(["--allow-http", &alerts.address, "--env", &url]);
        Application::spawn(&mut serve, 1)
    });
}
