//! Reduces a violation to few operations. Each step removes operations in such a way that an order
//! which explains the whole history would explain the rest, so the rest is itself a violation.

use super::known::Known;
use super::operation::Operation;
use super::search::is_linearizable;

/// A state, and the operations after it that no order explains.
pub(super) fn shrink(
    operations: Vec<Operation>,
    by_value: bool,
) -> (Option<Known>, Vec<Operation>) {
    let operations = without_the_future(operations, by_value);
    let (before, operations) = without_the_past(&operations, by_value);
    let operations = without_bystanders(before.as_ref(), operations, by_value);
    (before, operations)
}

/// Cuts the history after the first response that no order explains.
fn without_the_future(operations: Vec<Operation>, by_value: bool) -> Vec<Operation> {
    let mut ends: Vec<u64> = operations
        .iter()
        .filter_map(|operation| Some(operation.outcome()?.1))
        .collect();
    ends.sort_unstable();
    // More operations never remove a violation, so the ends are partitioned by it.
    let explained =
        ends.partition_point(|end| is_linearizable(None, &until(&operations, *end), by_value));
    match ends.get(explained) {
        Some(end) => until(&operations, *end),
        None => operations,
    }
}

fn until(operations: &[Operation], end: u64) -> Vec<Operation> {
    let begun = operations
        .iter()
        .filter(|operation| operation.invoked <= end);
    let cut = begun.cloned().map(|mut operation| {
        operation.response = operation.response.filter(|(_, returned)| *returned <= end);
        operation
    });
    cut.filter(|operation| operation.outcome().is_some() || !operation.is_without_effect())
        .collect()
}

/// Starts the history after the last response that determines the state, if no overlapping operation
/// changes anything. Operations without a response stay: they may take effect at any time.
fn without_the_past(operations: &[Operation], by_value: bool) -> (Option<Known>, Vec<Operation>) {
    let mut found = (None, operations.to_vec());
    for pivot in operations {
        let (Some(known), Some((_, returned))) = (Known::after(pivot), pivot.outcome()) else {
            continue;
        };
        let overlaps = |other: &&Operation| {
            let outcome = other.outcome();
            other.invoked <= returned && outcome.is_some_and(|(_, end)| end >= pivot.invoked)
        };
        let mut overlapping = operations.iter().filter(overlaps);
        if !overlapping.all(|other| std::ptr::eq(other, pivot) || other.is_without_effect()) {
            continue;
        }
        let stays = |other: &&Operation| other.outcome().is_none() || other.invoked > returned;
        let rest: Vec<_> = operations.iter().filter(stays).cloned().collect();
        if rest.len() < found.1.len() && !is_linearizable(Some(&known), &rest, by_value) {
            found = (Some(known), rest);
        }
    }
    found
}

/// Removes operations without effect that the violation does not need.
fn without_bystanders(
    before: Option<&Known>,
    mut operations: Vec<Operation>,
    by_value: bool,
) -> Vec<Operation> {
    for number in (0..operations.len()).rev() {
        if operations[number].is_without_effect() {
            let bystander = operations.remove(number);
            if is_linearizable(before, &operations, by_value) {
                operations.insert(number, bystander);
            }
        }
    }
    operations
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keywell_memory::MemoryStore;
    use keywell_store::{BucketName, Store};

    use super::*;
    use crate::history::{Faults, Faulty, Plan, seeds};

    /// Shrinking turns no linearizable history into a violation.
    #[tokio::test]
    async fn shrinking_leaves_a_linearizable_history_as_it_is() {
        for seed in seeds(10) {
            let memory = MemoryStore::new().open(&BucketName::default()).await;
            let network = Faulty::new(memory.unwrap(), Faults::harsh(seed));
            let history = Plan::seeded(seed).run(Arc::new(network)).await;
            for (key, operations) in history.by_key() {
                let shrunk = shrink(operations.clone(), false);
                assert_eq!(
                    shrunk,
                    (None, operations),
                    "KEYWELL_SEED={seed}, key {key:?}"
                );
            }
        }
    }
}
