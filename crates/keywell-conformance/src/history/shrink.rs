//! The shortest story of a violation. Each step leaves operations out in such a way that whatever
//! explained the whole history would explain the rest, so the rest is a violation in its own right.

use super::known::Known;
use super::operation::Operation;
use super::search::is_linearizable;

/// What held before, and the operations after it that cannot be explained.
pub(super) fn shrink(
    operations: Vec<Operation>,
    by_value: bool,
) -> (Option<Known>, Vec<Operation>) {
    let operations = without_the_future(operations, by_value);
    let (before, operations) = without_the_past(&operations, by_value);
    let operations = without_onlookers(before.as_ref(), operations, by_value);
    (before, operations)
}

/// Up to the first answer that cannot be explained. What was not answered by then is open.
fn without_the_future(operations: Vec<Operation>, by_value: bool) -> Vec<Operation> {
    let mut ends: Vec<u64> = operations
        .iter()
        .filter_map(|operation| Some(operation.answer()?.1))
        .collect();
    ends.sort_unstable();
    // Violations do not go away with more operations, so the first end that has one is where those
    // without one stop.
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
        operation.told = operation.told.filter(|(_, returned)| *returned <= end);
        operation
    });
    cut.filter(|operation| operation.answer().is_some() || !operation.is_without_effect())
        .collect()
}

/// From the last answer after which the state is known, if what was answered before it is done and
/// what overlaps it changes nothing. Open operations stay: they may come at any time.
fn without_the_past(operations: &[Operation], by_value: bool) -> (Option<Known>, Vec<Operation>) {
    let mut found = (None, operations.to_vec());
    for pivot in operations {
        let (Some(known), Some((_, returned))) = (Known::after(pivot), pivot.answer()) else {
            continue;
        };
        let overlaps = |other: &&Operation| {
            let answer = other.answer();
            other.invoked <= returned && answer.is_some_and(|(_, end)| end >= pivot.invoked)
        };
        let mut overlapping = operations.iter().filter(overlaps);
        if !overlapping.all(|other| std::ptr::eq(other, pivot) || other.is_without_effect()) {
            continue;
        }
        let stays = |other: &&Operation| other.answer().is_none() || other.invoked > returned;
        let rest: Vec<_> = operations.iter().filter(stays).cloned().collect();
        if rest.len() < found.1.len() && !is_linearizable(Some(&known), &rest, by_value) {
            found = (Some(known), rest);
        }
    }
    found
}

/// Without what changes nothing and is not needed to see the violation.
fn without_onlookers(
    before: Option<&Known>,
    mut operations: Vec<Operation>,
    by_value: bool,
) -> Vec<Operation> {
    for number in (0..operations.len()).rev() {
        if operations[number].is_without_effect() {
            let onlooker = operations.remove(number);
            if is_linearizable(before, &operations, by_value) {
                operations.insert(number, onlooker);
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

    /// Shrinking leaves out only what cannot make a violation of a history that has none.
    #[tokio::test]
    async fn a_history_that_is_explained_stays_so_however_it_is_cut() {
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
