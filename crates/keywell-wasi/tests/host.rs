//! What a component is answered, by stores and grants of every kind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use keywell_memory::MemoryStore;
use keywell_store::layer::{Faults, Faulty, Grant, Layered, Limits, METHODS, Rates, Script};
use keywell_store::{BucketName, Error, Promptness, Set, Store};
use keywell_wasi::{Generation, Grants, Keyvalue, KeyvalueView, imports, link};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

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

fn component() -> Component {
    let wasm = wat::parse_str(include_str!("components/exists.wat")).unwrap();
    Component::from_binary(&Engine::default(), &wasm).unwrap()
}

/// Whether the component finds `k` in its default bucket.
async fn exists(grants: Grants) -> u32 {
    let component = component();
    let grants = Arc::new(grants);
    let mut linker = Linker::new(component.engine());
    link(&mut linker, &component, &grants).unwrap();
    let at_once = grants.promptness() == Promptness::AtOnce;
    let mut store = wasmtime::Store::new(component.engine(), State(Keyvalue::new(grants)));
    if at_once {
        // Without a fibre: these fail where any host function is async.
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let exists = instance
            .get_typed_func::<(), (u32,)>(&mut store, "exists")
            .unwrap();
        return exists.call(&mut store, ()).unwrap().0;
    }
    let instance = linker
        .instantiate_async(&mut store, &component)
        .await
        .unwrap();
    let exists = instance
        .get_typed_func::<(), (u32,)>(&mut store, "exists")
        .unwrap();
    exists.call_async(&mut store, ()).await.unwrap().0
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
}
