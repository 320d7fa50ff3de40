//! What is written is read, and secrets are never shown.

use std::path::Path;
use std::time::Duration;

use keywell_config::{CorsPlan, HttpPlan, LimitsPlan, PathPlan, TriggerPlan, WatchPlan};

use crate::read;

const WHOLE: &str = r#"
[limits]
memory = "512MiB"
timeout = "1m"
instances = 64
connections = 5000
write-timeout = "10s"
total-memory = "2GiB"

[store.main]
url = "redis://user:hunter2@localhost"
layout = "journal"
connections = 4
share-connections = false
jitter = 0.5
mask = 0xff

[store.letters]
url = "disk:letters"

[component.alerts]
path = "guests/http_watcher.wasm"
env = { ALERT_URL = "http://localhost:3001/alert", TRIES = 3, LOUD = true }
outgoing = ["localhost:3001", "*.example.com"]
store = "main"
memory = "64MiB"
timeout = "5s"

[component.alerts.buckets]
orders = "shop"
"" = { bucket = "start", read-only = true, prefix = "a/", max-key = 64, max-value = "1KiB" }
archive = { store = "letters", read-only = "false" }

[component.shop]
path = "/opt/shop.wasm"

[component.shop.imports]
"example:greet/greeter" = "alerts"

[[trigger.http]]
component = "shop"
addr = "0.0.0.0:80"
reuse = 100

[[trigger.watch]]
name = "alerts"
component = "alerts"
store = "main"
bucket = "orders"
on = ["SET@order:*", "DEL@order:*,SET@=a*b"]
parallel = 8
retries = 0
backoff = "50ms"
deadline = "2s"
hops = 4
positions = "letters"
dead-letters = { store = "letters", bucket = "failed" }

[[trigger.http]]
component = "shop"

[[trigger.watch]]
component = "alerts"
store = "letters"
bucket = "archive"
on = "SET@x"
positions = "letters"
dead-letters = "failed"
"#;

fn http(trigger: &TriggerPlan) -> &HttpPlan {
    match trigger {
        TriggerPlan::Http(http) => http,
        other => panic!("{other:?}"),
    }
}

fn watch(trigger: &TriggerPlan) -> &WatchPlan {
    match trigger {
        TriggerPlan::Watch(watch) => watch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_that_can_be_written_is_read() {
    let plan = read(WHOLE).unwrap();
    let limits = LimitsPlan {
        memory: Some(512 << 20),
        timeout: Some(Duration::from_mins(1)),
        instances: Some(64),
        connections: Some(5000),
        write_timeout: Some(Duration::from_secs(10)),
        total_memory: Some(2 << 30),
    };
    assert_eq!(plan.limits, limits);

    let main = &plan.stores["main"];
    assert_eq!(main.url.expose(), "redis://user:hunter2@localhost");
    let settings: Vec<_> = main
        .settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose(), value.place.line))
        .collect();
    assert_eq!(
        settings,
        [
            ("layout", "journal", 12),
            ("connections", "4", 13),
            ("share-connections", "false", 14),
            ("jitter", "0.5", 15),
            ("mask", "255", 16),
        ]
    );

    let import = &plan.components["shop"].imports[0];
    let interface = (&*import.interface.value, import.interface.place.line);
    assert_eq!(interface, ("example:greet/greeter", 38));
    assert_eq!(&*import.component, "alerts");

    let alerts = &plan.components["alerts"];
    assert_eq!(
        alerts.code.file(),
        Some(Path::new("apps/guests/http_watcher.wasm"))
    );
    let env: Vec<_> = alerts
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(
        env,
        [
            ("ALERT_URL", "http://localhost:3001/alert"),
            ("TRIES", "3"),
            ("LOUD", "true"),
        ]
    );
    let outgoing: Vec<&str> = alerts.outgoing.iter().map(|host| host.as_str()).collect();
    assert_eq!(outgoing, ["localhost:3001", "*.example.com"]);
    assert_eq!(alerts.link.store.as_deref(), Some("main"));
    assert_eq!(alerts.memory, Some(64 << 20));
    assert_eq!(alerts.timeout, Some(Duration::from_secs(5)));
    let buckets: Vec<_> = alerts
        .link
        .buckets
        .iter()
        .map(|(name, grant)| {
            let bucket = grant.bucket.as_str();
            (
                name.as_str(),
                grant.store.as_str(),
                bucket,
                grant.read_only,
                grant.prefix.as_str(),
            )
        })
        .collect();
    assert_eq!(
        buckets,
        [
            ("archive", "letters", "archive", false, ""),
            ("default", "main", "start", true, "a/"),
            ("orders", "main", "shop", false, ""),
        ]
    );
    let limits = |name: &str| {
        let grant = &alerts.link.buckets[name];
        (grant.max_key, grant.max_value)
    };
    assert_eq!(limits("default"), (Some(64), Some(1024)));
    assert_eq!(limits("orders"), (None, None));
    let shop = &plan.components["shop"];
    assert_eq!(shop.code.file(), Some(Path::new("/opt/shop.wasm")));
    assert_eq!((&shop.link.store, shop.link.buckets.len()), (&None, 0));
}

#[test]
fn triggers_keep_their_order() {
    let plan = read(WHOLE).unwrap();
    let [first, second, third, fourth] = &plan.triggers[..] else {
        panic!("{:?}", plan.triggers);
    };
    assert_eq!(http(first).addr.to_string(), "0.0.0.0:80");
    assert_eq!((&*http(first).component, http(first).reuse), ("shop", 100));
    let alerts = watch(second);
    assert_eq!(alerts.name.as_ref().unwrap().as_str(), "alerts");
    assert_eq!((&*alerts.store, alerts.bucket.as_str()), ("main", "orders"));
    let on: Vec<_> = alerts.on.iter().map(|on| on.as_str()).collect();
    assert_eq!(on, ["SET@order:*", "DEL@order:*,SET@=a*b"]);
    assert_eq!(
        (alerts.parallel, alerts.retries, alerts.hops),
        (Some(8), Some(0), Some(4))
    );
    assert_eq!(alerts.backoff, Some(Duration::from_millis(50)));
    assert_eq!(alerts.deadline, Some(Duration::from_secs(2)));
    assert_eq!(alerts.positions.as_deref(), Some("letters"));
    let letters = alerts.dead_letters.as_ref().unwrap();
    assert_eq!(letters.store.as_deref(), Some("letters"));
    assert_eq!(letters.bucket.as_str(), "failed");
    assert_eq!(
        (http(third).addr.to_string(), http(third).reuse),
        ("127.0.0.1:8080".into(), 1)
    );
    let unnamed = watch(fourth);
    assert_eq!((&unnamed.name, unnamed.bucket.as_str()), (&None, "archive"));
    assert_eq!(unnamed.dead_letters.as_ref().unwrap().store, None);
    assert_eq!(unnamed.positions, None, "that is the watched store");
    assert_eq!(unnamed.parallel, None);
}

#[test]
fn several_triggers_of_one_address_have_routes_and_settings() {
    let plan = read(
        "[component.c]\npath='c'\n\
         [[trigger.http]]\ncomponent='c'\npath='/shop'\nhost='a.example'\nhost-header='X-Host'\n\
         read-only=true\ntimeout='2s'\ncache-control='no-store'\nkeep-alive=false\n\
         tls={certificate='tls/own.pem',key='/etc/own.key'}\n\
         cors={origins=['https://a.example'],headers=['x-a'],methods='GET',exposed-headers='x-b',max-age='1h'}\n\
         [[trigger.http]]\ncomponent='c'\nexact-path='/shop'\nkeep-alive='false'\ncors=true\n\
         tls={certificate='tls/own.pem',key='/etc/own.key'}\n\
         [[trigger.http]]\ncomponent='c'\naddr='127.0.0.1:8081'\ncors=false\n",
    );
    let plan = plan.unwrap();
    let [first, second, third] = &plan.triggers[..] else {
        panic!("{:?}", plan.triggers);
    };
    let first = http(first);
    assert!(matches!(&first.path, PathPlan::Prefix(path) if path.as_str() == "/shop"));
    let host = first.host.as_ref().unwrap();
    let host = (host.header.as_str(), host.value.as_str());
    assert_eq!(host, ("x-host", "a.example"));
    assert!(first.is_read_only && !first.keeps_alive);
    assert_eq!(first.timeout, Some(Duration::from_secs(2)));
    let cache_control = first.cache_control.as_ref();
    assert_eq!(cache_control.unwrap().as_str(), "no-store");
    let tls = first.tls.as_ref().unwrap();
    assert_eq!(tls.certificate, Path::new("apps/tls/own.pem"));
    assert_eq!(tls.key, Path::new("/etc/own.key"));
    let cors = first.cors.as_ref().unwrap();
    let lists = [
        &cors.origins,
        &cors.headers,
        &cors.methods,
        &cors.exposed_headers,
    ];
    let lists = lists.map(|texts| texts.iter().map(|text| text.as_str()).collect::<Vec<_>>());
    assert_eq!(
        lists,
        [["https://a.example"], ["x-a"], ["GET"], ["x-b"]].map(Vec::from)
    );
    assert_eq!(cors.max_age, Duration::from_hours(1));
    let second = http(second);
    assert!(matches!(&second.path, PathPlan::Exact(path) if path.as_str() == "/shop"));
    assert_eq!(second.cors, Some(CorsPlan::default()));
    let third = http(third);
    assert_eq!(
        (&third.cors, &third.tls, &third.host),
        (&None, &None, &None)
    );
    assert_eq!(third.path, PathPlan::default());
    assert!(third.keeps_alive && !third.is_read_only);
}

#[test]
fn where_there_is_one_store_it_need_not_be_named() {
    let plan = read(
        "[store.only]\nurl='memory:'\n[component.c]\npath='c'\nbuckets={x='y'}\n\
         [[trigger.watch]]\ncomponent='c'\nbucket='x'\non='SET@k'\n",
    );
    let plan = plan.unwrap();
    assert_eq!(watch(&plan.triggers[0]).store, "only");
    assert_eq!(plan.components["c"].link.buckets["x"].store, "only");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let marked = format!("\u{feff}{WHOLE}");
    assert_eq!(read(&marked).unwrap(), read(WHOLE).unwrap());
    let error = read("\u{feff}[stroe.main]").unwrap_err().to_string();
    assert!(error.contains(":1:2: there is no stroe"), "{error}");
}

#[test]
fn nothing_that_may_be_secret_is_shown() {
    let plan = read(&WHOLE.replace("http://localhost:3001/alert", "swordfish")).unwrap();
    let shown = format!("{plan:?}");
    for secret in ["hunter2", "swordfish", "journal"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    // Of a secret in the wrong place neither.
    for text in [
        "[store.s]\nurl = ['hunter2']\n",
        "[store.s]\nurl = 'memory:'\npassword = ['hunter2']\n",
        "[store.s]\nurl = 'memory:'\npassword = \"hunter2\n",
        "[component.c]\npath='c'\nenv = { TOKEN = ['hunter2'] }\n",
        "[component.c]\npath='c'\nstore = 'redis://u:hunter2@h'\n",
        "[store.s]\nurl = 'memory:'\npassword = hunter2\n",
        "[store.s]\nurl = redis://u:hunter2@h\n",
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
