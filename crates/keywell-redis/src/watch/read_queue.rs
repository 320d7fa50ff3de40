//! The keys whose values are to be read at one primary, in what order and how many at a time.
//!
//! - A key has at most one read in flight, and is queued at most once.
//! - At most [`ValueQuery::MAX_FIRST_BYTES`] reads of first bytes and one of a whole large value are
//!   in flight, so that the server never buffers more than it puts up with.
//! - At most [`MAX_KEYS`] keys are kept; what is beyond is returned to the caller.
//!
//! `P` is what waits for the value of a key. The queue knows neither connections nor clusters.

use std::collections::{HashMap, VecDeque};

use super::value_query::ValueQuery;

/// The largest number of keys that wait for their values.
pub(super) const MAX_KEYS: usize = 1 << 18;

/// What of the same key becomes one.
pub(super) trait Merge {
    fn merge(&mut self, other: Self);
}

/// Keys to be read.
pub(super) struct ReadQueue<P> {
    keys: HashMap<Vec<u8>, Key<P>>,
    /// Those not sent yet.
    queued: VecDeque<(Vec<u8>, ValueQuery)>,
    in_flight: usize,
    /// Those with large values, which are read one by one.
    large: VecDeque<Vec<u8>>,
    is_reading_large: bool,
}

struct Key<P> {
    pending: P,
    state: State,
    /// What the read in flight does not cover.
    behind: Option<P>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Queued,
    /// Sent on the connection that brings the events.
    InFlight,
    /// Sent on another connection, so that its reply says nothing of later events.
    Detached,
}

// === impl ReadQueue ===

impl<P: Merge> ReadQueue<P> {
    pub(super) fn new() -> Self {
        Self {
            keys: HashMap::new(),
            queued: VecDeque::new(),
            in_flight: 0,
            large: VecDeque::new(),
            is_reading_large: false,
        }
    }

    /// What waits for a key whose next reply comes behind every event heard so far.
    pub(super) fn awaiting(&mut self, name: &[u8]) -> Option<&mut P> {
        let key = self.keys.get_mut(name)?;
        (key.state != State::Detached).then_some(&mut key.pending)
    }

    /// Queues a key, or adds to what waits for it. A read in flight does not count for it.
    ///
    /// # Errors
    ///
    /// What was to be added, if there are too many keys.
    pub(super) fn add(&mut self, name: Vec<u8>, pending: P) -> Result<(), P> {
        let is_full = self.keys.len() >= MAX_KEYS;
        match self.keys.get_mut(&name) {
            Some(key) => match (key.state, &mut key.behind) {
                (State::Queued, _) => key.pending.merge(pending),
                (_, Some(behind)) => behind.merge(pending),
                (_, behind) => *behind = Some(pending),
            },
            None if is_full => return Err(pending),
            None => self.queue(name, ValueQuery::FirstBytes, pending, None),
        }
        Ok(())
    }

    /// Queues a key that is not there, for this query.
    pub(super) fn queue(
        &mut self,
        name: Vec<u8>,
        query: ValueQuery,
        mut pending: P,
        behind: Option<P>,
    ) {
        if let Some(behind) = behind {
            pending.merge(behind);
        }
        match query {
            ValueQuery::FirstBytes => self.queued.push_back((name.clone(), query)),
            ValueQuery::Whole => self.large.push_back(name.clone()),
            ValueQuery::Presence => self.queued.push_front((name.clone(), query)),
        }
        self.insert(name, pending, State::Queued);
    }

    /// The next query to send, unless enough are in flight.
    pub(super) fn next(&mut self) -> Option<(Vec<u8>, ValueQuery)> {
        let (name, query) = if !self.is_reading_large && !self.large.is_empty() {
            self.is_reading_large = true;
            (self.large.pop_front()?, ValueQuery::Whole)
        } else if self.in_flight < ValueQuery::MAX_FIRST_BYTES {
            let next = self.queued.pop_front()?;
            self.in_flight += 1;
            next
        } else {
            return None;
        };
        if let Some(key) = self.keys.get_mut(&name) {
            key.state = State::InFlight;
        }
        Some((name, query))
    }

    /// Takes out a key whose query was answered: what waited for it, and what came behind.
    pub(super) fn finish(&mut self, name: &[u8], query: ValueQuery) -> Option<(P, Option<P>)> {
        match query {
            ValueQuery::Whole => self.is_reading_large = false,
            ValueQuery::FirstBytes | ValueQuery::Presence => self.in_flight -= 1,
        }
        self.take(name)
    }

    /// Keeps a key that is read by another connection, beside those in flight.
    pub(super) fn detach(&mut self, name: Vec<u8>, pending: P, behind: Option<P>) {
        self.in_flight += 1;
        let key = self.insert(name, pending, State::Detached);
        key.behind = behind;
    }

    /// Takes out a key that was read by another connection.
    pub(super) fn finish_detached(&mut self, name: &[u8]) -> Option<(P, Option<P>)> {
        self.in_flight -= 1;
        self.take(name)
    }

    fn take(&mut self, name: &[u8]) -> Option<(P, Option<P>)> {
        let key = self.keys.remove(name)?;
        Some((key.pending, key.behind))
    }

    fn insert(&mut self, name: Vec<u8>, pending: P, state: State) -> &mut Key<P> {
        let key = Key {
            pending,
            state,
            behind: None,
        };
        self.keys.entry(name).insert_entry(key).into_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Sum(u32);

    impl Merge for Sum {
        fn merge(&mut self, other: Self) {
            self.0 += other.0;
        }
    }

    fn name(n: usize) -> Vec<u8> {
        n.to_string().into_bytes()
    }

    #[test]
    fn a_key_is_in_flight_once_and_what_comes_meanwhile_is_behind() {
        let mut queue = ReadQueue::new();
        for pending in [Sum(1), Sum(2)] {
            queue.add(name(7), pending).unwrap();
        }
        assert_eq!(queue.next(), Some((name(7), ValueQuery::FirstBytes)));
        assert_eq!(queue.next(), None);
        queue.awaiting(&name(7)).unwrap().merge(Sum(4));
        queue.add(name(7), Sum(8)).unwrap();
        queue.add(name(7), Sum(16)).unwrap();
        let finished = queue.finish(&name(7), ValueQuery::FirstBytes);
        assert_eq!(finished, Some((Sum(7), Some(Sum(24)))));
        queue.detach(name(7), Sum(7), Some(Sum(24)));
        assert_eq!(queue.awaiting(&name(7)), None);
        queue.add(name(7), Sum(32)).unwrap();
        assert_eq!(queue.next(), None);
        let finished = queue.finish_detached(&name(7));
        assert_eq!(finished, Some((Sum(7), Some(Sum(56)))));
        assert_eq!(queue.in_flight, 0);
    }

    #[test]
    fn reads_in_flight_are_bounded_and_large_values_are_read_one_by_one() {
        let mut queue = ReadQueue::new();
        for n in 0..100 {
            queue.add(name(n), Sum(1)).unwrap();
        }
        let sent: Vec<_> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(sent.len(), ValueQuery::MAX_FIRST_BYTES);
        for (name, query) in sent {
            let (pending, behind) = queue.finish(&name, query).unwrap();
            queue.queue(name, ValueQuery::Whole, pending, behind);
        }
        let sent: Vec<_> = std::iter::from_fn(|| queue.next()).collect();
        let whole = |(_, query): &&(_, ValueQuery)| *query == ValueQuery::Whole;
        assert_eq!((sent.len(), sent.iter().filter(whole).count()), (37, 1));
        assert_eq!(
            queue.finish(&name(0), ValueQuery::Whole),
            Some((Sum(1), None))
        );
        assert_eq!(queue.next(), Some((name(1), ValueQuery::Whole)));
    }

    #[test]
    fn keys_beyond_the_bound_are_returned() {
        let mut queue = ReadQueue::new();
        for n in 0..MAX_KEYS {
            queue.add(name(n), Sum(1)).unwrap();
        }
        assert_eq!(queue.add(name(MAX_KEYS), Sum(3)), Err(Sum(3)));
        queue.add(name(0), Sum(2)).unwrap();
        assert_eq!(queue.awaiting(&name(0)), Some(&mut Sum(3)));
    }
}
