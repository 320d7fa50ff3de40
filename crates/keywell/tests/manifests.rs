//! `keywell up` with wadm manifests: against a real Redis, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;

use keywell_servers::Redis;
use support::alerts::Alerts;
use support::application::Application;
use support::{guest, keywell};

const IMAGE: &str = "ghcr.io/wasmcloud/components/http-keyvalue-counter-rust:0.1.0";

/// The manifest of the counter, as it is printed everywhere, but for its addresses.
fn counter(redis: &str, http: &str) -> String {
    let manifest = include_str!("../../keywell-config/tests/wadm/counter.yaml");
    manifest
        .replace("redis://127.0.0.1:6379", redis)
        .replace("127.0.0.1:8080", http)
}

/// A component that a keyvalue-redis calls for single keys.
fn watcher(redis: &str, watch: &str) -> String {
    format!(
        r#"
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: watcher
  annotations: {{}}
spec:
  components:
    - name: reactor
      type: component
      properties:
        image: ghcr.io/me/reactor:0.1.0
      traits:
        - type: spreadscaler
          properties: {{ instances: 1 }}
        - type: link
          properties:
            target: kvredis
            namespace: wasi
            package: keyvalue
            interfaces: [store, atomics]
            target_config:
              - name: reactor-url
                properties: {{ url: "{redis}" }}
        - type: link
          properties:
            target: httpclient
            namespace: wasi
            package: http
            interfaces: [outgoing-handler]
    - name: httpclient
      type: capability
      properties:
        image: ghcr.io/wasmcloud/http-client:0.12.1
    - name: kvredis
      type: capability
      properties:
        image: ghcr.io/wasmcloud/keyvalue-redis:0.28.1
        config:
          - name: provider
            properties: {{ url: "{redis}" }}
      traits:
        - type: link
          properties:
            target: reactor
            namespace: wasi
            package: keyvalue
            interfaces: [watcher]
            target_config:
              - name: watched
                properties: {{ watch: "{watch}" }}
"#
    )
}

const WATCHER: &str = "ghcr.io/wasmcloud/components/http-keyvalue-watcher-rust:0.1.0";

/// The sibling of the counter's manifest: a keyvalue-redis calls a component for a key, which sends
/// an alert by an http-client. Configuration stands where it is given: on the source side of the
/// link, on its target side, and at the provider.
fn sibling(alerts: &Alerts, [source, target, provider]: [&str; 3]) -> String {
    let side = |side: &str, properties: &str| match properties {
        "" => String::new(),
        _ => format!(
            "            {side}:\n              - name: {}\n                properties: {{ {properties} }}\n",
            side.replace('_', "-")
        ),
    };
    let config = match provider {
        "" => String::new(),
        _ => format!(
            "        config:\n          - name: provider\n            properties: {{ {provider} }}\n"
        ),
    };
    let (source, target) = (side("source_config", source), side("target_config", target));
    let alert = format!("http://{}/alert?{{key}}={{value}}", alerts.address);
    format!(
        r#"apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: watcher-app
  annotations:
    version: v0.0.1
    description: "Key watcher demo"
spec:
  components:
    - name: watcher-app
      type: component
      properties:
        image: {WATCHER}
        config:
          - name: alert
            properties:
              ALERT_URL: "{alert}"
      traits:
        - type: spreadscaler
          properties:
            replicas: 1
        - type: link
          properties:
            target: httpclient
            namespace: wasi
            package: http
            interfaces: [outgoing-handler]
    - name: kvredis
      type: capability
      properties:
        image: ghcr.io/wasmcloud/keyvalue-redis:0.25.0
{config}      traits:
        - type: link
          properties:
            target: watcher-app
            namespace: wasi
            package: keyvalue
            interfaces: [watcher]
{source}{target}    - name: httpclient
      type: capability
      properties:
        image: ghcr.io/wasmcloud/http-client:0.12.0
"#
    )
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn image(reference: &str, component: &str) -> String {
    format!("{reference}={}", guest(component).display())
}

/// Runs it to its end: its exit code, what it says, and what it complains of.
fn ended(arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = keywell().arg("up").args(arguments).output().unwrap();
    let [said, complained] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    (status.code().unwrap(), said, complained)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counter_of_wasmcloud_counts_in_redis_as_it_did() {
    // The latter imports what components are built with there: `wasmcloud:bus`, configuration, the log.
    for component in ["counter_draft", "counter_wasmcloud"] {
        counts_in_redis(component).await;
    }
}

async fn counts_in_redis(component: &str) {
    let redis = Redis::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("redis://{}", redis.addr());
    // What the original left is found.
    redis.command(&["SET", "/tea", "41"]).await.unwrap();
    let file = write(folder.path(), "wadm.yaml", &counter(&url, "127.0.0.1:0"));
    let mut up = keywell();
    up.arg("up").arg(&file);
    up.args(["--image", &image(IMAGE, component)]);
    let application = Application::spawn(&mut up, 1);
    let line = &application.lines[0];
    assert!(
        line.starts_with("counter-app listens on http://127.0.0.1:"),
        "{line}"
    );
    assert_eq!(application.get("/tea").text(), "Counter /tea: 42\n");
    assert_eq!(application.get("/").text(), "Counter /: 1\n");
    let flat = redis.command(&["GET", "/"]).await.unwrap();
    assert_eq!(flat.text(), "1");
    application.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_is_called_for_the_keys_of_its_link() {
    let builder = Redis::builder().config("notify-keyspace-events AKE");
    let redis = builder.start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("redis://{}/0", redis.addr());
    let manifest = watcher(&url, "SET@order:7,DEL@a*");
    let file = write(folder.path(), "wadm.yaml", &manifest);
    let mut up = keywell();
    up.arg("up").arg(&file);
    up.args([
        "--image",
        &image("ghcr.io/me/reactor:0.1.0", "reactor_draft"),
    ]);
    let application = Application::spawn(&mut up, 1);
    let line = &application.lines[0];
    assert!(
        line.starts_with("reactor watches SET@order:7,DEL@a\\*"),
        "{line}"
    );
    // The component counts every event in a key of its own.
    let mut events = redis.connect().await.unwrap();
    let pattern = "__keyspace@0__:attempts/*";
    events.send(&["PSUBSCRIBE", pattern]).await.unwrap();
    events.receive().await.unwrap();
    for key in ["order:8", "ab", "order:7"] {
        redis.command(&["SET", key, "1"]).await.unwrap();
    }
    let event = events.receive().await.unwrap();
    assert_eq!(event.items()[2].text(), "__keyspace@0__:attempts/order:7");
    application.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sibling_of_the_counter_sends_a_request_wherever_its_configuration_stands() {
    // As the text of the shipped example says.
    let builder = Redis::builder().config("notify-keyspace-events Kg$");
    let redis = builder.start().await.unwrap();
    let url = format!("url: \"redis://{}\"", redis.addr());
    let watch = "watch: \"SET@stock,DEL@stock\"";
    let both = format!("{url}, {watch}");
    for places in [
        // As the manifest has it, as the shipped example does, as the provider's own text does.
        [&*both, "", ""],
        ["", &both, ""],
        ["", "", &both],
        [watch, "", &url],
        [&url, watch, ""],
        ["", watch, &url],
    ] {
        // Without the records of the application before, which would continue where that stopped.
        redis.flush().await.unwrap();
        let alerts = Alerts::start();
        let folder = tempfile::tempdir().unwrap();
        let manifest = sibling(&alerts, places);
        let file = write(folder.path(), "wadm.yaml", &manifest);
        let mut up = keywell();
        up.arg("up").arg(&file);
        up.args(["--image", &image(WATCHER, "http_watcher_wasmcloud")]);
        let application = Application::spawn(&mut up, 1);
        let line = &application.lines[0];
        assert!(line.starts_with("watcher-app watches"), "{line}");
        // By a client of Redis that is not ours, with keys that no link names beside.
        for (words, alert) in [
            (&["set", "stock", "7"][..], "GET /alert?stock=7"),
            (&["set", "stocks", "1"], ""),
            (&["set", "stock", "8"], "GET /alert?stock=8"),
            (&["del", "stocks"], ""),
            (&["del", "stock"], "GET /alert?stock=nil"),
        ] {
            redis.cli(words).await.unwrap();
            if !alert.is_empty() {
                assert_eq!(alerts.next().line(), alert, "{places:?}");
            }
        }
        application.stop();
        assert!(alerts.rest().is_empty(), "{places:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_without_a_link_to_an_http_client_sends_no_request() {
    let builder = Redis::builder().config("notify-keyspace-events KEA");
    let redis = builder.start().await.unwrap();
    let alerts = Alerts::start();
    let folder = tempfile::tempdir().unwrap();
    let both = format!("url: \"redis://{}\", watch: \"SET@stock\"", redis.addr());
    let manifest = sibling(&alerts, [&both, "", ""]);
    let (start, rest) = manifest.split_once("        - type: link\n").unwrap();
    let (_, rest) = rest.split_once("    - name: kvredis\n").unwrap();
    let manifest = format!("{start}    - name: kvredis\n{rest}");
    let file = write(folder.path(), "wadm.yaml", &manifest);
    let mut up = keywell();
    up.arg("up").arg(&file);
    up.args(["--image", &image(WATCHER, "http_watcher_wasmcloud")]);
    let application = Application::spawn(&mut up, 1);
    redis.cli(&["set", "stock", "7"]).await.unwrap();
    // What the component logs itself, by wasi:logging, is shown without a flag.
    let line = application.logs("no alert");
    assert!(line.contains("watcher-app"), "{line}");
    application.kill();
    assert!(alerts.rest().is_empty());
}

#[test]
fn the_counter_is_printed_as_a_file_and_only_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = counter("redis://u:hunter2@127.0.0.1:1", "127.0.0.1:0");
    let file = write(folder.path(), "wadm.yaml", &manifest);
    let file = file.to_str().unwrap();
    let (code, said, complained) = ended(&["--print", file]);
    assert_eq!(code, 0, "{complained}");
    assert!(
        complained.contains("has a password as plain text"),
        "{complained}"
    );
    for part in [
        "#   COUNTER_APP_DEFAULT_URL: the url of the store counter-app-default\n",
        "[store.counter-app-default]\nurl = { env = \"COUNTER_APP_DEFAULT_URL\" }\nlayout = \"flat\"\n",
        "[component.counter-app]\nimage = \"ghcr.io/wasmcloud/components/",
        "[[trigger.http]]\ncomponent = \"counter-app\"\naddr = \"127.0.0.1:0\"\n",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!(said + &complained).contains("hunter2"));
}

#[test]
fn everything_that_is_wrong_is_shown_at_once_with_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = counter("redis://127.0.0.1:1", "127.0.0.1:99999")
        .replace("type: spreadscaler", "type: spreadscalar");
    let broken = write(folder.path(), "broken.yaml", &manifest);
    let manifest = counter("redis://127.0.0.1:1", "127.0.0.1:99999");
    let odd = write(
        folder.path(),
        "odd.yaml",
        &manifest.replacen("name: counter-app", "name: odd", 1),
    );
    for flag in ["--check", "--print"] {
        let image = image(IMAGE, "counter_draft");
        let [broken, odd] = [&broken, &odd].map(|file| file.to_str().unwrap());
        let (code, said, complained) = ended(&[flag, broken, odd, "--image", &image]);
        assert_eq!((code, &*said), (2, ""), "{complained}");
        for part in [
            "error: spreadscalar of counter-app is no trait\n",
            "broken.yaml:15:17\n",
            "= help: did you mean spreadscaler?\n",
            "odd.yaml:46:",
            "\"127.0.0.1:99999\" is no address to listen on\n",
            "46 |                   address: 127.0.0.1:99999\n",
            "broken.yaml with ",
            "odd.yaml have 2 errors",
        ] {
            assert!(complained.contains(part), "{part}\n{complained}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_ends_with_2_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        let line = format!("a{level}: &a{level} [{before}]\n");
        bomb.push_str(&line);
    }
    let unquoted = counter("redis://h", "127.0.0.1:0").replace("url: redis://h", "url: 6379");
    let twice = counter("redis://h", "127.0.0.1:0").replace("kind:", "kind: Application\nkind:");
    for (text, problem) in [
        (bomb, "more than 200000 values"),
        ("# x\n".repeat(3 << 20), "is larger than 4194304 bytes"),
        (unquoted, "should be a text, and is a number without quotes"),
        (twice, "the key kind is here and at 2:1"),
        ("a: &a [*a]\n".to_owned(), "is within what it stands for"),
    ] {
        let file = write(folder.path(), "wadm.yaml", &text);
        let (code, said, complained) = ended(&[file.to_str().unwrap()]);
        assert_eq!((code, &*said), (2, ""), "{complained}");
        assert!(complained.contains(problem), "{problem}: {complained}");
        assert!(complained.len() < 2000, "{complained}");
    }
    let (code, _, complained) = ended(&[folder.path().join("none.yaml").to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(complained.contains("cannot read"), "{complained}");
    let (code, _, complained) = ended(&["--provider", "x=postgres", "wadm.yaml"]);
    assert_eq!(code, 2);
    assert!(
        complained.contains("postgres is no built-in provider"),
        "{complained}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_ends_with_1_and_names_it() {
    let redis = Redis::start().await.unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let manifest = counter(&format!("redis://{}", redis.addr()), &address);
    let file = write(folder.path(), "wadm.yaml", &manifest);
    let image = image(IMAGE, "counter_draft");
    let (code, said, complained) = ended(&[file.to_str().unwrap(), "--image", &image]);
    assert_eq!((code, &*said), (1, ""), "{complained}");
    assert!(complained.contains(&address), "{complained}");
    assert!(complained.contains("wadm.yaml:39:"), "{complained}");
}
