use std::time::{Duration, Instant};

use keywell_store::{Expires, Set};

/// When an entry expires, on the clock of this process. The answer that says what is left of a time
/// to live took a while, so it is between two instants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    earliest: Instant,
    latest: Instant,
}

/// The shortest time to live that stores take.
const SHORTEST: Duration = Duration::from_millis(1);

// === impl Deadline ===

impl Deadline {
    /// The deadline of an entry that was asked for and answered at these instants, if it expires.
    pub(super) fn new(expires: Expires, asked: Instant, answered: Instant) -> Option<Self> {
        let Expires::In(left) = expires else {
            return None;
        };
        Some(Self {
            earliest: asked.checked_add(left)?,
            latest: answered.checked_add(left)?,
        })
    }

    /// The time to live of a copy that is written now, which expires no earlier than its original.
    /// None if it has expired.
    pub(super) fn ttl(self, now: Instant) -> Option<Set> {
        let left = self.latest.checked_duration_since(now)?;
        let ttl = left.min(Set::MAX_TTL);
        (ttl >= SHORTEST).then_some(Set { ttl: Some(ttl) })
    }

    /// Whether it may have passed at this instant.
    pub(super) fn may_have_passed(self, now: Instant, tolerance: Duration) -> bool {
        self.earliest <= now + tolerance
    }

    /// Whether both may be the same instant, or are no further apart than the tolerance.
    pub(super) fn agrees(self, other: Self, tolerance: Duration) -> bool {
        self.earliest <= other.latest + tolerance && other.earliest <= self.latest + tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn deadlines_agree_within_the_tolerance_whatever_the_answers_took() {
        let now = Instant::now();
        let quick = Deadline::new(Expires::In(10 * SECOND), now, now).unwrap();
        let slow = Deadline::new(Expires::In(8 * SECOND), now, now + 5 * SECOND).unwrap();
        assert!(quick.agrees(slow, Duration::ZERO) && slow.agrees(quick, Duration::ZERO));
        let later = Deadline::new(Expires::In(13 * SECOND), now, now).unwrap();
        assert!(!quick.agrees(later, 2 * SECOND) && !later.agrees(quick, 2 * SECOND));
        assert!(quick.agrees(later, 3 * SECOND) && later.agrees(quick, 3 * SECOND));
        assert!(Deadline::new(Expires::Never, now, now).is_none());
    }

    #[test]
    fn a_copy_gets_what_is_left_and_nothing_once_that_is_over() {
        let now = Instant::now();
        let deadline = Deadline::new(Expires::In(SECOND), now, now).unwrap();
        let ttl = |now| deadline.ttl(now).and_then(|set| set.ttl);
        assert_eq!(ttl(now + SECOND / 4), Some(SECOND * 3 / 4));
        assert_eq!(ttl(now + SECOND), None);
        assert_eq!(ttl(now + 2 * SECOND), None);
        assert!(!deadline.may_have_passed(now, SECOND / 2));
        assert!(deadline.may_have_passed(now, SECOND));
    }
}
