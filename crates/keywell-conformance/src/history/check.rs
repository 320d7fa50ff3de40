use std::collections::BTreeMap;

use keywell_store::{Capabilities, Cas, Reads};

use super::event::Event;
use super::operation::{Operation, Request};
use super::violation::Violation;
use super::{search, session, shrink};

/// The requests of clients to a bucket, and the responses.
///
/// Every key was absent before its first operation.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The operations, in any order.
    pub operations: Vec<Operation>,
    /// What swaps of the store compare.
    pub cas: Cas,
    /// Which writes reads of the store see.
    pub reads: Reads,
}

// === impl History ===

impl History {
    /// Merges journals. The events of one client must be in order; those of different clients may
    /// be interleaved in any way.
    pub fn new(events: impl IntoIterator<Item = Event>, declared: &Capabilities) -> Self {
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
        Self {
            operations,
            cas: declared.cas,
            reads: declared.reads,
        }
    }

    /// Checks what the store declares that reads see.
    ///
    /// [`Reads::Latest`]: searches, for each key, for an order of its operations that explains every
    /// response.
    ///
    /// [`Reads::OwnWrites`]: checks that each client reads its own writes, and that no key goes back
    /// to an older version for it. All other operations must have such an order if the store has
    /// compare-and-swap; without it, copies may accept writes independently.
    ///
    /// Memory and time are exponential in the number of overlapping operations of one key. A write
    /// without a response overlaps all later operations: keep those below a dozen per key.
    ///
    /// # Errors
    ///
    /// The [`Violation`] with the fewest operations, if several keys have one.
    pub fn check(&self) -> Result<(), Box<Violation>> {
        let keys = self.by_key().into_iter();
        let violations = keys.filter_map(|(key, operations)| match self.reads {
            Reads::Latest => self.without_an_order(key, operations),
            Reads::OwnWrites => self.without_a_view(key, operations),
        });
        match violations.min_by_key(|violation| violation.operations().len()) {
            None => Ok(()),
            Some(violation) => Err(Box::new(violation)),
        }
    }

    fn without_an_order(&self, key: &str, operations: Vec<Operation>) -> Option<Violation> {
        let by_value = self.cas == Cas::ByValue;
        if search::is_linearizable(None, &operations, by_value) {
            return None;
        }
        let total = operations.len();
        let (before, operations) = shrink::shrink(operations, by_value);
        Some(Violation::without_order(key, before, operations, total))
    }

    fn without_a_view(&self, key: &str, operations: Vec<Operation>) -> Option<Violation> {
        if let Some(found) = session::find(&operations, self.cas) {
            return Some(Violation::in_a_session(key, found, operations.len()));
        }
        if self.cas == Cas::None {
            return None;
        }
        let is_read = |made: &Operation| matches!(made.request, Request::Get | Request::Exists);
        let others = operations.into_iter().filter(|made| !is_read(made));
        self.without_an_order(key, others.collect())
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
