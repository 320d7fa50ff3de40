//! What a component is answered, by stores and grants of every kind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use keywell_memory::MemoryStore;
use keywell_store::layer::{Faults, Faulty, Grant, Layered, Limits, METHODS, Rates, Script};
use keywell_store::{BucketName, Error, Promptness, Set, Store};
use keywell_wasi::{Generation, Grants, Keyvalue, KeyvalueView, imports, link};
use wasmtime::Engine;
use wasmtime::component::{Component, ComponentNamedList, Lift, Linker};

struct State(Keyvalue);

impl KeyvalueView for State {
    fn keyvalue(&self) -> &Keyvalue {
        &self.0
    }

    fn keyvalue_mut(&mut self) -> &mut Keyvalue {
        &mut self.0
    }
}

const THERE: u32 = 1;
const ABSENT: u32 = 0;
const ERROR: u32 = 2;

fn component(wat: &str) -> Component {
    let wasm = wat::parse_str(wat).unwrap();
    Component::from_binary(&Engine::default(), &wasm).unwrap()
}

/// Whether the component finds `k` in its default bucket.
async fn exists(grants: Grants) -> u32 {
    exists_by(None, grants).await
}

/// The same by a link that is chosen by its name.
async fn exists_by(link_name: Option<&str>, grants: Grants) -> u32 {
    let wat = include_str!("components/exists.wat");
    let (exists,): (u32,) = call(wat, "exists", link_name, grants).await;
    exists
}

/// The trace of the error that a component of the unversioned generation meets when it gets `k`
/// from its default bucket.
async fn trace(grants: Grants) -> String {
    let wat = include_str!("components/missing.wat");
    let (trace,): (String,) = call(wat, "missing", None, grants).await;
    trace
}

/// Calls an export of a component once.
async fn call<R>(wat: &str, export: &str, link_name: Option<&str>, grants: Grants) -> R
where
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    let component = component(wat);
    let grants = Arc::new(grants);
    let mut linker = Linker::new(component.engine());
    link(&mut linker, &component, &grants).unwrap();
    let at_once = grants.promptness() == Promptness::AtOnce;
    let mut keyvalue = Keyvalue::new(grants);
    keyvalue.choose_link("wasi:keyvalue/store", link_name);
    let mut store = wasmtime::Store::new(component.engine(), State(keyvalue));
    if at_once {
        // Without a fibre: these fail where any host function is async.
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let called = instance
            .get_typed_func::<(), R>(&mut store, export)
            .unwrap();
        return called.call(&mut store, ()).unwrap();
    }
    let instance = linker
        .instantiate_async(&mut store, &component)
        .await
        .unwrap();
    let called = instance
        .get_typed_func::<(), R>(&mut store, export)
        .unwrap();
    called.call_async(&mut store, ()).await.unwrap()
}

async fn memory_with(bucket: &str, key: &str) -> Arc<MemoryStore> {
    let store = MemoryStore::default();
    let bucket = store
        .open(&BucketName::parse(bucket).unwrap())
        .await
        .unwrap();
    bucket
        .set(key, Bytes::from_static(b"v"), Set::default())
        .await
        .unwrap();
    Arc::new(store)
}

/// A store that waits before each answer, and whose calls may fail.
fn distant(inner: Arc<dyn Store>, script: &Script) -> Arc<dyn Store> {
    let delayed = Faults {
        reads: Rates {
            delay: 1.0,
            ..Rates::default()
        },
        ..Faults::default()
    };
    let script = script.clone();
    Arc::new(Layered::late(inner, move |_, bucket| {
        Arc::new(Faulty::new(bucket, delayed).following(&script))
    }))
}

#[tokio::test]
async fn a_store_that_answers_at_once_needs_no_fibre() {
    let store = memory_with("", "k").await;
    assert_eq!(exists(Grants::everything_in(store)).await, THERE);
}

#[tokio::test]
async fn a_store_that_waits_is_awaited() {
    let store = distant(memory_with("", "k").await, &Script::of(&METHODS));
    let grants = Grants::everything_in(store);
    assert_eq!(grants.promptness(), Promptness::Waits);
    assert_eq!(exists(grants).await, THERE);
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_in_the_guest_and_no_trap() {
    for failing in [
        Error::Unavailable("down".into()),
        Error::Ambiguous("lost".into()),
        Error::Corrupt("torn".into()),
        Error::Internal("a defect".into()),
        Error::NoSuchBucket("b".to_owned()),
    ] {
        let script = Script::of(&METHODS);
        script.fail(&failing);
        let store = distant(Arc::new(MemoryStore::default()), &script);
        assert_eq!(exists(Grants::everything_in(store)).await, ERROR);
        assert_eq!(script.counts().failed, 1);
    }
}

#[tokio::test]
async fn an_error_that_is_a_resource_says_why_and_never_what_a_guest_must_not_read() {
    let memory = || async { memory_with("", "other").await };
    let everything_in = |store| trace(Grants::everything_in(store));
    assert_eq!(everything_in(memory().await).await, "Key not found");
    let late = distant(memory().await, &Script::of(&METHODS));
    assert_eq!(everything_in(late).await, "Key not found");
    let found = distant(memory_with("", "k").await, &Script::of(&METHODS));
    assert_eq!(everything_in(found).await, "");
    assert!(trace(Grants::none()).await.starts_with("access denied"));

    let script = Script::of(&METHODS);
    script.fail(&Error::Unavailable("no route to 10.0.0.7".into()));
    let unavailable = everything_in(distant(memory().await, &script)).await;
    assert_eq!(unavailable, "the store is unavailable; try again later");
}

#[tokio::test]
async fn what_is_not_granted_is_refused() {
    assert_eq!(exists(Grants::none()).await, ERROR);
}

#[tokio::test]
async fn buckets_of_keywell_itself_are_refused_whatever_is_granted() {
    for reserved in ["keywell-triggers", "keywell-deadletters", "keywell-other"] {
        let store = memory_with(reserved, "k").await;
        let reserved = BucketName::parse(reserved).unwrap();
        let with = |name: &BucketName, bucket: &BucketName| {
            let (name, bucket) = (name.clone(), bucket.clone());
            let everything = Grants::everything_in(store.clone());
            everything.with(
                name,
                store.clone(),
                bucket,
                Grant::default(),
                Limits::default(),
            )
        };
        let own = BucketName::default();
        assert_eq!(exists(with(&own, &reserved)).await, ERROR);
        for (grants, asked) in [
            (Grants::everything_in(store.clone()), &reserved),
            (with(&own, &reserved), &own),
            (with(&reserved, &own), &reserved),
            (with(&reserved, &reserved), &reserved),
        ] {
            let grants = Arc::new(grants.layered(|_, bucket| bucket));
            for _ in 0..2 {
                let opened = grants.bucket(asked).await;
                assert!(matches!(opened, Err(Error::AccessDenied(_))), "{asked}");
            }
            let other = BucketName::parse("my-keywell-triggers").unwrap();
            assert!(grants.bucket(&other).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_grant_maps_a_name_to_a_bucket_and_hides_a_prefix() {
    let store = memory_with("shop", "tenant/k").await;
    let grants = |prefix: &str| {
        let grant = Grant {
            read_only: true,
            prefix: prefix.to_owned(),
        };
        let bucket = BucketName::parse("shop").unwrap();
        let name = BucketName::default();
        Grants::none().with(name, store.clone(), bucket, grant, Limits::default())
    };
    assert_eq!(exists(grants("tenant/")).await, THERE);
    assert_eq!(exists(grants("other/")).await, ABSENT);
}

#[tokio::test]
async fn every_other_name_can_stand_for_one_bucket() {
    let store = memory_with("shop", "tenant/k").await;
    let other = memory_with("own", "k").await;
    let name = |name| BucketName::parse(name).unwrap();
    let grant = Grant {
        read_only: true,
        prefix: "tenant/".to_owned(),
    };
    let own = (name("own"), Grant::default(), Limits::default());
    let grants = Grants::none()
        .with(own.0.clone(), other, own.0, own.1, own.2)
        .with_every_name(store.clone(), name("shop"), grant, Limits::default());
    let grants = Arc::new(grants.layered(|_, bucket| bucket));
    for asked in ["default", "shop", "anything", "own"] {
        let bucket = grants.bucket(&name(asked)).await.unwrap();
        assert!(bucket.exists("k").await.unwrap(), "{asked}");
        let is_refused = bucket.delete("k").await.is_err();
        assert_eq!(is_refused, asked != "own", "{asked}");
        let origin = grants.origin(&name(asked)).unwrap();
        assert_eq!(
            origin.bucket,
            name(if asked == "own" { "own" } else { "shop" })
        );
    }
    let reserved = grants.bucket(&name("keywell-triggers")).await;
    assert!(matches!(reserved, Err(Error::AccessDenied(_))));
}

#[tokio::test]
async fn a_link_is_chosen_by_its_name_and_one_that_is_not_there_is_refused() {
    let grants = || async {
        let cache = memory_with("", "k").await;
        let audit = distant(memory_with("", "k").await, &Script::of(&METHODS));
        Grants::everything_in(Arc::new(MemoryStore::default()))
            .with_link("cache", Grants::none())
            .with_link("audit", Grants::everything_in(audit))
            .with_link("cache", Grants::everything_in(cache))
            .with_link("empty", Grants::none())
    };
    for (name, expected) in [
        (None, ABSENT),
        (Some("cache"), THERE),
        (Some("audit"), THERE),
        (Some("empty"), ERROR),
        (Some("other"), ERROR),
        // The runtime has a word for that without a name.
        (Some("default"), ERROR),
    ] {
        let plain = grants().await;
        assert_eq!(plain.promptness(), Promptness::Waits, "one of them waits");
        let layered = plain.layered(|_, bucket| bucket);
        assert_eq!(exists_by(name, plain).await, expected, "{name:?}");
        assert_eq!(exists_by(name, layered).await, expected, "{name:?}");
    }
    let keyvalue = Keyvalue::new(Arc::new(grants().await));
    for interface in [
        "wasi:keyvalue/store",
        "wasi:keyvalue/atomics",
        "wasi:keyvalue/batch",
        "wasi:keyvalue/watcher",
        "keywell:keyvalue/store",
    ] {
        assert!(keyvalue.has_link(interface, "audit"));
        assert!(!keyvalue.has_link(interface, "other"));
    }
    for interface in [
        "wasi:keyvalue/types",
        "keywell:keyvalue/watch",
        "wasi:http/outgoing-handler",
        "store",
        "",
    ] {
        assert!(!keyvalue.has_link(interface, "audit"), "{interface}");
    }
}

#[tokio::test]
async fn a_layer_is_around_the_buckets_of_every_link_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let layers = Arc::new(AtomicUsize::new(0));
    let counting = || {
        let layers = layers.clone();
        move |_: &keywell_wasi::Origin, bucket| {
            layers.fetch_add(1, Ordering::Relaxed);
            bucket
        }
    };
    let store = memory_with("", "k").await;
    let grants = Grants::none().with_link("cache", Grants::everything_in(store));
    let grants = grants.layered(counting()).layered(counting());
    assert_eq!(exists_by(Some("cache"), grants).await, THERE);
    assert_eq!(layers.load(Ordering::Relaxed), 2);
}

#[test]
fn generations_are_identified_by_version_and_types() {
    let of = |wat: &str| {
        let wasm = wat::parse_str(wat).unwrap();
        let component = Component::from_binary(&Engine::default(), &wasm).unwrap();
        let imports = imports(&component);
        imports
            .into_iter()
            .map(|import| import.generation)
            .collect::<Vec<_>>()
    };
    let batch = |version: &str, found: &str| {
        format!(
            r#"(component (import "wasi:keyvalue/batch@{version}" (instance
                (export "get-many" (func (result (result (list {found}) (error string))))))))"#
        )
    };
    let optional = "(option (tuple string (list u8)))";
    let pairs = "(tuple string (option (list u8)))";
    assert_eq!(
        of(&batch("0.2.0-draft2", optional)),
        [Some(Generation::Draft2)]
    );
    assert_eq!(
        of(&batch("0.2.0-draft2", pairs)),
        [Some(Generation::Draft2Pairs)]
    );
    assert_eq!(
        of(&batch("0.2.0-draft", optional)),
        [Some(Generation::Draft)]
    );
    assert_eq!(of(&batch("0.3.0", optional)), [None]);
    let eventual = |name: &str| format!(r#"(component (import "{name}" (instance)))"#);
    for (name, generation) in [
        ("wasi:keyvalue/eventual@0.1.0", Some(Generation::V0_1_0)),
        ("wasi:keyvalue/types@0.1.0", Some(Generation::V0_1_0)),
        ("wasi:keyvalue/batch@0.1.0", None),
        ("wasi:keyvalue/eventual", None),
        ("wasi:keyvalue/readwrite", Some(Generation::Unversioned)),
        ("wasi:keyvalue/batch", Some(Generation::Unversioned)),
        ("wasi:keyvalue/store", None),
    ] {
        assert_eq!(of(&eventual(name)), [generation], "{name}");
    }
}

#[test]
fn the_variant_with_static_functions_is_recognised_by_its_types() {
    for version in ["", "@0.1.0"] {
        for (how, of, is_offered) in [("static", "own", false), ("method", "borrow", true)] {
            let wat = format!(
                r#"(component (import "wasi:keyvalue/types{version}" (instance
                    (export "incoming-value" (type $value (sub resource)))
                    (export "[{how}]incoming-value.incoming-value-consume-sync"
                        (func (param "{self}" ({of} $value)) (result (list u8)))))))"#,
                self = if is_offered { "self" } else { "this" },
            );
            let wasm = wat::parse_str(wat).unwrap();
            let component = Component::from_binary(&Engine::default(), &wasm).unwrap();
            let import = imports(&component).remove(0);
            assert_eq!(import.generation.is_some(), is_offered, "{how}{version}");
            assert_eq!(import.unoffered.is_none(), is_offered, "{how}{version}");
        }
    }
}

#[tokio::test]
async fn a_later_release_of_an_interface_is_linked_as_the_one_that_is_offered() {
    for interface in [
        "wasmcloud:keyvalue/store@0.2.1",
        "spin:key-value/key-value@3.0.1",
        "keywell:collections/store@0.1.9",
    ] {
        let component = component(&format!(r#"(component (import "{interface}" (instance)))"#));
        let mut linker = Linker::<State>::new(component.engine());
        link(&mut linker, &component, &Grants::none()).unwrap();
        let instance = linker.instantiate_pre(&component);
        assert!(instance.is_ok(), "{interface}: {:?}", instance.err());
    }
}
