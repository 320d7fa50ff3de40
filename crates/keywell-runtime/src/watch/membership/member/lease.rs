//! A member's lease: until when it is valid, and when it is to be renewed.
//!
//! - It is valid for 5/6 of its time, from the moment that its latest renewal began. A renewal that
//!   takes longer than that counts as failed, whatever its answer.
//! - Each renewal writes a heartbeat that this member has not written before, also after answers
//!   that were lost.

use std::time::{Duration, Instant};

use super::defect::{Defect, Planted};

#[derive(Debug)]
pub(super) struct Lease {
    length: Duration,
    /// The highest number that this member may have written.
    heartbeat: u64,
    /// That of the latest renewal that was written.
    acknowledged: u64,
    /// When that renewal began.
    renewed: Option<Instant>,
    /// When to renew though there is no work; never, where no other member is there.
    renew_at: Option<Instant>,
    /// From when on there is no work without a renewal.
    stale_at: Instant,
    planted: Planted,
}

// === impl Lease ===

impl Lease {
    pub(super) fn new(length: Duration, now: Instant, planted: Planted) -> Self {
        Self {
            length,
            heartbeat: 0,
            acknowledged: 0,
            renewed: None,
            renew_at: Some(now),
            stale_at: now,
            planted,
        }
    }

    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// How often it is renewed.
    pub(super) fn period(&self) -> Duration {
        self.length / 3
    }

    fn validity(&self) -> Duration {
        if self.planted.has(Defect::LongValidity) {
            return self.length * 2;
        }
        self.length / 6 * 5
    }

    pub(super) fn is_valid(&self, now: Instant) -> bool {
        let renewed = self.renewed;
        renewed.is_some_and(|renewed| now < renewed + self.validity())
    }

    /// Whether others may have evicted this member by now, where a renewal began at that time.
    pub(super) fn is_too_late(&self, began: Instant, now: Instant) -> bool {
        now >= began + self.validity()
    }

    /// Whether it was ever renewed.
    pub(super) fn has_begun(&self) -> bool {
        self.renewed.is_some()
    }

    /// When it is to be renewed; earlier, if there is work that takes a valid lease.
    pub(super) fn due(&self, has_work: bool) -> Option<Instant> {
        let works_until = has_work.then_some(self.stale_at);
        self.renew_at.into_iter().chain(works_until).min()
    }

    /// Begins a renewal: the next one is due a period later.
    pub(super) fn begin_renewal(&mut self, now: Instant) {
        self.stale_at = now + self.period();
        self.renew_at = Some(self.stale_at);
    }

    /// The heartbeat that the next one has to be above.
    pub(super) fn past_heartbeat(&self) -> u64 {
        if self.planted.has(Defect::RepeatsHeartbeats) {
            return 0;
        }
        self.heartbeat
    }

    /// Takes note of the heartbeat of the renewal under way.
    pub(super) fn set_heartbeat(&mut self, heartbeat: u64) {
        self.heartbeat = heartbeat;
    }

    /// Takes note that the renewal that began then was written.
    pub(super) fn renewed(&mut self, began: Instant) {
        self.renewed = Some(began);
        self.acknowledged = self.heartbeat;
    }

    /// Whether a record with this heartbeat is not from before the latest renewal.
    pub(super) fn is_current(&self, heartbeat: u64) -> bool {
        heartbeat >= self.acknowledged
    }

    pub(super) fn renew_at(&mut self, at: Option<Instant>) {
        self.renew_at = at;
    }

    /// Renews with the next period at the latest, also if there is no work.
    pub(super) fn renew_next(&mut self) {
        self.renew_at = self.renew_at.or(Some(self.stale_at));
    }

    /// Renews again soon, after a failure.
    pub(super) fn retry(&mut self, now: Instant) {
        let again = now + self.period() / 4;
        (self.renew_at, self.stale_at) = (Some(again), again);
    }

    /// Renews at once, unless that was done a moment ago: changes that follow each other must not
    /// keep the store busy.
    pub(super) fn hurry(&mut self, now: Instant) {
        let soonest = self.stale_at.checked_sub(self.period() / 16 * 15);
        self.renew_at = Some(soonest.map_or(now, |soonest| now.max(soonest)));
    }
}
