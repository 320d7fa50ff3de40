//! Stores whose reads may lag behind other processes: histories by hand, and planted defects.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use keywell_conformance::history::{Faults, Faulty, History, Plan, Request, Response};
use keywell_memory::MemoryStore;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Cas, Change, Entry, Expected, Reads, Set, Store,
    Swap, Version,
};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::by_hand::{Row, done, held, history, set, swap, swapped};

fn broken(cas: Cas, rows: &[Row]) -> Option<String> {
    let checked = history(cas, Reads::OwnWrites, rows).check();
    checked.err().map(|violation| violation.to_string())
}

#[test]
fn a_read_may_lag_behind_other_clients() {
    let rows = [
        (0, 1, 2, set("a"), done("1")),
        (1, 3, 4, Request::Get, held("a", "1")),
        (0, 5, 6, set("b"), done("2")),
        (1, 7, 8, Request::Get, held("a", "1")),
        (1, 9, 10, Request::Exists, Response::Exists(true)),
        (0, 11, 12, Request::Delete, Response::Deleted),
        (1, 13, 14, Request::Get, held("b", "2")),
        (2, 15, 16, Request::Get, Response::Entry(None)),
        (2, 17, 18, Request::Get, held("a", "1")),
    ];
    assert_eq!(broken(Cas::ByVersion, &rows), None);
    assert!(
        history(Cas::ByVersion, Reads::Latest, &rows)
            .check()
            .is_err()
    );
}

#[test]
fn a_client_reads_what_it_wrote() {
    let stale = [
        (1, 1, 2, set("a"), done("1")),
        (0, 3, 4, set("b"), done("2")),
        (0, 5, 6, Request::Get, held("a", "1")),
    ];
    let story = broken(Cas::ByVersion, &stale).expect("it is caught");
    assert!(story.contains("client 0 read a write older"), "{story}");
    let absent = [
        (0, 1, 2, Request::Increment(1), Response::Sum(1)),
        (0, 3, 4, Request::Get, Response::Entry(None)),
    ];
    for cas in [Cas::None, Cas::ByValue, Cas::ByVersion] {
        assert!(broken(cas, &absent).is_some(), "{cas:?}");
    }
    let deleted = [
        (1, 1, 2, set("a"), done("1")),
        (0, 3, 4, Request::Delete, Response::Deleted),
        (0, 5, 6, Request::Exists, Response::Exists(true)),
    ];
    assert!(broken(Cas::ByValue, &deleted).is_some());
}

#[test]
fn a_key_never_goes_back_for_a_client() {
    let rows = [
        (0, 1, 2, set("a"), done("1")),
        (0, 3, 4, set("b"), done("2")),
        (1, 5, 6, Request::Get, held("b", "2")),
        (1, 7, 8, Request::Get, held("a", "1")),
    ];
    assert!(broken(Cas::ByVersion, &rows).is_some());
    // Without an order of writes, a copy may have received the second before the first.
    assert_eq!(broken(Cas::None, &rows), None);
    let swapped_meanwhile = [
        (0, 1, 2, set("a"), done("1")),
        (1, 3, 4, Request::Get, held("a", "1")),
        (0, 5, 6, set("b"), done("2")),
        (1, 7, 8, swap(Some("1"), None), Response::Stale),
        (1, 9, 10, Request::Get, held("a", "1")),
    ];
    let story = broken(Cas::ByVersion, &swapped_meanwhile).expect("it is caught");
    assert!(story.contains("went back to an older version"), "{story}");
}

#[test]
fn writes_have_one_order_where_there_is_compare_and_swap() {
    let rows = [
        (0, 1, 2, set("a"), done("1")),
        (0, 3, 4, swap(Some("1"), Some("b")), swapped("2")),
        (1, 5, 6, swap(Some("1"), Some("c")), swapped("3")),
    ];
    assert!(broken(Cas::ByVersion, &rows).is_some());
    let sums = [
        (0, 1, 2, Request::Increment(1), Response::Sum(1)),
        (1, 3, 4, Request::Increment(1), Response::Sum(1)),
    ];
    assert!(broken(Cas::ByVersion, &sums).is_some());
    assert_eq!(broken(Cas::None, &sums), None);
}

#[test]
fn a_value_belongs_to_its_version() {
    let rows = [
        (0, 1, 2, set("a"), done("1")),
        (1, 3, 4, Request::Get, held("b", "1")),
    ];
    assert!(broken(Cas::ByVersion, &rows).is_some());
}

/// What a process does wrong with its copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    /// A write leaves the copy as it was.
    MissesOwnWrites,
    /// Some reads ask the leader, and leave the copy as it was.
    GoesBack,
    /// A swap compares the copy, and then writes whatever the leader holds.
    ComparesTheCopy,
}

/// A process that reads from its own copy of the keys, which lags behind.
struct Process {
    leader: Arc<dyn Bucket>,
    copy: Mutex<HashMap<String, Option<Entry>>>,
    chance: Mutex<StdRng>,
    defect: Defect,
}

// === impl Process ===

impl Process {
    fn new(leader: Arc<dyn Bucket>, defect: Defect, seed: u64) -> Self {
        Self {
            leader,
            copy: Mutex::default(),
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            defect,
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn forget(&self, key: &str) {
        if !self.has(Defect::MissesOwnWrites) {
            self.copy.lock().remove(key);
        }
    }
}

impl Bucket for Process {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            reads: Reads::OwnWrites,
            ..self.leader.capabilities()
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let catches_up = self.chance.lock().random_bool(0.3);
        let mut copy = self.copy.lock();
        if !catches_up && let Some(entry) = copy.get(key) {
            return Answer::now(entry.clone());
        }
        let Answer::Now(Ok(entry)) = self.leader.get_within(key, max) else {
            panic!("memory answers at once");
        };
        if !(self.has(Defect::GoesBack) && copy.contains_key(key)) {
            copy.insert(key.to_owned(), entry.clone());
        }
        Answer::now(entry)
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.forget(key);
        self.leader.set(key, value, how)
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.forget(key);
        self.leader.delete(key)
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let copied = self.copy.lock().get(key).cloned().flatten();
        self.forget(key);
        if self.has(Defect::ComparesTheCopy)
            && let (Expected::At(version), Some(entry)) = (&expected, copied)
            && let Change::Set(value, how) = &change
            && *version == entry.version
        {
            let written = self.leader.set(key, value.clone(), *how);
            return written.map(|version| Swap::Done(Some(version)));
        }
        self.leader.swap(key, expected, change)
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.forget(key);
        self.leader.increment_or_create(key, delta, created)
    }
}

/// A history of two processes on one leader.
async fn of_two(defect: Defect, seed: u64) -> History {
    let leader = MemoryStore::new().open(&BucketName::default()).await;
    let leader = leader.unwrap();
    let services = [0, 1].map(|process| {
        let seed = 2 * seed + process;
        let process = Process::new(leader.clone(), defect, seed);
        Arc::new(Faulty::new(Arc::new(process), Faults::delays(seed)))
    });
    Plan::seeded(seed).run_between(&services).await
}

async fn caught(defect: Defect) -> String {
    for seed in 0..12 {
        if let Err(violation) = of_two(defect, seed).await.check() {
            println!("{defect:?}, seed {seed}: {violation}");
            return violation.to_string();
        }
    }
    panic!("the checker misses {defect:?}");
}

#[tokio::test]
async fn processes_that_lag_are_explained_and_not_linearizable() {
    let mut linearizable = 0;
    for seed in 0..50 {
        let mut history = of_two(Defect::None, seed).await;
        if let Err(violation) = history.check() {
            panic!("seed {seed}: {violation}");
        }
        history.reads = Reads::Latest;
        linearizable += u32::from(history.check().is_ok());
    }
    assert!(linearizable < 10, "{linearizable} of 50: they hardly lag");
}

#[tokio::test]
async fn a_process_that_misses_its_own_writes_is_caught() {
    caught(Defect::MissesOwnWrites).await;
}

#[tokio::test]
async fn a_process_whose_keys_go_back_is_caught() {
    let story = caught(Defect::GoesBack).await;
    assert!(story.contains("client"), "{story}");
}

#[tokio::test]
async fn a_swap_that_compares_a_copy_is_caught() {
    let story = caught(Defect::ComparesTheCopy).await;
    assert!(story.contains("swap"), "{story}");
}
