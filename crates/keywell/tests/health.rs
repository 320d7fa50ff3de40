//! `health` of a keywell.toml, and `--health`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::time::Instant;

use keywell_servers::Redis;
use support::application::{Application, get, refusal};
use support::{PATIENCE, guest, keywell};

/// A counter on a store, and where health is answered.
fn counter(store: &str, health: &str, address: &str) -> String {
    format!(
        "{health}\n[store.main]\nurl = {store:?}\n\
         [component.counter]\npath = {:?}\nstore = \"main\"\n\
         \n[[trigger.http]]\ncomponent = \"counter\"\naddr = {address:?}\n",
        guest("counter").to_str().unwrap(),
    )
}

fn health(application: &Application) -> String {
    let line = application.lines.last().unwrap();
    let address = line.strip_prefix("health is answered on http://");
    address.unwrap_or_else(|| panic!("{line}")).to_owned()
}

/// Asks until the answer has this status, and answers its text.
fn until(address: &str, path: &str, status: u16) -> String {
    let began = Instant::now();
    loop {
        let answer = get(address, path);
        if answer.status == status {
            return answer.text();
        }
        let text = answer.text();
        assert!(began.elapsed() < PATIENCE, "{} {text}", answer.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_redis_is_gone_runs_and_is_not_ready() {
    let redis = Redis::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keywell.toml");
    let health_line = "health = \"127.0.0.1:0\"";
    std::fs::write(&file, counter(&redis.url(), health_line, "127.0.0.1:0")).unwrap();
    let application = Application::spawn(keywell().arg("up").arg(&file), 2);
    let address = health(&application);
    assert_eq!(until(&address, "/readyz", 200), "ready\n");
    redis.kill().await.unwrap();
    let text = until(&address, "/readyz", 503);
    assert_eq!(text, "the store main does not answer\n");
    assert_eq!(until(&address, "/healthz", 200), "running\n");
    redis.restart().await.unwrap();
    assert_eq!(until(&address, "/readyz", 200), "ready\n");
    application.stop();
}

#[test]
fn an_option_goes_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("health = \"{}\"", taken.local_addr().unwrap());
    let file = folder.path().join("keywell.toml");
    std::fs::write(&file, counter("memory:", &taken, "127.0.0.1:0")).unwrap();
    let mut up = keywell();
    up.arg("up").arg(&file).args(["--health", "localhost:0"]);
    let application = Application::spawn(&mut up, 2);
    assert_eq!(get(&health(&application), "/readyz").status, 200);
    application.stop();
    let mut serve = keywell();
    serve.arg("serve").arg(guest("counter"));
    serve.args(["--addr", "127.0.0.1:0", "--store", "memory:"]);
    let application = Application::spawn(serve.args(["--health", "127.0.0.1:0"]), 2);
    assert_eq!(get(&health(&application), "/healthz").status, 200);
    application.stop();
}

#[test]
fn an_address_that_a_trigger_or_another_process_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let clash = counter("memory:", "health = \"0.0.0.0:8099\"", "127.0.0.1:8099");
    let (code, message) = refusal(folder.path(), &clash);
    assert_eq!(code, 2);
    let place = "keywell.toml:1:10";
    assert!(message.contains(place), "{message}");
    assert!(
        message.contains("127.0.0.1:8099 of a trigger has it, which calls counter"),
        "{message}"
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let taken_line = format!("health = \"{taken}\"");
    let (code, message) = refusal(
        folder.path(),
        &counter("disk:data", &taken_line, "127.0.0.1:0"),
    );
    assert_eq!(code, 1);
    assert!(
        message.contains(&format!("cannot listen on {taken} for health")),
        "{message}"
    );
    assert!(!folder.path().join("data").exists(), "no store was made");
    let (code, message) = refusal(
        folder.path(),
        &counter("memory:", "health = 8080", "127.0.0.1:0"),
    );
    assert_eq!(code, 2, "{message}");
}
