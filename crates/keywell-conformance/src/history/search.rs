use std::collections::HashMap;

use keywell_store::{Error, Invalid, counter};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use super::known::Known;
use super::operation::{Operation, Request, Response};
use super::state::{Condition, Stamp, State};

/// One operation of one key, in the form that the checker takes.
#[derive(Clone, Debug)]
enum Step {
    /// The initial state.
    Given(Option<(String, Stamp)>),
    Entry(Option<(String, Stamp)>),
    Exists(bool),
    /// The version is unknown if the response is.
    Set(String, Stamp),
    Delete,
    Swapped(Condition, Option<(String, Stamp)>),
    Stale(Condition),
    Sum(i64, i64),
    NotANumber(i64),
    Overflow(i64),
    /// A swap without a response: writes if the condition holds.
    MaybeSwapped(Condition, Option<(String, Stamp)>),
    /// An increment without a response: adds if the value is a number in range.
    MaybeAdded(i64),
    /// The response is none of those that the request can have.
    Nonsense,
}

/// The sequential specification of one key.
struct Key;

/// Translates operations into steps.
struct Reading {
    by_value: bool,
    versions: HashMap<String, usize>,
}

/// Whether some order of the operations of one key explains all their responses.
///
/// An operation without a response may take effect at any time after its request. One ordered after
/// all others never took effect.
pub(super) fn is_linearizable(
    before: Option<&Known>,
    operations: &[Operation],
    by_value: bool,
) -> bool {
    let mut reading = Reading {
        by_value,
        versions: HashMap::new(),
    };
    let mut steps = Vec::with_capacity(operations.len() + 1);
    // Sorted by time; at equal times, calls come first, so that operations which may overlap do.
    let mut actions = Vec::with_capacity(2 * operations.len());
    if let Some(known) = before {
        steps.push(reading.given(known));
    }
    let given = steps.len();
    for (number, operation) in operations.iter().enumerate() {
        steps.push(reading.step(operation));
        let returned = operation.outcome().map_or(u64::MAX, |(_, at)| at);
        let returned = returned.max(operation.invoked);
        actions.push((operation.invoked, false, given + number));
        actions.push((returned, true, given + number));
    }
    actions.sort_unstable();
    let given = (0..given).flat_map(|step| [(0, false, step), (0, true, step)]);
    let actions: Vec<_> = given
        .chain(actions)
        .map(|(_, is_return, number)| {
            let step = steps[number].clone();
            let action = if is_return {
                Action::Response(step)
            } else {
                Action::Call(step)
            };
            // The checker pairs calls and responses by process, so each operation is a process.
            (number, action)
        })
        .collect();
    actions.is_empty() || WGLChecker::<Key>::is_linearizable(History::from_actions(actions))
}

// === impl Key ===

impl Specification for Key {
    type State = State;
    type Operation = Step;

    fn init() -> State {
        State::default()
    }

    fn apply(step: &Step, state: &State) -> (bool, State) {
        let mut state = state.clone();
        (step.apply(&mut state), state)
    }
}

// === impl Step ===

impl Step {
    /// Applies the step to the state; false if its response is impossible in it.
    fn apply(&self, state: &mut State) -> bool {
        match self {
            Self::Given(entry) => change(state, entry.as_ref()),
            Self::Entry(None) => state.value().is_none(),
            Self::Entry(Some((value, stamp))) => state.assume(value, stamp),
            Self::Exists(exists) => state.value().is_some() == *exists,
            Self::Set(value, stamp) => state.write(value, stamp),
            Self::Delete => change(state, None),
            Self::Swapped(condition, entry) => {
                state.assume_met(condition) && change(state, entry.as_ref())
            }
            Self::Stale(condition) => state.assume_unmet(condition),
            Self::Sum(delta, sum) => {
                state.sum(*delta).is_ok_and(|expected| expected == *sum) && add(state, *sum)
            }
            Self::NotANumber(delta) => {
                matches!(state.sum(*delta), Err(Error::Invalid(Invalid::NotANumber)))
            }
            Self::Overflow(delta) => {
                matches!(state.sum(*delta), Err(Error::Invalid(Invalid::Overflow)))
            }
            // If both are possible it writes. Orders in which it does not put the step later.
            Self::MaybeSwapped(condition, entry) => {
                !state.assume_met(condition) || change(state, entry.as_ref())
            }
            Self::MaybeAdded(delta) => match state.sum(*delta) {
                Ok(sum) => add(state, sum),
                Err(_) => true,
            },
            Self::Nonsense => false,
        }
    }
}

fn change(state: &mut State, entry: Option<&(String, Stamp)>) -> bool {
    state.clear();
    entry.is_none_or(|(value, stamp)| state.write(value, stamp))
}

fn add(state: &mut State, sum: i64) -> bool {
    let value = counter::text(sum);
    state.write(&String::from_utf8_lossy(&value), &Stamp::Unknown)
}

// === impl Reading ===

impl Reading {
    fn number(&mut self, version: &str) -> usize {
        let next = self.versions.len();
        *self.versions.entry(version.to_owned()).or_insert(next)
    }

    fn stamp(&mut self, version: Option<&String>) -> Stamp {
        match version {
            _ if self.by_value => Stamp::Value,
            None => Stamp::Unknown,
            Some(version) => Stamp::Number(self.number(version)),
        }
    }

    fn given(&mut self, known: &Known) -> Step {
        match known {
            Known::Absent => Step::Given(None),
            Known::Held(value, version) => {
                let stamp = self.stamp(version.as_ref());
                Step::Given(Some((value.clone(), stamp)))
            }
        }
    }

    fn condition(&mut self, expected: Option<&String>) -> Condition {
        match expected {
            None => Condition::Absent,
            Some(text) if self.by_value => Condition::Value(text.clone()),
            Some(version) => Condition::At(self.number(version)),
        }
    }

    fn step(&mut self, operation: &Operation) -> Step {
        let response = operation.outcome().map(|(response, _)| response);
        match (&operation.request, response) {
            (Request::Get, Some(Response::Entry(None))) => Step::Entry(None),
            (Request::Get, Some(Response::Entry(Some((value, version))))) => {
                Step::Entry(Some((value.clone(), self.stamp(Some(version)))))
            }
            (Request::Exists, Some(Response::Exists(exists))) => Step::Exists(*exists),
            (Request::Set(value), Some(Response::Set(version))) => {
                Step::Set(value.clone(), self.stamp(Some(version)))
            }
            (Request::Set(value), None) => Step::Set(value.clone(), self.stamp(None)),
            (Request::Delete, Some(Response::Deleted) | None) => Step::Delete,
            (Request::Swap { expected, change }, response) => {
                let condition = self.condition(expected.as_ref());
                let mut entry = |version: Option<&String>| {
                    let stamp = self.stamp(version);
                    change.as_ref().map(|value| (value.clone(), stamp))
                };
                match response {
                    Some(Response::Swapped(version)) if version.is_some() == change.is_some() => {
                        Step::Swapped(condition, entry(version.as_ref()))
                    }
                    Some(Response::Stale) => Step::Stale(condition),
                    None => Step::MaybeSwapped(condition, entry(None)),
                    _ => Step::Nonsense,
                }
            }
            (Request::Increment(delta), response) => match response {
                Some(Response::Sum(sum)) => Step::Sum(*delta, *sum),
                Some(Response::NotANumber) => Step::NotANumber(*delta),
                Some(Response::Overflow) => Step::Overflow(*delta),
                None => Step::MaybeAdded(*delta),
                _ => Step::Nonsense,
            },
            _ => Step::Nonsense,
        }
    }
}
