//! The program on buckets in NATS `JetStream`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use keywell_servers::Nats;
use support::{Server, keywell};

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
