//! The time of a store.
//!
//! Times to live use the store's own time, in milliseconds. It starts as the time of day, and then
//! follows two rules:
//!
//! - While the store is open, it advances with the machine's uptime, which includes suspended time.
//!   Setting the time of day has no effect.
//! - While the store is closed, it advances with the time of day, and never goes back. Each commit
//!   records a [`Mark`]: the store's time and the time of day. The next opening adds the difference
//!   to the current time of day, or nothing if that is earlier.
//!
//! So an expired key stays expired, however the time of day is set, also across restarts: the writer
//! removes in a commit what a reader sees as expired, at the latest when the store is closed. And a
//! wrong time of day has no lasting effect: the store's time is never compared with the time of day,
//! only the progress of both since the last mark.
//!
//! If the two have drifted apart since the last mark and a key has a time to live, a commit records
//! another mark, within a minute and when the store is closed. So the next opening does not start
//! from a mark with a wrong time of day.
//!
//! Limits:
//!
//! - If the time of day is ahead when the store is opened, keys expire early by that. Keys that are
//!   set from then on are not affected.
//! - If the time of day was set back, the time for which the store was closed does not count: keys
//!   live longer by that, never shorter.
//! - A paused virtual machine has no uptime meanwhile, with the same effect.
//! - If a process is killed between the expiration of a key and the commit that removes it (a few
//!   milliseconds on a working disk), the time of day at the next opening decides.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A machine's clocks, in milliseconds.
#[derive(Clone)]
pub(crate) struct Machine(Arc<dyn Clocks>);

pub(crate) trait Clocks: Send + Sync {
    /// Since some moment before it was first asked for. Monotonic; cannot be set.
    fn uptime(&self) -> u64;
    /// Since 1970. May be set to anything.
    fn time_of_day(&self) -> u64;
}

struct System;

/// The store's time, for as long as the store is open.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    machine: Machine,
    /// The store's time when the uptime was zero.
    origin: i128,
}

/// The times that a commit records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The store's time.
    pub(crate) store: u64,
    /// The time of day at that moment, in milliseconds since 1970.
    pub(crate) day: u64,
}

// === impl Machine ===

impl Machine {
    pub(crate) fn this() -> Self {
        Self(Arc::new(System))
    }

    #[cfg(test)]
    pub(crate) fn of(clocks: impl Clocks + 'static) -> Self {
        Self(Arc::new(clocks))
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine")
    }
}

// === impl System ===

impl Clocks for System {
    fn uptime(&self) -> u64 {
        u64::try_from(keywell_system::clock::uptime().as_millis()).unwrap_or(u64::MAX)
    }

    fn time_of_day(&self) -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        since_1970.map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }
}

// === impl Clock ===

impl Clock {
    /// The clock of a store that is opened, from its last mark. A store without one is new, or of a
    /// version without marks, which used the time of day.
    pub(crate) fn resume(machine: Machine, last: Option<Mark>) -> Self {
        let (day, uptime) = (machine.0.time_of_day(), machine.0.uptime());
        let now = last.map_or(day, |mark| {
            mark.store.saturating_add(day.saturating_sub(mark.day))
        });
        Self {
            machine,
            origin: i128::from(now) - i128::from(uptime),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        let now = self.origin + i128::from(self.machine.0.uptime());
        u64::try_from(now).unwrap_or(u64::MAX)
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            store: self.now(),
            day: self.machine.0.time_of_day(),
        }
    }
}

// === impl Mark ===

impl Mark {
    /// Whether the time of day and the store's time have drifted apart since an earlier mark, by more
    /// than usual clock drift.
    pub(crate) fn strays_from(self, earlier: Self) -> bool {
        const TOLERATED: u128 = 1000;
        let ahead = |mark: Self| i128::from(mark.day) - i128::from(mark.store);
        (ahead(self) - ahead(earlier)).unsigned_abs() > TOLERATED
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use parking_lot::Mutex;
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    /// A machine whose clocks a test sets. Clones share them.
    #[derive(Clone, Debug)]
    pub(crate) struct Moved(Arc<Mutex<State>>);

    #[derive(Debug)]
    struct State {
        uptime: u64,
        day: u64,
    }

    impl Moved {
        pub(crate) fn new() -> Self {
            Self(Arc::new(Mutex::new(State {
                uptime: 5000,
                day: 1_800_000_000_000,
            })))
        }

        pub(crate) fn machine(&self) -> Machine {
            Machine::of(self.clone())
        }

        /// Lets time pass.
        pub(crate) fn pass(&self, millis: u64) {
            let mut state = self.0.lock();
            state.uptime += millis;
            state.day = state.day.saturating_add(millis);
        }

        /// Sets the time of day forward or back.
        pub(crate) fn set_by(&self, millis: i64) {
            let mut state = self.0.lock();
            state.day = state.day.saturating_add_signed(millis);
        }

        /// Restarts the machine, so that its uptime starts from zero.
        pub(crate) fn reboot(&self) {
            self.0.lock().uptime = 0;
        }
    }

    impl Clocks for Moved {
        fn uptime(&self) -> u64 {
            self.0.lock().uptime
        }

        fn time_of_day(&self) -> u64 {
            self.0.lock().day
        }
    }

    const YEAR: i64 = 365 * 24 * 3600 * 1000;

    #[test]
    fn the_machine_has_been_up_for_a_while_and_knows_the_year() {
        let machine = Machine::this();
        let before = machine.0.uptime();
        assert!(before > 0);
        assert!(machine.0.uptime() >= before);
        assert!(machine.0.time_of_day() > 1_700_000_000_000);
    }

    #[test]
    fn a_new_store_begins_with_the_time_of_day() {
        let moved = Moved::new();
        let clock = Clock::resume(moved.machine(), None);
        assert_eq!(clock.now(), 1_800_000_000_000);
    }

    #[test]
    fn while_it_is_open_setting_the_time_of_day_changes_nothing() {
        let moved = Moved::new();
        let clock = Clock::resume(moved.machine(), None);
        let start = clock.now();
        for by in [-70 * YEAR, 140 * YEAR, -3000] {
            moved.set_by(by);
            moved.pass(10);
        }
        assert_eq!(clock.now(), start + 30);
    }

    #[test]
    fn a_wrong_year_that_was_put_right_stops_no_later_time() {
        let moved = Moved::new();
        let clock = Clock::resume(moved.machine(), None);
        moved.set_by(70 * YEAR);
        // It was wrong when the store was opened, and still is when it is closed.
        let clock = Clock::resume(moved.machine(), Some(clock.mark()));
        let last = clock.mark();
        moved.set_by(-70 * YEAR);
        let clock = Clock::resume(moved.machine(), Some(last));
        let start = clock.now();
        assert!(start >= last.store);
        moved.pass(1000);
        assert_eq!(clock.now(), start + 1000);
        // Nor over the next restart, though the time of day is still less than the store's.
        let last = clock.mark();
        moved.pass(500);
        let clock = Clock::resume(moved.machine(), Some(last));
        assert_eq!(clock.now(), start + 1500);
    }

    #[test]
    fn a_time_of_day_that_moved_alone_strays() {
        let moved = Moved::new();
        let clock = Clock::resume(moved.machine(), None);
        let mark = clock.mark();
        moved.pass(1_000_000);
        moved.set_by(900);
        assert!(!clock.mark().strays_from(mark));
        for by in [200, -2200] {
            moved.set_by(by);
            assert!(clock.mark().strays_from(mark), "{by}");
        }
    }

    /// With random changes of the time of day, reboots and restarts.
    #[test]
    fn the_time_of_a_store_never_goes_back_and_never_stops() {
        let seed = rand::random();
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..300 {
            let moved = Moved::new();
            let mut clock = Clock::resume(moved.machine(), None);
            let mut last = clock.mark();
            let mut reached = clock.now();
            // How far the time of day was set since the last mark.
            let mut set_by: i64 = 0;
            // The real time since the last mark.
            let mut passed = 0;
            for _ in 0..60 {
                match random.random_range(0..5) {
                    0 | 1 => {
                        let millis = random.random_range(0..10_000_000);
                        moved.pass(millis);
                        passed += millis;
                        assert_eq!(clock.now(), reached + millis, "seed {seed}");
                        reached += millis;
                    }
                    2 => {
                        let years = random.random_range(-2..3);
                        moved.set_by(years * YEAR);
                        set_by += years * YEAR;
                        assert_eq!(clock.now(), reached, "seed {seed}");
                    }
                    3 => {
                        last = clock.mark();
                        (set_by, passed) = (0, 0);
                    }
                    _ => {
                        if random.random_bool(0.3) {
                            moved.reboot();
                        }
                        let millis = random.random_range(0..10_000_000);
                        moved.pass(millis);
                        passed += millis;
                        clock = Clock::resume(moved.machine(), Some(last));
                        let now = clock.now();
                        assert!(now >= last.store, "seed {seed}");
                        match set_by {
                            0 => assert_eq!(now, last.store + passed, "seed {seed}"),
                            1.. => assert!(now >= last.store + passed, "seed {seed}"),
                            _ => assert!(now <= last.store + passed, "seed {seed}"),
                        }
                        reached = now;
                    }
                }
            }
        }
    }
}
