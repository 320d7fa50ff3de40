use std::sync::Arc;

use keywell_runtime::Error;
use keywell_runtime::watch::WatchTarget;
use keywell_store::BucketName;
use keywell_store::layer::{Grant, Limits};
use keywell_wasi::Grants;

use crate::support::*;

async fn refused(process: &Process, target: WatchTarget) -> String {
    let store = memory();
    match process.try_watch(&store, target, &options()).await {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_without_a_watcher_is_refused() {
    let mut process = Process::new();
    let wasm = wat::parse_str("(component)").unwrap();
    process.component = process
        .runtime
        .compile("empty.wasm".as_ref(), &wasm)
        .unwrap();
    let error = refused(&process, target("SET@k")).await;
    assert!(
        error.contains("exports no wasi:keyvalue/watcher"),
        "{error}"
    );

    let other_types = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $watcher (export "on-set" (func $f)) (export "on-delete" (func $f)))
        (export "wasi:keyvalue/watcher@0.2.0-draft2" (instance $watcher)))"#;
    let wasm = wat::parse_str(other_types).unwrap();
    process.component = process
        .runtime
        .compile("other.wasm".as_ref(), &wasm)
        .unwrap();
    let error = refused(&process, target("SET@k")).await;
    assert!(error.contains("on-set: func(bucket: bucket"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_triggers_write_themselves_cannot_be_watched() {
    let process = Process::new();
    for bucket in [WatchTarget::STATE, WatchTarget::DEAD_LETTERS] {
        let own = WatchTarget {
            bucket: name(bucket),
            ..target("SET@*")
        };
        let error = refused(&process, own).await;
        assert!(error.contains("watch another bucket"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_checked_and_used_once() {
    let process = Process::new();
    let named = |name: &str| WatchTarget {
        name: Some(name.to_owned()),
        ..target("SET@*")
    };
    for bad in ["", "a/b", "a\nb", &"x".repeat(129)] {
        let error = refused(&process, named(bad)).await;
        assert!(error.contains("needs another name"), "{error}");
    }
    let store = memory();
    let first = process
        .try_watch(&store, named("t"), &options())
        .await
        .unwrap();
    let second = process.try_watch(&store, named("t"), &options()).await;
    let error = second.err().unwrap().to_string();
    assert!(error.contains("already runs"), "{error}");
    first.stop().await;
    let again = process
        .try_watch(&store, named("t"), &options())
        .await
        .unwrap();
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_watched_as_it_is_granted() {
    let store = memory();
    let process = Process::new();
    let grants = || {
        Grants::none().with(
            name("record"),
            store.clone(),
            name("record"),
            Grant::default(),
            Limits::default(),
        )
    };
    let watch = async |grants: Grants| -> Result<_, Error> {
        process
            .runtime
            .watch(
                &process.component,
                Arc::new(grants),
                target("SET@*"),
                &options(),
            )
            .await
    };
    let error = watch(grants()).await.err().unwrap().to_string();
    assert!(error.contains("not granted"), "{error}");

    // To the component it is the default bucket, and keys begin after `tenant/`.
    let granted = grants().with(
        BucketName::default(),
        store.clone(),
        name("shop"),
        Grant {
            read_only: false,
            prefix: "tenant/".to_owned(),
        },
        Limits::default(),
    );
    let trigger = watch(granted).await.unwrap();
    let (shop, record) = (open(&store, "shop").await, open(&store, "record").await);
    let (end, ending) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(trigger.run(async move { drop(ending.await) }));
    set(&shop, "other/again:k", "1").await;
    set(&shop, "tenant/read:k", "2").await;
    until(&record, "log/read:k", |log| log == "2;").await;
    assert_eq!(
        text(&shop, "tenant/written").await.unwrap(),
        "by the handle"
    );
    assert_eq!(text(&record, "log/again:k").await, None);
    // Its own writes are known beneath the grant, too.
    set(&shop, "tenant/again:k", "0").await;
    let letter = letter(&store, |letter| letter.key == "again:k").await;
    assert!(
        letter.reason.contains("triggers itself"),
        "{}",
        letter.reason
    );
    drop(end);
    tokio::time::timeout(PATIENCE, running)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
