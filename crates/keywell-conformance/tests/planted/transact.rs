//! Stores whose transactions keep less than they promise.

use keywell_conformance::transact;
use keywell_memory::MemoryStore;
use keywell_store::{
    Action, Answer, Capabilities, Change, Check, Set, Store, Transacted, Transacting, Write,
    Written,
};

use crate::bug::{Bug, Caught, Inner};

fn now(answer: Answer<Transacted>) -> keywell_store::Result<Transacted> {
    match answer {
        Answer::Now(transacted) => transacted,
        Answer::Later(_) => panic!("the memory store answers at once"),
    }
}

struct IgnoresChecks;

impl Bug for IgnoresChecks {
    fn transact(
        &self,
        sound: &MemoryStore,
        _: Vec<Check>,
        writes: Vec<Write>,
    ) -> Answer<Transacted> {
        sound.transact(Vec::new(), writes)
    }
}

#[tokio::test]
async fn a_store_that_ignores_checks_is_caught() {
    let caught = Caught::with(IgnoresChecks);
    caught
        .by(transact::a_stale_check_is_named_and_nothing_is_written)
        .await;
    caught
        .by(transact::writes_of_several_buckets_happen_as_one)
        .await;
}

/// Answers that the first check failed, whichever it was.
struct NamesTheFirstCheck;

impl Bug for NamesTheFirstCheck {
    fn transact(
        &self,
        sound: &MemoryStore,
        checks: Vec<Check>,
        writes: Vec<Write>,
    ) -> Answer<Transacted> {
        sound
            .transact(checks, writes)
            .map(|transacted| match transacted {
                Transacted::Stale(_) => Transacted::Stale(0),
                done @ Transacted::Done(_) => done,
            })
    }
}

#[tokio::test]
async fn a_store_that_names_another_check_is_caught() {
    Caught::with(NamesTheFirstCheck)
        .by(transact::a_stale_check_is_named_and_nothing_is_written)
        .await;
}

/// Performs the writes one after the other.
struct WritesOneByOne;

impl Bug for WritesOneByOne {
    fn transact(
        &self,
        sound: &MemoryStore,
        mut checks: Vec<Check>,
        writes: Vec<Write>,
    ) -> Answer<Transacted> {
        let mut all = Vec::new();
        for write in writes {
            match now(sound.transact(std::mem::take(&mut checks), vec![write])) {
                Ok(Transacted::Done(written)) => all.extend(written),
                other => return other.into(),
            }
        }
        Answer::now(Transacted::Done(all))
    }
}

#[tokio::test]
async fn a_store_that_writes_one_by_one_is_caught() {
    let caught = Caught::with(WritesOneByOne);
    caught
        .by(transact::a_refused_increment_undoes_the_transaction)
        .await;
    caught.by(transact::a_key_written_twice_is_refused).await;
}

/// Answers no counter, and the version of the first write for each.
struct AnswersBadly;

impl Bug for AnswersBadly {
    fn transact(
        &self,
        sound: &MemoryStore,
        checks: Vec<Check>,
        writes: Vec<Write>,
    ) -> Answer<Transacted> {
        sound
            .transact(checks, writes)
            .map(|transacted| match transacted {
                Transacted::Done(written) => {
                    let first = written.first().and_then(|first| first.version.clone());
                    let answer = |written: &Written| Written {
                        version: first.clone(),
                        counter: None,
                        has_changed: written.has_changed,
                    };
                    Transacted::Done(written.iter().map(answer).collect())
                }
                stale @ Transacted::Stale(_) => stale,
            })
    }
}

#[tokio::test]
async fn a_store_that_answers_other_versions_is_caught() {
    Caught::with(AnswersBadly)
        .by(transact::a_transaction_answers_versions_and_counters)
        .await;
}

/// Answers that each delete changed something.
struct DeletesAlways;

impl Bug for DeletesAlways {
    fn transact(
        &self,
        sound: &MemoryStore,
        checks: Vec<Check>,
        writes: Vec<Write>,
    ) -> Answer<Transacted> {
        sound.transact(checks, writes).map(|mut transacted| {
            if let Transacted::Done(written) = &mut transacted {
                for written in written {
                    written.has_changed = true;
                }
            }
            transacted
        })
    }
}

#[tokio::test]
async fn a_store_that_answers_that_it_deleted_an_absent_key_is_caught() {
    Caught::with(DeletesAlways)
        .by(transact::a_transaction_answers_versions_and_counters)
        .await;
}

/// Forgets times to live, and deletes nothing.
struct ForgetsHow;

impl Bug for ForgetsHow {
    fn transact(
        &self,
        sound: &MemoryStore,
        checks: Vec<Check>,
        mut writes: Vec<Write>,
    ) -> Answer<Transacted> {
        writes.retain(|write| write.action != Action::Change(Change::Delete));
        for write in &mut writes {
            if let Action::Change(Change::Set(_, how)) = &mut write.action {
                *how = Set::default();
            }
        }
        sound.transact(checks, writes)
    }
}

#[tokio::test]
async fn a_store_that_forgets_parts_of_a_transaction_is_caught() {
    let caught = Caught::with(ForgetsHow);
    caught
        .by(transact::times_to_live_hold_in_a_transaction)
        .await;
    caught
        .by(transact::a_transaction_whose_checks_hold_writes_all)
        .await;
    caught
        .by(transact::a_watch_delivers_the_writes_of_a_transaction)
        .await;
}

/// Declares fewer operations, and fewer bytes, than it takes.
struct TakesMore;

impl Bug for TakesMore {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            transact: Transacting::Store {
                operations: 4,
                bytes: 1000,
            },
            ..inner.capabilities()
        }
    }
}

#[tokio::test]
async fn a_store_that_takes_more_than_it_declares_is_caught() {
    let caught = Caught::with(TakesMore);
    caught
        .by(transact::a_transaction_past_the_declared_number_is_refused)
        .await;
    caught
        .by(transact::a_transaction_past_the_declared_bytes_is_refused)
        .await;
}

/// Declares no transactions, and runs them.
struct RunsUndeclared;

impl Bug for RunsUndeclared {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            transact: Transacting::None,
            ..inner.capabilities()
        }
    }
}

#[tokio::test]
async fn a_store_that_runs_undeclared_transactions_is_caught() {
    Caught::with(RunsUndeclared)
        .by(transact::a_key_written_twice_is_refused)
        .await;
}
