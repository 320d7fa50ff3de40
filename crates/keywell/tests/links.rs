//! Components that choose between links by their names, as those for wasmCloud 1.x do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use keywell_servers::Redis;
use support::application::{Application, refusal};
use support::{guest, keywell};

/// The counter on one Redis, with a link by a name to another.
fn counter(one: &Redis, two: &Redis) -> String {
    let url = |redis: &Redis| format!("{}?layout=flat", redis.url());
    format!(
        "[store.one]\nurl = {:?}\n[store.two]\nurl = {:?}\n\
         [component.counter]\npath = {:?}\n\
         every-bucket = {{ store = \"one\" }}\nconfig = {{ label = \"Hits of\" }}\n\
         [component.counter.links.cache]\nevery-bucket = {{ store = \"two\" }}\n\
         \n[[trigger.http]]\ncomponent = \"counter\"\naddr = \"127.0.0.1:0\"\n",
        url(one),
        url(two),
        guest("counter_wasmcloud").to_str().unwrap(),
    )
}

#[tokio::test]
async fn two_links_of_one_component_lead_to_two_servers() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Redis::start().await.unwrap(), Redis::start().await.unwrap());
    // What another program wrote is found under its bare key.
    one.cli(&["set", "/tea", "41"]).await.unwrap();
    let application = Application::start(folder.path(), &counter(&one, &two));
    assert_eq!(application.get("/tea").text(), "Hits of /tea: 42\n");
    assert_eq!(
        application.get("/tea?link=cache").text(),
        "Hits of /tea: 1\n"
    );
    assert_eq!(one.cli(&["get", "/tea"]).await.unwrap().trim(), "42");
    assert_eq!(two.cli(&["get", "/tea"]).await.unwrap().trim(), "1");
    // A choice holds for its instance.
    assert_eq!(application.get("/tea?get").text(), "42\n");
    assert_eq!(application.get("/tea?get&link=cache").text(), "1\n");
    assert_eq!(application.get("/tea?get&link=default").text(), "42\n");

    let refused = application.get("/tea?link=other");
    assert_eq!(refused.status, 500);
    assert_eq!(
        refused.text(),
        "interface `wasi:keyvalue/store` does not have an existing link with name `other`\n"
    );
    assert_eq!(application.get("/tea?get").text(), "42\n");
}

#[tokio::test]
async fn an_interface_has_its_own_link() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Redis::start().await.unwrap(), Redis::start().await.unwrap());
    let application = Application::start(folder.path(), &counter(&one, &two));
    let count = |query: &str| application.get(&format!("/k?{query}")).text();
    // The bucket is opened by the link without a name, and counted by the other.
    assert_eq!(count("link=cache&for=atomics"), "Hits of /k: 1\n");
    assert_eq!(count("link=cache&for=atomics"), "Hits of /k: 2\n");
    assert_eq!(count("get"), "none\n");
    assert_eq!(count("get&link=cache&for=store"), "2\n");
    // And the other way round.
    assert_eq!(count("link=cache&for=store"), "Hits of /k: 1\n");
    assert_eq!(one.cli(&["get", "/k"]).await.unwrap().trim(), "1");
    assert_eq!(two.cli(&["get", "/k"]).await.unwrap().trim(), "2");
}

#[test]
fn no_link_has_a_bucket_of_keywell_itself() {
    let folder = tempfile::tempdir().unwrap();
    let component = guest("counter_wasmcloud");
    let text = |keys: &str| {
        format!(
            "[store.main]\nurl = \"memory:\"\n[component.c]\npath = {component:?}\n{keys}\n\
             [[trigger.http]]\ncomponent = \"c\"\naddr = \"127.0.0.1:0\"\n"
        )
    };
    for (keys, place) in [
        ("every-bucket = \"keywell-triggers\"", "5:16"),
        (
            "[component.c.links.x]\nevery-bucket = \"keywell-triggers\"",
            "6:16",
        ),
        (
            "[component.c.links.x]\nbuckets.a = \"keywell-triggers\"",
            "6:13",
        ),
    ] {
        let (code, refused) = refusal(folder.path(), &text(keys));
        assert_eq!(code, 2, "{refused}");
        let expected = format!("--> FOLDER/keywell.toml:{place}\n");
        assert!(refused.contains(&expected), "{refused}");
        assert!(
            refused.contains("the bucket keywell-triggers is Keywell's own"),
            "{refused}"
        );
    }
}

#[test]
fn a_component_of_no_instances_is_left_out_with_a_notice() {
    let folder = tempfile::tempdir().unwrap();
    let component = |name: &str, instances: u32| {
        format!(
            "[component.{name}]\npath = {:?}\nevery-bucket = \"b\"\ninstances = {instances}\n\
             [[trigger.http]]\ncomponent = {name:?}\naddr = \"127.0.0.1:0\"\n",
            guest("counter_wasmcloud").to_str().unwrap()
        )
    };
    let text = format!(
        "[store.main]\nurl = \"memory:\"\n{}{}",
        component("off", 0),
        component("on", 1)
    );
    std::fs::write(folder.path().join("keywell.toml"), text).unwrap();
    let mut up = keywell();
    up.arg("up").current_dir(&folder);
    let application = Application::spawn(&mut up, 1);
    assert!(application.lines[0].starts_with("on listens on http://"));
    assert_eq!(application.get("/").text(), "Counter /: 1\n");
    let notice = application.logs("its instances are 0");
    assert!(
        notice.contains("WARN") && notice.contains("component=\"off\""),
        "{notice}"
    );
    application.stop();
}
