//! Compares the checker with a simple and slow one that tries every order.

use std::collections::BTreeMap;
use std::sync::Arc;

use keywell_conformance::history::{
    Faults, Faulty, History, Operation, Plan, Request, Response, seeds,
};
use keywell_memory::MemoryStore;
use keywell_store::{BucketName, Cas, Reads, Store, counter};

use crate::broken::{Broken, Mistake};

/// A guess at what happened so far.
#[derive(Clone, Default)]
struct Guess {
    held: Option<(String, usize)>,
    writes: usize,
    /// Pairs of a version and the number of its write.
    same: Vec<(String, usize)>,
    /// Pairs of a version and a write that has another version.
    other: Vec<(String, usize)>,
}

// === impl Guess ===

impl Guess {
    fn write(&mut self, value: Option<&String>, version: Option<&String>) {
        self.writes += 1;
        let number = self.writes;
        self.held = value.map(|value| (value.clone(), number));
        self.same
            .extend(version.map(|version| (version.clone(), number)));
    }

    /// Whether every write has one version at most, and every version one write.
    fn is_consistent(&self) -> bool {
        let pairs = || self.same.iter();
        pairs().all(|(version, write)| pairs().all(|(v, w)| (v == version) == (w == write)))
            && !self.other.iter().any(|pair| self.same.contains(pair))
    }

    /// Applies an operation; false if its response is impossible.
    fn apply(&mut self, request: &Request, response: Option<&Response>) -> bool {
        let held = self.held.clone();
        let number = held
            .as_ref()
            .map_or(Some(0), |(value, _)| counter::number(value.as_bytes()).ok());
        match (request, response) {
            (Request::Get, Some(Response::Entry(None))) => held.is_none(),
            (Request::Get, Some(Response::Entry(Some((value, version))))) => {
                let Some((there, write)) = held else {
                    return false;
                };
                self.same.push((version.clone(), write));
                there == *value
            }
            (Request::Exists, Some(Response::Exists(there))) => held.is_some() == *there,
            (Request::Set(value), Some(Response::Set(version))) => {
                self.write(Some(value), Some(version));
                true
            }
            (Request::Set(value), None) => {
                self.write(Some(value), None);
                true
            }
            (Request::Delete, _) => {
                self.held = None;
                true
            }
            (Request::Swap { expected, .. }, Some(Response::Stale)) => match (expected, held) {
                (None, held) => held.is_some(),
                (Some(_), None) => true,
                (Some(version), Some((_, write))) => {
                    self.other.push((version.clone(), write));
                    true
                }
            },
            (Request::Swap { expected, change }, response) => {
                match (expected, held) {
                    (None, None) => {}
                    (Some(version), Some((_, write))) => self.same.push((version.clone(), write)),
                    _ => return false,
                }
                let version = match response {
                    Some(Response::Swapped(version)) => version.as_ref(),
                    _ => None,
                };
                self.write(change.as_ref(), version);
                true
            }
            (Request::Increment(_), Some(Response::NotANumber)) => number.is_none(),
            (Request::Increment(delta), response) => {
                let Some(number) = number else { return false };
                match (number.checked_add(*delta), response) {
                    (None, response) => response == Some(&Response::Overflow),
                    (Some(sum), Some(Response::Sum(response))) if sum != *response => false,
                    (Some(_), Some(Response::Overflow)) => false,
                    (Some(sum), _) => {
                        self.write(Some(&sum.to_string()), None);
                        true
                    }
                }
            }
            other => unreachable!("{other:?}"),
        }
    }
}

/// The response, unless it is missing or ambiguous.
fn outcome(operation: &Operation) -> Option<(&Response, u64)> {
    let (response, at) = operation.response.as_ref()?;
    (!matches!(response, Response::Ambiguous(_))).then_some((response, *at))
}

fn some_order_explains(guess: &Guess, left: &[&Operation]) -> bool {
    if left.iter().all(|operation| outcome(operation).is_none()) {
        return guess.is_consistent();
    }
    (0..left.len()).any(|chosen| {
        let mut left = left.to_vec();
        let next = left.remove(chosen);
        let response = outcome(next);
        let in_time = left
            .iter()
            .all(|other| outcome(other).is_none_or(|(_, returned)| returned > next.invoked));
        let mut guess = guess.clone();
        in_time
            && guess.apply(&next.request, response.map(|(response, _)| response))
            && some_order_explains(&guess, &left)
    })
}

fn keys(history: &History) -> BTreeMap<&str, Vec<&Operation>> {
    let mut keys: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in &history.operations {
        let is_refused = matches!(operation.response, Some((Response::Refused(_), _)));
        if !is_refused {
            keys.entry(&operation.key).or_default().push(operation);
        }
    }
    keys
}

#[tokio::test]
async fn the_checker_agrees_with_trying_every_order() {
    let mistakes = [
        Mistake::None,
        Mistake::RetriesIncrements,
        Mistake::IncrementsInTwoSteps,
        Mistake::ComparesValues,
        Mistake::OverwritesCreators,
        Mistake::SwapsAndSaysStale,
        Mistake::CachesTooLong,
        Mistake::CallsAmbiguousUnavailable,
    ];
    let (mut explained, mut unexplained) = (0, 0);
    for seed in seeds(400) {
        let mistake = mistakes[usize::try_from(seed % 8).unwrap()];
        let memory = MemoryStore::new().open(&BucketName::default()).await;
        let network = Faulty::new(memory.unwrap(), Faults::harsh(seed));
        let broken = Arc::new(Broken::new(Arc::new(network), mistake));
        let plan = Plan {
            clients: 3,
            operations: 6,
            keys: 3,
            ..Plan::seeded(seed)
        };
        let history = plan.run(broken).await;
        for (key, operations) in keys(&history) {
            let one_key = History {
                operations: operations.iter().copied().cloned().collect(),
                cas: Cas::ByVersion,
                reads: Reads::Latest,
            };
            let expected = some_order_explains(&Guess::default(), &operations);
            assert_eq!(
                one_key.check().is_ok(),
                expected,
                "KEYWELL_SEED={seed} KEYWELL_HISTORIES=1, key {key:?}: {operations:#?}"
            );
            *(if expected {
                &mut explained
            } else {
                &mut unexplained
            }) += 1;
        }
    }
    println!("{explained} explained, {unexplained} not");
}
