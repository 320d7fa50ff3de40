//! Links of a component, with a name and without, and what else it may have beside buckets.

use keywell_config::LinkPlan;

use crate::read;

const LINKS: &str = r#"
[store.one]
url = "redis://localhost?layout=flat"

[store.two]
url = "redis://localhost:6380?layout=flat"

[component.c]
path = "c.wasm"
every-bucket = { store = "one", prefix = "a/" }
buckets.other = { store = "two" }
instances = 3
secrets = { token = "hunter2", tries = 3 }

[component.c.links.cache]
store = "two"
buckets.own = "kept"

[component.c.links.audit]
every-bucket = { store = "two", bucket = "log", read-only = true, max-key = 8, max-value = 64 }

[component.off]
path = "off.wasm"
instances = 0

[[trigger.watch]]
component = "c"
bucket = "any"
on = "SET@k"

[[trigger.http]]
component = "c"
"#;

/// The names of a link's buckets, with the store and the bucket of each.
fn buckets(link: &LinkPlan) -> Vec<(&str, &str, &str)> {
    let buckets = link.buckets.iter();
    buckets
        .map(|(name, grant)| (&**name, &*grant.store, grant.bucket.as_str()))
        .collect()
}

#[test]
fn a_component_has_a_link_without_a_name_and_others_by_their_names() {
    let plan = read(LINKS).unwrap();
    let component = &plan.components["c"];
    let LinkPlan {
        store,
        every_bucket,
        ..
    } = &component.link;
    let every = every_bucket.as_ref().unwrap();
    assert_eq!(
        (store, &*every.store, every.bucket.as_str()),
        (&None, "one", "default")
    );
    assert_eq!((&*every.prefix, every.read_only), ("a/", false));
    assert_eq!(buckets(&component.link), [("other", "two", "other")]);

    let names: Vec<&String> = component.links.keys().collect();
    assert_eq!(names, ["audit", "cache"]);
    let cache = &component.links["cache"];
    assert_eq!(cache.store.as_deref(), Some("two"));
    assert_eq!(cache.every_bucket, None);
    assert_eq!(
        buckets(cache),
        [("own", "two", "kept")],
        "its store is the link's"
    );
    let audit = &component.links["audit"];
    assert_eq!((&audit.store, audit.buckets.len()), (&None, 0));
    let every = audit.every_bucket.as_ref().unwrap();
    assert_eq!((&*every.store, every.bucket.as_str()), ("two", "log"));
    assert_eq!(
        (every.read_only, every.max_key, every.max_value),
        (true, Some(8), Some(64))
    );

    let secrets = component.secrets.iter();
    let secrets: Vec<_> = secrets
        .map(|(name, value)| (&**name, value.expose()))
        .collect();
    assert_eq!(secrets, [("token", "hunter2"), ("tries", "3")]);
    assert!(!format!("{plan:?}").contains("hunter2"));
    assert_eq!(component.instances, Some(3));
    assert_eq!(plan.components["off"].instances, Some(0));
}

#[test]
fn a_bucket_that_every_name_stands_for_needs_no_store_where_there_is_one() {
    let plan = read(
        "[store.only]\nurl='memory:'\n[component.c]\npath='c'\nevery-bucket='b'\n\
         [[trigger.watch]]\ncomponent='c'\nbucket='x'\non='SET@k'\n",
    );
    let plan = plan.unwrap();
    let every = plan.components["c"].link.every_bucket.as_ref().unwrap();
    assert_eq!((&*every.store, every.bucket.as_str()), ("only", "b"));
}
