//! Snapshots of durable workers, what an invocation costs their journal, and what idle ones hold.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keywell_journal::{Claim, Journals, Record, Session, Status, Time, WorkerName};
use keywell_memory::MemoryStore;
use keywell_runtime::invoke::{Function, Val};
use keywell_runtime::worker::{Invocation, WorkerError, WorkerOptions, Workers, answer};
use keywell_runtime::{Environment, Options, Runtime};
use keywell_store::{Answer, Bucket, BucketName, Check, Store, StoreId, Transacted, Write};
use keywell_wasi::Grants;

const PATIENCE: Duration = Duration::from_mins(1);

/// Counts transactions, and lets one of them wait for ever.
struct Counted {
    inner: MemoryStore,
    transactions: AtomicU64,
    held: AtomicU64,
}

/// A component, and the store of its workers.
struct Process {
    runtime: Runtime,
    component: PathBuf,
    store: Arc<Counted>,
    snapshot_every: u32,
}

fn guest(name: &str) -> PathBuf {
    let guests = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../guests/target/wasm32-wasip2/release"
    );
    let path = PathBuf::from(guests).join(format!("{name}.wasm"));
    assert!(
        path.exists(),
        "{} is not built; `cargo xtask guests` builds it",
        path.display()
    );
    path
}

fn name(text: &str) -> WorkerName {
    text.parse().unwrap()
}

impl Store for Counted {
    fn id(&self) -> Option<StoreId> {
        self.inner.id()
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.inner.open(name)
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let number = self.transactions.fetch_add(1, Ordering::Relaxed);
        if number == self.held.load(Ordering::Relaxed) {
            return Answer::later(std::future::pending());
        }
        self.inner.transact(checks, writes)
    }
}

impl Counted {
    fn new() -> Self {
        Self {
            inner: MemoryStore::new(),
            transactions: AtomicU64::new(0),
            held: AtomicU64::new(u64::MAX),
        }
    }

    /// Holds the transaction after so many more.
    fn hold_after(&self, more: u64) {
        let number = self.transactions() + more;
        self.held.store(number, Ordering::Relaxed);
    }

    fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }
}

impl Process {
    fn new(component: &Path, snapshot_every: u32) -> Self {
        let options = Options {
            instances: 2,
            chain: 1,
            ..Options::default()
        };
        Self {
            runtime: Runtime::new(&options).unwrap(),
            component: component.to_owned(),
            store: Arc::new(Counted::new()),
            snapshot_every,
        }
    }

    /// As another process has them.
    async fn workers(&self) -> Workers {
        let store: Arc<dyn Store> = self.store.clone();
        let options = WorkerOptions {
            stores: vec![("main".to_owned(), store.clone())],
            snapshot_every: self.snapshot_every,
            lease: Duration::ZERO,
            ..WorkerOptions::new(store.clone())
        };
        let component = self.runtime.load_worker(&self.component, &self.component);
        let component = component.unwrap();
        let grants = Arc::new(Grants::everything_in(store));
        let environment = Environment::default();
        let workers = self
            .runtime
            .workers(&component, grants, environment, options);
        workers.await.unwrap()
    }

    async fn journals(&self) -> Journals {
        Journals::open(self.store.clone()).await.unwrap()
    }

    fn claim() -> Claim {
        Claim {
            holder: "a test".to_owned(),
            now: Time::of_the_system(),
            lease: Duration::ZERO,
        }
    }

    /// What the journal of the worker `w` has, a line a record.
    async fn log(&self) -> Vec<String> {
        let journals = self.journals().await;
        let head = journals.head(&name("w")).await.unwrap();
        let mut cursor = journals.read(&name("w"), &head);
        let mut lines = Vec::new();
        while let Some((_, event)) = cursor.next(&head).await.unwrap() {
            lines.push(match event.record {
                Record::Snapshot(_) => "snapshot".to_owned(),
                record => record.brief(),
            });
        }
        lines
    }
}

async fn call_with(
    workers: &Workers,
    worker: &str,
    key: Option<&str>,
    function: &str,
    arguments: &[Val],
) -> Result<Option<Val>, WorkerError> {
    let function = workers.functions().find(function).unwrap();
    let invocation = Invocation {
        worker: name(worker),
        key: key.map(str::to_owned),
        function,
        arguments,
    };
    let written = workers.invoke(invocation, PATIENCE).await?;
    Ok(answer(function, &written).unwrap().pop())
}

/// What a function of the worker `w` returns.
async fn call(workers: &Workers, function: &str, arguments: &[Val]) -> Option<Val> {
    let called = call_with(workers, "w", None, function, arguments).await;
    called.unwrap()
}

async fn count(workers: &Workers) -> String {
    match call(workers, "count", &[]).await {
        Some(Val::String(text)) => text,
        other => panic!("{other:?}"),
    }
}

async fn remember(workers: &Workers, word: &str) -> Option<Val> {
    call(workers, "remember", &[Val::String(word.to_owned())]).await
}

async fn loads(workers: &Workers) -> Option<Val> {
    call(workers, "loads", &[]).await
}

#[tokio::test]
async fn a_worker_goes_on_from_its_snapshot_as_the_instance_that_took_it() {
    let process = Process::new(&guest("saver"), 3);
    let workers = process.workers().await;
    assert_eq!(count(&workers).await, "1 1");
    for word in ["a", "b", "c", "d"] {
        remember(&workers, word).await;
    }
    // The third took a snapshot, and the fourth and fifth are behind it.
    let log = process.log().await;
    assert_eq!(log[0], "snapshot");
    assert_eq!(log.len(), 1 + 2 * 2, "{log:?}");
    assert_eq!(loads(&workers).await, Some(Val::U32(1)));
    // Six by now, so this instance has loaded a state again.
    let words = remember(&workers, "e").await;
    let again = process.workers().await;
    assert_eq!(loads(&again).await, Some(Val::U32(2)));
    assert_eq!(count(&again).await, "2 2");
    // The order of a hash map is that of its random numbers.
    assert_eq!(remember(&again, "e").await, words);
    let other = process.workers().await;
    assert_eq!(remember(&other, "e").await, words);
}

#[tokio::test]
async fn a_key_is_answered_after_its_records_were_trimmed() {
    let process = Process::new(&guest("saver"), 1);
    let workers = process.workers().await;
    let keyed = async |workers: &Workers| call_with(workers, "w", Some("k"), "count", &[]).await;
    let first = keyed(&workers).await.unwrap();
    assert_eq!(process.log().await, ["snapshot"]);
    for workers in [workers, process.workers().await] {
        assert_eq!(keyed(&workers).await.unwrap(), first);
        let text = [Val::String("x".to_owned())];
        let other = call_with(&workers, "w", Some("k"), "remember", &text).await;
        let error = other.unwrap_err().to_string();
        assert!(error.contains("other arguments"), "{error}");
    }
    assert_eq!(process.log().await, ["snapshot"]);
}

#[tokio::test]
async fn a_save_that_fails_leaves_the_journal_and_the_variables() {
    for how in ["trap", "write", "sleep", "spoil"] {
        let process = Process::new(&guest("saver"), 2);
        let workers = process.workers().await;
        assert_eq!(count(&workers).await, "1 1", "{how}");
        call(&workers, "misbehave", &[Val::String(how.to_owned())]).await;
        assert_eq!(workers.idle(), 0, "{how}");
        assert!(process.log().await[0].starts_with("created"), "{how}");
        // Of a replay: the state was not loaded, and nothing was written.
        assert_eq!(count(&workers).await, "2 2", "{how}");
        call(&workers, "misbehave", &[Val::String(String::new())]).await;
        assert_eq!(process.log().await, ["snapshot"], "{how}");
        assert_eq!(count(&process.workers().await).await, "3 3", "{how}");
    }
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_loaded_runs_nothing() {
    let process = Process::new(&guest("saver"), 1);
    let workers = process.workers().await;
    assert_eq!(count(&workers).await, "1 1");
    let journals = process.journals().await;
    let worker = name("w");
    for (state, reason) in [("1\n0\nspoil", "it is spoilt"), ("x", "\"x\" is no count")] {
        let journal = journals.claim(&worker, &Process::claim()).await.unwrap();
        let clock = Arc::new(Time::of_the_system);
        let session = Session::open(journal, clock, 1_000_000).await.unwrap();
        session.snapshot(state.into()).await.unwrap();
        for _ in 0..2 {
            let called = call_with(&workers, "w", None, "count", &[]).await;
            let error = called.unwrap_err();
            let is_so = matches!(error, WorkerError::Unloadable { .. });
            assert!(is_so, "{error:?}");
            let text = error.to_string();
            assert!(text.contains("worker w cannot load its snapshot"), "{text}");
            assert!(text.contains(reason), "{text}");
        }
        assert_eq!(process.log().await, ["snapshot"]);
        let head = journals.head(&worker).await.unwrap();
        assert_eq!(head.status, Status::Idle);
    }
    let bucket = process.store.open(&"counts".parse().unwrap()).await;
    let stored = bucket.unwrap().get("count").await.unwrap().unwrap();
    assert_eq!(stored.value, "1");
}

/// Saves and loads its only variable, as components for Golem do.
const GOLEM: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        ;; The variable is at 0, what is returned at 16, and what is passed at 32.
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 32))
        (func (export "count") (result i32)
            (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
            (i32.load (i32.const 0)))
        (func (export "save") (result i32)
            (i32.store (i32.const 16) (i32.const 0))
            (i32.store (i32.const 20) (i32.const 4))
            (i32.const 16))
        (func (export "load") (param i32 i32) (result i32)
            (i32.store (i32.const 0) (i32.load (local.get 0)))
            (i32.store (i32.const 16) (i32.const 0))
            (i32.const 16)))
    (core instance $i (instantiate $m))
    (alias core export $i "memory" (core memory $memory))
    (alias core export $i "realloc" (core func $realloc))
    (func (export "count") (result u32) (canon lift (core func $i "count")))
    (func $save (result (list u8))
        (canon lift (core func $i "save") (memory $memory) (realloc $realloc)))
    (func $load (param "bytes" (list u8)) (result (result (error string)))
        (canon lift (core func $i "load") (memory $memory) (realloc $realloc)))
    (instance $saving (export "save" (func $save)))
    (instance $loading (export "load" (func $load)))
    (export "golem:api/save-snapshot@1.1.7" (instance $saving))
    (export "golem:api/load-snapshot@1.1.7" (instance $loading)))"#;

#[tokio::test]
async fn snapshots_of_the_shape_of_golem_are_taken_and_are_no_functions_of_callers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("golem.wasm");
    std::fs::write(&file, wat::parse_str(GOLEM).unwrap()).unwrap();
    let process = Process::new(&file, 2);
    let workers = process.workers().await;
    for number in 1..=5 {
        let counted = call(&workers, "count", &[]).await;
        assert_eq!(counted, Some(Val::U32(number)));
    }
    assert_eq!(process.log().await.len(), 1 + 2);
    let again = process.workers().await;
    assert_eq!(call(&again, "count", &[]).await, Some(Val::U32(6)));
    assert_eq!(process.log().await, ["snapshot"]);
    let names: Vec<_> = again.functions().iter().map(Function::name).collect();
    assert_eq!(names, ["count"]);
}

#[tokio::test]
async fn an_invocation_with_one_increment_takes_two_commits() {
    let process = Process::new(&guest("saver"), 0);
    let workers = process.workers().await;
    count(&workers).await;
    for _ in 0..3 {
        let before = process.store.transactions();
        count(&workers).await;
        assert_eq!(process.store.transactions() - before, 2);
    }
    // One without an effect is committed with its answer.
    let before = process.store.transactions();
    loads(&workers).await;
    assert_eq!(process.store.transactions() - before, 1);
}

#[tokio::test]
async fn an_instance_whose_worker_was_taken_over_makes_place_for_another() {
    let process = Process::new(&guest("saver"), 0);
    let [first, second] = [process.workers().await, process.workers().await];
    for number in 1..=3 {
        let (one, other) = (2 * number - 1, 2 * number);
        assert_eq!(count(&first).await, format!("{one} {one}"));
        assert_eq!(count(&second).await, format!("{other} {other}"));
    }
    let loaded = loads(&first).await;
    assert_eq!(loaded, Some(Val::U32(0)));
    // As deep in the journal as if one process had been called.
    let log = process.log().await;
    let returned = log.iter().filter(|line| line.starts_with("return"));
    assert_eq!(returned.count(), 7, "{log:?}");
}

#[tokio::test]
async fn what_is_dropped_before_its_first_effect_was_never_accepted() {
    let process = Process::new(&guest("saver"), 0);
    let workers = process.workers().await;
    count(&workers).await;
    let before = process.log().await;
    for (function, commits) in [("loads", 0), ("count", 0)] {
        process.store.hold_after(commits);
        let called = std::pin::pin!(call_with(&workers, "w", Some("k"), function, &[]));
        assert!(futures::poll!(called).is_pending());
        assert_eq!(process.log().await, before, "{function}");
    }
    assert_eq!(count(&workers).await, "2 2");
    let keyed = call_with(&workers, "w", Some("k"), "loads", &[]).await;
    assert_eq!(keyed.unwrap(), Some(Val::U32(0)));
}

#[tokio::test]
async fn what_is_dropped_behind_its_first_effect_ends_with_the_next() {
    let process = Process::new(&guest("saver"), 0);
    let workers = process.workers().await;
    count(&workers).await;
    process.store.hold_after(1);
    {
        let called = std::pin::pin!(call_with(&workers, "w", Some("k"), "count", &[]));
        assert!(futures::poll!(called).is_pending());
    }
    assert_eq!(count(&workers).await, "3 3");
    let keyed = call_with(&workers, "w", Some("k"), "count", &[]).await;
    assert_eq!(keyed.unwrap(), Some(Val::String("2 2".to_owned())));
}

#[tokio::test]
async fn idle_workers_hold_no_more_instances_than_there_may_be() {
    const WORKERS: u32 = 40;
    let process = Process::new(&guest("saver"), 2);
    let workers = process.workers().await;
    for round in 1..=3 {
        for number in 0..WORKERS {
            let worker = format!("w{number}");
            let counted = call_with(&workers, &worker, None, "count", &[]).await;
            let Some(Val::String(text)) = counted.unwrap() else {
                panic!("it answers a text");
            };
            assert!(text.starts_with(&format!("{round} ")), "{worker}: {text}");
            assert!(workers.idle() <= 2, "{}", workers.idle());
        }
    }
}
