use std::collections::BTreeMap;

use keywell_store::Cas;

use super::event::Event;
use super::operation::Operation;
use super::violation::Violation;
use super::{search, shrink};

/// The requests of clients to a bucket, and the responses.
///
/// Every key was absent before its first operation.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The operations, in any order.
    pub operations: Vec<Operation>,
    /// What swaps of the store compare.
    pub cas: Cas,
}

// === impl History ===

impl History {
    /// Merges journals. The events of one client must be in order; those of different clients may
    /// be interleaved in any way.
    pub fn new(events: impl IntoIterator<Item = Event>, cas: Cas) -> Self {
        let mut operations: Vec<Operation> = Vec::new();
        let mut latest = BTreeMap::new();
        for event in events {
            match event {
                Event::Invoked {
                    client,
                    key,
                    request,
                    at,
                } => {
                    latest.insert(client, operations.len());
                    operations.push(Operation {
                        client,
                        key,
                        request,
                        invoked: at,
                        response: None,
                    });
                }
                Event::Returned {
                    client,
                    response,
                    at,
                } => {
                    let invoked = latest.remove(&client);
                    let invoked = invoked.expect("each response follows a request of its client");
                    operations[invoked].response = Some((response, at));
                }
            }
        }
        Self { operations, cas }
    }

    /// Searches, for each key, for an order of its operations that explains every response.
    ///
    /// Memory and time are exponential in the number of overlapping operations of one key. A write
    /// without a response overlaps all later operations: keep those below a dozen per key.
    ///
    /// # Errors
    ///
    /// The [`Violation`] with the fewest operations, if several keys have one.
    pub fn check(&self) -> Result<(), Box<Violation>> {
        let violations = self.by_key().into_iter().filter_map(|(key, operations)| {
            let by_value = self.cas == Cas::ByValue;
            if search::is_linearizable(None, &operations, by_value) {
                return None;
            }
            let total = operations.len();
            let (before, operations) = shrink::shrink(operations, by_value);
            Some(Violation::new(key, before, operations, total))
        });
        match violations.min_by_key(|violation| violation.operations().len()) {
            None => Ok(()),
            Some(violation) => Err(Box::new(violation)),
        }
    }

    /// The operations of each key that are evidence.
    pub(super) fn by_key(&self) -> BTreeMap<&str, Vec<Operation>> {
        let mut keys: BTreeMap<&str, Vec<Operation>> = BTreeMap::new();
        for operation in &self.operations {
            if operation.is_evidence() {
                let of_key = keys.entry(&operation.key).or_default();
                of_key.push(operation.clone());
            }
        }
        keys
    }
}
