//! The queue of events, by key.
//!
//! Events of one key stay in order, also when one of them is tried again; those of different keys do
//! not wait for each other.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::watch::dispatch::job::Job;

/// What is to be delivered: a lane for each key, which is there only while it holds events.
#[derive(Default)]
pub(crate) struct Lanes {
    keys: HashMap<Arc<str>, Lane>,
    /// Keys whose first event can be delivered, those that waited longest first.
    ready: VecDeque<Arc<str>>,
    waiting: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
    events: usize,
    bytes: usize,
}

#[derive(Default)]
struct Lane {
    jobs: VecDeque<Job>,
    is_running: bool,
}

// === impl Lanes ===

impl Lanes {
    /// Queues an event behind those of its key.
    pub(crate) fn push(&mut self, job: Job) {
        self.events += 1;
        self.bytes += job.event.bytes();
        let key = job.event.key.clone();
        let lane = self.keys.entry(key.clone()).or_default();
        if lane.jobs.is_empty() && !lane.is_running {
            self.ready.push_back(key);
        }
        lane.jobs.push_back(job);
    }

    /// Takes an event whose key is free. The lane waits until it is [done](Self::done) or put
    /// [back](Self::again).
    pub(crate) fn next(&mut self) -> Option<Job> {
        loop {
            let key = self.ready.pop_front()?;
            // Its events may have been forgotten since, and new ones come.
            let Some(lane) = self.keys.get_mut(&key).filter(|lane| !lane.is_running) else {
                continue;
            };
            match lane.jobs.pop_front() {
                Some(job) => {
                    lane.is_running = true;
                    return Some(job);
                }
                None => drop(self.keys.remove(&key)),
            }
        }
    }

    /// An event that was taken is finished.
    pub(crate) fn done(&mut self, job: &Job) {
        self.events -= 1;
        self.bytes -= job.event.bytes();
        let key = &job.event.key;
        let Some(lane) = self.keys.get_mut(key) else {
            return;
        };
        lane.is_running = false;
        if lane.jobs.is_empty() {
            self.keys.remove(key);
        } else {
            self.ready.push_back(key.clone());
        }
    }

    /// Puts an event that was taken back, to be taken again at a time. Later ones of its key wait.
    pub(crate) fn again(&mut self, job: Job, at: Instant) {
        let key = job.event.key.clone();
        if let Some(lane) = self.keys.get_mut(&key) {
            lane.jobs.push_front(job);
            self.waiting.push(Reverse((at, key)));
        }
    }

    /// When the next event that was put back is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse((at, _))| *at)
    }

    /// Makes ready what is due.
    pub(crate) fn wake(&mut self, now: Instant) {
        while self.due().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, key))) = self.waiting.pop() {
                // It counted as running until now, so it is not among the ready.
                if let Some(lane) = self.keys.get_mut(&key) {
                    lane.is_running = false;
                    self.ready.push_back(key);
                }
            }
        }
    }

    /// Forgets events that are queued or put back; not those that were taken.
    pub(crate) fn forget(&mut self, mut forgets: impl FnMut(&Job) -> bool) {
        for lane in self.keys.values_mut() {
            lane.jobs.retain(|job| {
                let stays = !forgets(job);
                if !stays {
                    self.events -= 1;
                    self.bytes -= job.event.bytes();
                }
                stays
            });
        }
        self.keys
            .retain(|_, lane| lane.is_running || !lane.jobs.is_empty());
    }

    /// Events queued, put back or taken.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// Bytes of their keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::watch::checkpoint::progress::Ticket;
    use crate::watch::dispatch::job::JobSource;
    use crate::watch::event::KeyEvent;

    fn job(key: &str, value: &'static str) -> Job {
        let event = KeyEvent {
            key: key.into(),
            value: Some(value.into()),
        };
        let ticket = Ticket {
            partition: 0,
            epoch: 0,
            number: 0,
        };
        Job::new(event, ticket, JobSource::Present, 0)
    }

    fn value(job: Option<&Job>) -> Option<String> {
        let value = job?.event.value.as_ref()?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    fn next(lanes: &mut Lanes) -> Option<String> {
        value(lanes.next().as_ref())
    }

    #[test]
    fn a_key_waits_for_its_event_under_way_and_others_do_not() {
        let mut lanes = Lanes::default();
        lanes.push(job("a", "1"));
        lanes.push(job("a", "2"));
        lanes.push(job("b", "3"));
        let first = lanes.next().unwrap();
        assert_eq!(next(&mut lanes).unwrap(), "3");
        assert_eq!(next(&mut lanes), None);
        lanes.done(&first);
        assert_eq!(next(&mut lanes).unwrap(), "2");
        assert_eq!((lanes.events(), lanes.bytes()), (2, 4));
    }

    #[test]
    fn a_retry_goes_before_later_events_of_its_key() {
        let mut lanes = Lanes::default();
        lanes.push(job("a", "1"));
        let first = lanes.next().unwrap();
        lanes.push(job("a", "2"));
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        lanes.again(first, later);
        lanes.push(job("a", "3"));
        lanes.wake(now);
        assert_eq!(next(&mut lanes), None);
        lanes.wake(later);
        let first = lanes.next().unwrap();
        assert_eq!(value(Some(&first)).unwrap(), "1");
        lanes.done(&first);
        assert_eq!(next(&mut lanes).unwrap(), "2");
    }

    #[test]
    fn what_is_forgotten_leaves_nothing_behind() {
        let mut lanes = Lanes::default();
        lanes.push(job("a", "1"));
        lanes.push(job("b", "2"));
        let taken = lanes.next().unwrap();
        lanes.push(job("a", "3"));
        lanes.forget(|_| true);
        assert_eq!(lanes.events(), 1);
        assert_eq!(next(&mut lanes), None);
        lanes.done(&taken);
        assert_eq!((lanes.events(), lanes.bytes()), (0, 0));
        assert!(lanes.keys.is_empty());
        lanes.push(job("b", "4"));
        assert_eq!(next(&mut lanes).unwrap(), "4");
    }
}
