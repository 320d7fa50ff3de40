//! Components that react to a Redis whose keys other programs change.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keywell_servers::Redis;
use serde_json::Value;
use support::alerts::Alerts;
use support::application::Application;
use support::{guest, keywell};

/// A server that emits keyspace events.
async fn emitting() -> Redis {
    let builder = Redis::builder().config("notify-keyspace-events AKE");
    builder.start().await.unwrap()
}

/// The watcher on a store, by `keywell serve --watch`.
fn watcher(store: &str, alerts: &Alerts) -> Command {
    watcher_of("http_watcher", store, alerts)
}

/// The same in another generation.
fn watcher_of(component: &str, store: &str, alerts: &Alerts) -> Command {
    let url = format!(
        "ALERT_URL=http://{}/alert?{{key}}={{value}}",
        alerts.address
    );
    let mut serve = keywell();
    serve.arg("serve").arg(guest(component));
    serve.args(["--store", store, "--watch", "SET@*,DEL@*"]);
    serve.args(["--allow-http", &alerts.address, "--env", &url]);
    serve
}

/// The same as an application, so that the trigger has a name and tries again soon.
fn application(store: &str, alerts: &Alerts, more: &str) -> String {
    format!(
        "[store.main]\nurl = {store:?}\n\
         [component.alerts]\npath = {:?}\nstore = \"main\"\noutgoing = [{:?}]\n\
         env.ALERT_URL = \"http://{}/alert?{{key}}={{value}}\"\n\
         \n[[trigger.watch]]\nname = \"alerts\"\ncomponent = \"alerts\"\non = \"SET@*\"\n\
         backoff = \"1ms\"\n{more}\n",
        guest("http_watcher").to_str().unwrap(),
        alerts.address,
        alerts.address,
    )
}

/// Sets keys from a process of its own.
fn import(store: &str, keys: impl Iterator<Item = String>) {
    let mut kv = keywell();
    kv.args(["kv", "import", "--store", store]);
    let kv = kv.stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut kv = kv.unwrap();
    let mut input = kv.stdin.take().unwrap();
    for key in keys {
        writeln!(input, "{{\"key\":{key:?},\"value\":\"v\"}}").unwrap();
    }
    drop(input);
    assert!(kv.wait().unwrap().success());
}

fn deadletters(store: &str, arguments: &[&str]) -> String {
    let mut keywell = keywell();
    keywell.arg("deadletters").args(arguments);
    let output = keywell.args(["--store", store]).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_redis_cli_does_to_a_key_is_an_alert() {
    let redis = emitting().await;
    let alerts = Alerts::start();
    let watcher = Application::spawn(&mut watcher(&redis.url(), &alerts), 1);
    let binary = "return redis.call('set', KEYS[1], '\\255\\254')";
    for (command, line) in [
        (&["set", "default:foo", "bar"][..], "GET /alert?foo=bar"),
        (&["append", "default:foo", "!"], "GET /alert?foo=bar%21"),
        (&["del", "default:foo"], "GET /alert?foo=nil"),
        (
            &["set", "default:café & b", "a=b"],
            "GET /alert?caf%C3%A9%20%26%20b=a%3Db",
        ),
        (&["incrby", "default:n", "42"], "GET /alert?n=42"),
        (
            &["eval", binary, "1", "default:binary"],
            "GET /alert?binary=%2F%2F4%3D",
        ),
        (&["set", "default:soon", "v"], "GET /alert?soon=v"),
    ] {
        redis.cli(command).await.unwrap();
        let alert = alerts.next();
        assert_eq!(alert.line(), line, "{command:?}");
        let is_base64 = alert.has("x-keywell-value-encoding: base64");
        assert_eq!(is_base64, line.contains("binary"));
    }
    redis.cli(&["pexpire", "default:soon", "1"]).await.unwrap();
    // Its time to live ends; the server emits its event when it next looks.
    assert_eq!(alerts.next().line(), "GET /alert?soon=nil");
    // Another bucket's key, and a key of another program.
    redis.cli(&["set", "other:foo", "bar"]).await.unwrap();
    redis.cli(&["set", "foo", "bar"]).await.unwrap();
    redis.cli(&["set", "default:last", "v"]).await.unwrap();
    assert_eq!(alerts.next().line(), "GET /alert?last=v");
    watcher.stop();
    assert!(alerts.rest().is_empty());
}

#[tokio::test]
async fn what_redis_cli_does_to_a_key_is_an_alert_of_an_older_generation() {
    for component in ["http_watcher_0_1_0", "http_watcher_unversioned"] {
        let redis = emitting().await;
        let alerts = Alerts::start();
        let mut watcher = watcher_of(component, &redis.url(), &alerts);
        let watcher = Application::spawn(&mut watcher, 1);
        for (command, line) in [
            (&["set", "default:foo", "bar"][..], "GET /alert?foo=bar"),
            (&["set", "default:empty", ""], "GET /alert?empty="),
            (&["del", "default:foo"], "GET /alert?foo=nil"),
        ] {
            redis.cli(command).await.unwrap();
            assert_eq!(alerts.next().line(), line, "{component}: {command:?}");
        }
        watcher.stop();
        assert!(alerts.rest().is_empty());
    }
}

#[tokio::test]
async fn how_much_was_coalesced_is_reported() {
    let redis = emitting().await;
    let alerts = Alerts::start();
    let mut watcher = Application::spawn(&mut watcher(&redis.url(), &alerts), 1);
    // Of all that one script sets, a watch learns the last value.
    let many = "for n = 1, ARGV[1] do redis.call('set', KEYS[1], n) end";
    for _ in 0..2 {
        let eval = ["eval", many, "1", "default:k", "100"];
        redis.cli(&eval).await.unwrap();
        assert_eq!(alerts.next().line(), "GET /alert?k=100");
    }
    watcher.logs("changes coalesced so far: 99;");
    // The rest is logged at the end, as a minute has not gone by.
    watcher.signal("-TERM");
    watcher.logs("changes coalesced so far: 198;");
    assert!(watcher.wait().success());
}

#[tokio::test]
async fn a_redis_that_emits_no_events_is_refused_with_the_command_to_run() {
    let redis = Redis::start().await.unwrap();
    let alerts = Alerts::start();
    let output = watcher(&redis.url(), &alerts).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("notify-keyspace-events"), "{printed}");
    assert!(output.stdout.is_empty());
    // If configured to, it sets that itself.
    let url = format!("{}?configure-notifications=true", redis.url());
    let watcher = Application::spawn(&mut watcher(&url, &alerts), 1);
    redis.cli(&["set", "default:a", "1"]).await.unwrap();
    assert_eq!(alerts.next().line(), "GET /alert?a=1");
    watcher.stop();
}

#[tokio::test]
async fn a_watcher_outlives_its_redis() {
    let redis = emitting().await;
    let alerts = Alerts::start();
    let watcher = Application::spawn(&mut watcher(&redis.url(), &alerts), 1);
    redis.cli(&["set", "default:a", "1"]).await.unwrap();
    assert_eq!(alerts.next().line(), "GET /alert?a=1");
    redis.kill().await.unwrap();
    redis.restart().await.unwrap();
    // Until it has subscribed again, changes are missed, which it logs. Some time one is not.
    let mut n = 0;
    loop {
        n += 1;
        redis
            .cli(&["set", "default:b", &n.to_string()])
            .await
            .unwrap();
        if !alerts.rest().is_empty() {
            break;
        }
        assert!(n < 2000, "it hears nothing any more");
        tokio::task::yield_now().await;
    }
    watcher.stop();
}

#[tokio::test]
async fn dead_letters_are_sent_again_while_the_trigger_runs() {
    for layout in ["plain", "journal"] {
        let redis = emitting().await;
        let store = format!("{}?layout={layout}", redis.url());
        let folder = tempfile::tempdir().unwrap();
        let alerts = Alerts::start();
        alerts.answer(500);
        let text = application(&store, &alerts, "retries = 2");
        let running = Application::start(folder.path(), &text);
        import(&store, ["a".to_owned()].into_iter());
        for _ in 0..3 {
            assert_eq!(alerts.next().line(), "GET /alert?a=v", "{layout}");
        }
        running.logs("an event went to the dead letters");
        let letters = deadletters(&store, &["list", "--json"]);
        let letter: Value = serde_json::from_str(letters.lines().next().unwrap()).unwrap();
        assert_eq!(
            (&letter["key"], &letter["attempts"]),
            (&"a".into(), &3.into())
        );
        alerts.answer(200);
        let id = letter["id"].as_str().unwrap();
        deadletters(&store, &["replay", id]);
        let alert = alerts.next();
        assert_eq!(
            (&*alert.target, alert.status),
            ("/alert?a=v", 200),
            "{layout}"
        );
        running.stop();
        assert_eq!(deadletters(&store, &["list"]), "", "{layout}");
    }
}

#[tokio::test]
async fn a_kill_loses_no_event_of_a_journal() {
    let kills = std::env::var("KEYWELL_KILLS").map_or(4, |kills| kills.parse().unwrap());
    let redis = Redis::start().await.unwrap();
    let store = format!("{}?layout=journal", redis.url());
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    let text = application(&store, &alerts, "retries = 1000");
    let mut received = BTreeSet::new();
    for round in 0..kills {
        let running = Application::start(folder.path(), &text);
        import(&store, (0..50).map(|n| format!("k{round}.{n}")));
        // Killed in the middle of it, at a different place each time.
        for _ in 0..=round * 7 {
            received.insert(alerts.next().target);
        }
        running.kill();
        // What changes while no process watches is not lost either.
        import(&store, [format!("between{round}")].into_iter());
    }
    let expected: BTreeSet<String> = (0..kills)
        .flat_map(|round| {
            let keys = (0..50).map(move |n| format!("k{round}.{n}"));
            keys.chain([format!("between{round}")])
        })
        .map(|key| format!("/alert?{key}=v"))
        .collect();
    let running = Application::start(folder.path(), &text);
    while received != expected {
        received.insert(alerts.next().target);
        assert!(received.is_subset(&expected));
    }
    running.stop();
}

#[tokio::test]
async fn what_a_journal_no_longer_has_is_read_until_it_is_delivered() {
    let redis = Redis::start().await.unwrap();
    let store = format!("{}?layout=journal&history=10", redis.url());
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    let text = application(&store, &alerts, "retries = 1000").replace("SET@*", "SET@k");
    Application::start(folder.path(), &text).stop();
    import(&store, ["k".to_owned()].into_iter());
    import(&store, (0..1000).map(|n| format!("other{n}")));
    alerts.answer(500);
    let mut running = Application::start(folder.path(), &text);
    assert_eq!(alerts.next().line(), "GET /alert?k=v");
    running.signal("-TERM");
    let (status, logged) = running.ends();
    assert!(status.success());
    let gaps = logged.iter().filter(|line| line.contains("were missed"));
    assert_eq!(gaps.count(), 1, "of all shares");
    alerts.answer(200);
    let refused = alerts.rest();
    assert!(refused.iter().all(|alert| alert.status == 500));
    let running = Application::start(folder.path(), &text);
    let alert = alerts.next();
    assert_eq!((&*alert.target, alert.status), ("/alert?k=v", 200));
    running.stop();
    // Nothing is left of the gap.
    let running = Application::start(folder.path(), &text);
    import(&store, ["k".to_owned()].into_iter());
    assert_eq!(alerts.next().line(), "GET /alert?k=v");
    running.stop();
    assert!(alerts.rest().is_empty());
}

/// Events that came while partitions of dead processes had no owner come no more, so there must be
/// no such time.
#[tokio::test]
async fn a_killed_watcher_of_plain_is_replaced_at_once() {
    let redis = emitting().await;
    let alerts = Alerts::start();
    for round in 0..3 {
        let running = Application::spawn(&mut watcher(&redis.url(), &alerts), 1);
        import(&redis.url(), (0..20).map(|n| format!("k{round}.{n}")));
        let mut heard: Vec<String> = (0..20).map(|_| alerts.next().target).collect();
        heard.sort_unstable();
        heard.dedup();
        assert_eq!(heard.len(), 20, "each is handled once");
        running.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_that_come_and_go_lose_nothing_of_plain() {
    let redis = Arc::new(emitting().await);
    let url = redis.url();
    let alerts = Alerts::start();
    let start = || Application::spawn(&mut watcher(&url, &alerts), 1);
    let mut running = start();
    redis.cli(&["set", "default:first", "v"]).await.unwrap();
    assert_eq!(alerts.next().line(), "GET /alert?first=v");
    let stop = Arc::new(AtomicBool::new(false));
    let (setter, stopped) = (redis.clone(), stop.clone());
    let setting = tokio::spawn(async move {
        let mut keys = 0;
        while !stopped.load(Ordering::SeqCst) {
            let key = format!("default:k{keys}");
            setter.cli(&["set", &key, "v"]).await.unwrap();
            keys += 1;
        }
        keys
    });
    let mut heard = BTreeMap::new();
    let hear = |heard: &mut BTreeMap<String, usize>| {
        *heard.entry(alerts.next().target).or_insert(0) += 1;
    };
    for _ in 0..3 {
        let next = start();
        (0..100).for_each(|_| hear(&mut heard));
        std::mem::replace(&mut running, next).stop();
        (0..50).for_each(|_| hear(&mut heard));
    }
    stop.store(true, Ordering::SeqCst);
    let keys: usize = setting.await.unwrap();
    let final_one = format!("/alert?k{}=v", keys - 1);
    while !heard.contains_key(&final_one) {
        hear(&mut heard);
    }
    running.stop();
    for alert in alerts.rest() {
        *heard.entry(alert.target).or_insert(0) += 1;
    }
    let lost = (0..keys).filter(|key| !heard.contains_key(&format!("/alert?k{key}=v")));
    assert_eq!(lost.collect::<Vec<_>>(), [0; 0], "of {keys}");
    let again = heard.values().filter(|times| **times > 1).count();
    println!("{again} of {keys} were delivered twice");
}

#[tokio::test]
async fn a_name_that_is_in_use_for_other_changes_is_refused() {
    let redis = emitting().await;
    let url = redis.url();
    let serve = |on: &str, name: &[&str]| {
        let mut serve = keywell();
        serve.arg("serve").arg(guest("http_watcher"));
        serve.args(["--store", &url, "--watch", on]).args(name);
        serve
    };
    let named = ["--watch-name", "alerts"];
    let first = Application::spawn(&mut serve("SET@a:*", &named), 1);
    let output = serve("SET@b:*", &named).output().unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(
        printed.contains("another process runs a trigger"),
        "{printed}"
    );
    let unnamed = Application::spawn(&mut serve("SET@b:*", &[]), 1);
    unnamed.stop();
    first.stop();
    Application::spawn(&mut serve("SET@b:*", &named), 1).stop();
}

#[tokio::test]
async fn two_processes_of_one_name_share_the_events_of_a_journal() {
    let redis = Redis::start().await.unwrap();
    let store = format!("{}?layout=journal", redis.url());
    let alerts = Alerts::start();
    let text = application(&store, &alerts, "");
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let start = |folder: &Path| Application::start(folder, &text);
    let both = folders.each_ref().map(|folder| start(folder.path()));
    import(&store, (0..200).map(|n| format!("k{n}")));
    let mut targets: Vec<String> = (0..200).map(|_| alerts.next().target).collect();
    targets.sort_unstable();
    targets.dedup();
    assert_eq!(targets.len(), 200, "each is handled once");
    for running in both {
        running.stop();
    }
    assert!(alerts.rest().is_empty());
}
