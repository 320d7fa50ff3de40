//! Watchers of keys that an unrelated client changes, in each layout of a Redis.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use keywell_servers::Redis;
use support::alerts::Alerts;
use support::application::{Application, refusal};
use support::{guest, keywell};

/// A server that emits events.
async fn emitting() -> Redis {
    let builder = Redis::builder().config("notify-keyspace-events AKE");
    builder.start().await.unwrap()
}

/// The watcher on a store, by `keywell serve --watch`.
fn watcher(store: &str, on: &str, alerts: &Alerts, more: &[&str]) -> Command {
    let url = format!(
        "ALERT_URL=http://{}/alert?{{key}}={{value}}",
        alerts.address
    );
    let mut serve = keywell();
    serve.arg("serve").arg(guest("http_watcher"));
    serve.args(["--store", store, "--watch", on]).args(more);
    serve.args(["--allow-http", &alerts.address, "--env", &url]);
    serve
}

/// The same as an application whose trigger has these lines, too, and another store.
fn application(store: &str, other: &str, alerts: &Alerts, trigger: &str) -> String {
    format!(
        "[store.main]\nurl = {store:?}\n[store.other]\nurl = {other:?}\n\
         [component.alerts]\npath = {:?}\nstore = \"main\"\noutgoing = [{address:?}]\n\
         env.ALERT_URL = \"http://{address}/alert?{{key}}={{value}}\"\n\
         \n[[trigger.watch]]\ncomponent = \"alerts\"\non = \"SET@key,DEL@key\"\n{trigger}\n",
        guest("http_watcher").to_str().unwrap(),
        address = alerts.address,
    )
}

async fn set_and_delete(redis: &Redis, name: &str, alerts: &Alerts, what: &str) {
    redis.cli(&["SET", name, "1"]).await.unwrap();
    assert_eq!(alerts.next().line(), "GET /alert?key=1", "{what}");
    redis.cli(&["APPEND", name, "2"]).await.unwrap();
    assert_eq!(alerts.next().line(), "GET /alert?key=12", "{what}");
    redis.cli(&["DEL", name]).await.unwrap();
    assert_eq!(alerts.next().line(), "GET /alert?key=nil", "{what}");
}

#[tokio::test]
async fn a_key_that_redis_cli_sets_is_an_alert_in_each_layout_that_others_may_write() {
    let redis = emitting().await;
    let alerts = Alerts::start();
    for (settings, name) in [
        ("?prefix=", "key"),
        ("?layout=flat", "key"),
        ("?layout=flat&prefix=app:", "app:key"),
        ("?prefix=app:", "app:key"),
        ("", "default:key"),
        ("?layout=plain", "default:key"),
    ] {
        // A trigger that stood there before has a gap.
        redis.flush().await.unwrap();
        let store = format!("{}{settings}", redis.url());
        let mut serve = watcher(&store, "SET@key,DEL@key", &alerts, &[]);
        let watcher = Application::spawn(&mut serve, 1);
        set_and_delete(&redis, name, &alerts, settings).await;
        watcher.stop();
        assert!(alerts.rest().is_empty(), "{settings}");
    }
}

/// Others may not write there, as the store keeps more beside each value: Keywell itself does.
#[tokio::test]
async fn a_journal_delivers_what_another_process_of_keywell_sets() {
    let redis = Redis::start().await.unwrap();
    let alerts = Alerts::start();
    let store = format!("{}?layout=journal", redis.url());
    let mut serve = watcher(&store, "SET@key,DEL@key", &alerts, &[]);
    let watcher = Application::spawn(&mut serve, 1);
    for (words, line) in [
        (&["set", "key", "1"][..], "GET /alert?key=1"),
        (&["delete", "key"], "GET /alert?key=nil"),
    ] {
        let mut kv = keywell();
        let kv = kv.arg("kv").args(words).args(["--store", &store]);
        assert!(kv.status().unwrap().success());
        assert_eq!(alerts.next().line(), line);
    }
    watcher.stop();
    assert!(alerts.rest().is_empty());
}

/// Takes alerts until each of these has come, and no other and none twice.
fn each_once(alerts: &Alerts, expected: impl Iterator<Item = String>) {
    let expected: BTreeSet<String> = expected.collect();
    let mut received = BTreeSet::new();
    while received.len() < expected.len() {
        let target = alerts.next().target;
        assert!(expected.contains(&target), "{target}");
        assert!(received.insert(target.clone()), "{target} came twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_two_names_has_every_change() {
    let redis = emitting().await;
    let store = format!("{}?layout=flat", redis.url());
    let receivers = [Alerts::start(), Alerts::start()];
    let on = "SET@order:*,DEL@order:*,SET@hot,SET@end";
    let mut running = Vec::new();
    for (name, alerts) in ["w1", "w2"].into_iter().zip(&receivers) {
        let mut serve = watcher(&store, on, alerts, &["--watch-name", name]);
        running.push(Application::spawn(&mut serve, 1));
    }
    let mut client = redis.connect().await.unwrap();
    for n in 0..1000 {
        let (key, value) = (format!("order:{n}"), format!("v{n}"));
        client.send(&["SET", &key, &value]).await.unwrap();
    }
    for _ in 0..1000 {
        client.receive().await.unwrap();
    }
    for alerts in &receivers {
        let expected = (0..1000).map(|n| format!("/alert?order%3A{n}=v{n}"));
        each_once(alerts, expected);
    }
    client.command(&["DEL", "order:7"]).await.unwrap();
    for alerts in &receivers {
        assert_eq!(alerts.next().line(), "GET /alert?order%3A7=nil");
    }
    // Of one key that is set many times at once, the last state is delivered, and the rest counted.
    let many = "for n = 1, 500 do redis.call('SET', 'hot', n) end";
    client.command(&["EVAL", many, "0"]).await.unwrap();
    client.command(&["SET", "end", "1"]).await.unwrap();
    for (alerts, running) in receivers.iter().zip(running) {
        let mut last = [alerts.next().line(), alerts.next().line()];
        last.sort_unstable();
        assert_eq!(last, ["GET /alert?end=1", "GET /alert?hot=500"]);
        running.signal("-TERM");
        running.logs("changes coalesced so far: 499;");
        running.stops();
        assert!(alerts.rest().is_empty());
    }
}

/// Neither takes the other's events, though both make the same name.
#[tokio::test]
async fn watchers_of_two_layouts_of_one_database_share_no_events() {
    let redis = emitting().await;
    let receivers = [Alerts::start(), Alerts::start()];
    let mut running = Vec::new();
    for (settings, alerts) in ["", "?layout=flat"].into_iter().zip(&receivers) {
        let store = format!("{}{settings}", redis.url());
        running.push(Application::spawn(
            &mut watcher(&store, "SET@k*", alerts, &[]),
            1,
        ));
    }
    for n in 0..40 {
        let (flat, plain) = (format!("k{n}"), format!("default:k{n}"));
        redis
            .command(&["MSET", &flat, "v", &plain, "v"])
            .await
            .unwrap();
    }
    for alerts in &receivers {
        each_once(alerts, (0..40).map(|n| format!("/alert?k{n}=v")));
    }
    for (running, alerts) in running.into_iter().zip(&receivers) {
        running.stop();
        assert!(alerts.rest().is_empty());
    }
}

/// An account that may read and watch everything, and write nothing.
async fn reader(redis: &Redis) -> String {
    let rules = [
        "ACL",
        "SETUSER",
        "reader",
        "on",
        ">secret",
        "~*",
        "&*",
        "+@read",
        "+@connection",
        "+subscribe",
        "+psubscribe",
        "+unsubscribe",
        "+punsubscribe",
        "+config|get",
    ];
    redis.command(&rules).await.unwrap();
    format!("redis://reader:secret@{}?layout=flat", redis.addr())
}

#[tokio::test]
async fn an_account_that_may_only_read_is_refused_with_the_setting_that_helps() {
    let (redis, alerts) = (emitting().await, Alerts::start());
    let store = reader(&redis).await;
    let output = watcher(&store, "SET@key", &alerts, &[]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(output.stdout.is_empty());
    for part in ["keywell-triggers", "--positions URL", "`positions`"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let text = application(&store, "memory:", &alerts, "");
    let (code, error) = refusal(folder.path(), &text);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("`positions`"), "{error}");
}

#[tokio::test]
async fn an_account_that_may_only_read_keeps_positions_in_another_store() {
    let (redis, alerts) = (emitting().await, Alerts::start());
    let store = reader(&redis).await;
    let folder = tempfile::tempdir().unwrap();
    let disk = format!("disk:{}", folder.path().join("positions").display());
    let own = Redis::start().await.unwrap();
    let journal = format!("{}?layout=journal", own.url());
    for positions in ["memory:", &disk, &journal] {
        let more = ["--positions", positions];
        let mut serve = watcher(&store, "SET@key,DEL@key", &alerts, &more);
        let watcher = Application::spawn(&mut serve, 1);
        set_and_delete(&redis, "key", &alerts, positions).await;
        watcher.stop();
    }
    let text = application(&store, &disk, &alerts, "positions = \"other\"\nretries = 0");
    let running = Application::start(folder.path(), &text);
    set_and_delete(&redis, "key", &alerts, "keywell.toml").await;
    // Dead letters are there, too.
    alerts.answer(500);
    redis.cli(&["SET", "key", "bad"]).await.unwrap();
    assert_eq!(alerts.next().line(), "GET /alert?key=bad");
    running.logs("an event went to the dead letters");
    running.stop();
    let mut letters = keywell();
    letters.args(["deadletters", "list", "--store", &disk]);
    let error = String::from_utf8(letters.output().unwrap().stdout).unwrap();
    assert!(error.contains("SET \"key\" in default"), "{error}");
    let left = redis.cli(&["KEYS", "*"]).await.unwrap();
    assert_eq!(
        left.trim(),
        "key",
        "nothing of Keywell is in the watched store"
    );
}

#[tokio::test]
async fn a_store_of_positions_that_is_none_is_refused_without_its_secret() {
    let (redis, alerts) = (emitting().await, Alerts::start());
    for (positions, code) in [
        ("nowhere", 2),
        ("redis://u:hunter2@127.0.0.1:1", 1),
        ("redis://u:hunter2@h?x=hunter2", 2),
    ] {
        let more = ["--positions", positions];
        let output = watcher(&redis.url(), "SET@key", &alerts, &more).output();
        let output = output.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{positions}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let usage = watcher(&redis.url(), "SET@key", &alerts, &["--positions", "x"]);
    let error = { usage }.output().unwrap().stderr;
    let error = String::from_utf8(error).unwrap();
    assert!(error.contains("'--positions <URL>'"), "{error}");
}

/// A component has no way to what Keywell keeps beside the keys of others.
#[tokio::test]
async fn an_operator_finds_own_keys_by_the_name_of_their_bucket_alone() {
    let redis = emitting().await;
    let store = format!("{}?layout=flat", redis.url());
    redis.cli(&["SET", "theirs", "v"]).await.unwrap();
    let kv = |words: &[&str]| {
        let mut kv = keywell();
        let output = kv.arg("kv").args(words).args(["--store", &store]).output();
        let output = output.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let own = ["--bucket", "keywell-triggers"];
    assert_eq!(kv(&[&["set", "k", "v"], &own[..]].concat()).0, Some(0));
    assert_eq!(kv(&[&["list"], &own[..]].concat()).1, "k\n");
    assert_eq!(kv(&["list"]).1, "theirs\n");
    assert_eq!(kv(&["buckets"]).1, "default\nkeywell-triggers\n");
    assert!(!kv(&["export"]).1.contains("keywell-triggers"));
    let (code, _, error) = kv(&["get", "keywell-triggers:flat:k"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("in the bucket keywell-triggers"), "{error}");
}
