//! Defects of the fake that the suite notices, so the fake and the suite tell right from wrong.

use keywell_conformance::{Failure, Outcome, Subject, atomics, paging, transact, watch};
use keywell_servers::{Firestore, FirestoreDefect};

use crate::place::{options, store};

async fn with(
    defect: FirestoreDefect,
    behaviour: impl AsyncFnOnce(&Subject) -> Result<Outcome, Failure>,
) {
    let server = Firestore::start().await.unwrap();
    let subject = Subject::new(store(&options(&server)).await);
    server.plant(defect);
    let verdict = behaviour(&subject).await;
    assert!(verdict.is_err(), "nothing notices {defect:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn preconditions_are_needed() {
    let defect = FirestoreDefect::IgnoresPreconditions;
    with(defect, atomics::a_stale_swap_writes_nothing).await;
    with(defect, atomics::a_swap_on_an_absent_key_loses_to_a_creator).await;
    with(defect, atomics::a_stale_swap_deletes_nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn update_times_have_to_advance() {
    let defect = FirestoreDefect::KeepsUpdateTimes;
    with(defect, atomics::an_increment_makes_a_read_stale).await;
    with(defect, atomics::a_value_changed_and_changed_back_is_stale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_have_to_be_isolated() {
    let defect = FirestoreDefect::CommitsStaleTransactions;
    with(defect, transact::concurrent_transfers_keep_the_sum).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_have_to_be_all_or_nothing() {
    let defect = FirestoreDefect::KeepsHalfCommits;
    with(defect, transact::concurrent_transfers_keep_the_sum).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_have_to_be_in_order() {
    let defect = FirestoreDefect::SortsBackwards;
    with(defect, paging::an_ordered_listing_is_in_the_order_of_bytes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resume_tokens_are_needed() {
    let defect = FirestoreDefect::IgnoresResumeTokens;
    with(defect, watch::a_resumed_watch_misses_nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_have_to_be_delivered() {
    let defect = FirestoreDefect::HidesDeletions;
    with(defect, watch::a_watch_delivers_a_deletion).await;
}
