//! What one client may read of a key where reads may lag behind the writes of other processes.

use std::collections::{HashMap, HashSet};

use keywell_store::Cas;

use super::operation::{Operation, Request, Response};

/// Two operations of a client that contradict each other, or a write and a read of it.
#[derive(Clone, Debug)]
pub(super) struct Contradiction {
    pub(super) what: &'static str,
    pub(super) operations: Vec<Operation>,
}

/// One client's view of a key, moved on by each of its operations.
struct Session<'a> {
    key: &'a Key<'a>,
    /// The version that the client read or wrote last, and where.
    current: Option<(&'a str, &'a Operation)>,
    /// Versions that are in the client's past, and the operation that showed it.
    past: HashMap<&'a str, &'a Operation>,
    /// The last write that the client made, or whose result it read.
    seen: Option<&'a Operation>,
}

/// All operations on a key.
struct Key<'a> {
    operations: &'a [Operation],
    /// The write of each version that a response names.
    writes: HashMap<&'a str, &'a Operation>,
    cas: Cas,
}

/// Finds a client that did not read its own writes, or to which a key went back to an older state.
///
/// Versions must be unique, unless the store compares values: then only presence is checked. Writes
/// must have one order in a store with compare-and-swap: there, a write that was acknowledged before
/// another was sent is older.
pub(super) fn find(operations: &[Operation], cas: Cas) -> Option<Contradiction> {
    let key = Key::new(operations, cas);
    let clients: HashSet<usize> = operations.iter().map(|made| made.client).collect();
    let mut clients: Vec<usize> = clients.into_iter().collect();
    clients.sort_unstable();
    clients.into_iter().find_map(|client| {
        let mut own: Vec<_> = operations
            .iter()
            .filter(|made| made.client == client)
            .collect();
        own.sort_by_key(|made| made.invoked);
        let mut session = Session::new(&key);
        own.into_iter().find_map(|made| session.observe(made).err())
    })
}

// === impl Key ===

impl<'a> Key<'a> {
    fn new(operations: &'a [Operation], cas: Cas) -> Self {
        let writes = operations.iter().filter_map(|made| {
            let (Response::Set(version) | Response::Swapped(Some(version))) = made.outcome()?.0
            else {
                return None;
            };
            Some((&**version, made))
        });
        Self {
            operations,
            writes: writes.collect(),
            cas,
        }
    }

    /// Whether `write` is certainly older than `other`.
    fn is_older(&self, write: &Operation, other: &Operation) -> bool {
        let is_ordered = self.cas != Cas::None;
        is_ordered && write.outcome().is_some_and(|(_, at)| at < other.invoked)
    }

    /// Whether some write of this kind can have taken effect after `seen` and before `read` ended.
    fn has_since(
        &self,
        is_of_kind: impl Fn(&Request) -> bool,
        seen: &Operation,
        read: &Operation,
    ) -> bool {
        let ended = read.outcome().map_or(u64::MAX, |(_, at)| at);
        self.operations.iter().any(|made| {
            is_of_kind(&made.request)
                && !made.is_without_effect()
                && made.invoked <= ended
                && made.outcome().is_none_or(|(_, at)| at >= seen.invoked)
                && !std::ptr::eq(made, seen)
        })
    }
}

// === impl Session ===

impl<'a> Session<'a> {
    fn new(key: &'a Key<'a>) -> Self {
        Self {
            key,
            current: None,
            past: HashMap::new(),
            seen: None,
        }
    }

    fn observe(&mut self, made: &'a Operation) -> Result<(), Contradiction> {
        let Some((response, _)) = made.outcome() else {
            return Ok(());
        };
        match response {
            Response::Entry(Some((value, version))) => {
                self.check_presence(made)?;
                self.read(value, version, made)?;
            }
            Response::Exists(true) => self.check_presence(made)?,
            Response::Entry(None) | Response::Exists(false) => {
                self.check_absence(made)?;
                self.leave(made);
            }
            Response::Set(version) | Response::Swapped(Some(version)) => {
                self.leave(made);
                self.current = Some((version, made));
                self.seen = Some(made);
            }
            Response::Deleted | Response::Swapped(None) | Response::Sum(_) => {
                self.leave(made);
                self.seen = Some(made);
            }
            // A swap compares the latest state.
            Response::Stale => {
                if let Request::Swap {
                    expected: Some(version),
                    ..
                } = &made.request
                {
                    if self.current.is_some_and(|(held, _)| held == version) {
                        self.current = None;
                    }
                    self.past.entry(version).or_insert(made);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts the current version into the past, as `made` shows.
    fn leave(&mut self, made: &'a Operation) {
        if let Some((version, _)) = self.current.take() {
            self.past.insert(version, made);
        }
    }

    fn read(
        &mut self,
        value: &str,
        version: &'a str,
        made: &'a Operation,
    ) -> Result<(), Contradiction> {
        if self.key.cas == Cas::ByValue {
            return Ok(());
        }
        if let Some(left) = self.past.get(version) {
            return Err(contradiction("went back to an older version", [left, made]));
        }
        if let Some(write) = self.key.writes.get(version).copied() {
            let ended = made.outcome().map_or(u64::MAX, |(_, at)| at);
            if write.invoked > ended || !writes(write, value) {
                return Err(contradiction(
                    "read what no write had written",
                    [write, made],
                ));
            }
            if let Some(seen) = self.seen
                && self.key.is_older(write, seen)
            {
                let what = "read a write older than one it had made or read";
                return Err(contradiction(what, [write, seen, made]));
            }
            if self.seen.is_none_or(|seen| seen.invoked < write.invoked) {
                self.seen = Some(write);
            }
        }
        if self.current.is_none_or(|(held, _)| held != version) {
            self.leave(made);
            self.current = Some((version, made));
        }
        Ok(())
    }

    fn check_absence(&self, made: &Operation) -> Result<(), Contradiction> {
        let removes = |request: &Request| {
            matches!(
                request,
                Request::Delete | Request::Swap { change: None, .. }
            )
        };
        match self.seen {
            Some(seen) if !removes(&seen.request) && !self.key.has_since(removes, seen, made) => {
                let what = "missed a write it had made or read";
                Err(contradiction(what, [seen, made]))
            }
            _ => Ok(()),
        }
    }

    fn check_presence(&self, made: &Operation) -> Result<(), Contradiction> {
        let creates = |request: &Request| {
            matches!(
                request,
                Request::Set(_)
                    | Request::Increment(_)
                    | Request::Swap {
                        change: Some(_),
                        ..
                    }
            )
        };
        match self.seen {
            Some(seen)
                if matches!(
                    seen.request,
                    Request::Delete | Request::Swap { change: None, .. }
                ) && self.key.cas != Cas::None
                    && !self.key.has_since(creates, seen, made) =>
            {
                let what = "read what it had deleted";
                Err(contradiction(what, [seen, made]))
            }
            _ => Ok(()),
        }
    }
}

fn writes(write: &Operation, value: &str) -> bool {
    match &write.request {
        Request::Set(written)
        | Request::Swap {
            change: Some(written),
            ..
        } => written == value,
        _ => false,
    }
}

fn contradiction<const N: usize>(what: &'static str, operations: [&Operation; N]) -> Contradiction {
    Contradiction {
        what,
        operations: operations.into_iter().cloned().collect(),
    }
}
