//! The world of a worker's instance besides its stores: clocks, random numbers, sleep and output, all
//! of which a replay repeats.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keywell_journal::{Clock, Session, Sleep, Time};
use parking_lot::Mutex;
use rand::TryRng;
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock};
use wasmtime_wasi::{WasiCtxBuilder, p2};

use super::options::InterruptedRequests;
use super::printed::Printed;

/// What an instance of a worker shares with its host.
pub(crate) struct Recording {
    session: Session,
    /// When the worker was created, from which its monotonic clock counts.
    born: Time,
    interrupted: InterruptedRequests,
    /// The time outside.
    clock: Clock,
    printed: Printed,
    timers: Mutex<Timers>,
}

#[derive(Default)]
struct Timers {
    /// The earliest end of a wait that was found to lie ahead.
    earliest: Option<Time>,
    asleep_since: Option<Instant>,
    /// How long the running call has slept before that.
    slept: Duration,
}

/// A source of the time or of random numbers.
struct Source(Arc<Recording>);

// === impl Recording ===

impl Recording {
    /// A recording in a session, whose output goes to these streams, standard output first.
    pub(super) async fn new(
        session: Session,
        clock: Clock,
        interrupted: InterruptedRequests,
        streams: [Box<dyn p2::OutputStream>; 2],
    ) -> keywell_journal::Result<Self> {
        let age = u64::try_from(session.age().await?.as_nanos()).unwrap_or(u64::MAX);
        Ok(Self {
            born: Time(session.now().0.saturating_sub(age)),
            interrupted,
            clock,
            printed: Printed::new(streams),
            timers: Mutex::default(),
            session,
        })
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// What becomes of interrupted requests.
    pub(super) fn interrupted(&self) -> InterruptedRequests {
        self.interrupted
    }

    /// Has WASI use it.
    pub(crate) fn configure(self: &Arc<Self>, wasi: &mut WasiCtxBuilder) {
        let [stdout, stderr] = self.printed.streams();
        wasi.stdout(stdout)
            .stderr(stderr)
            .wall_clock(Source(self.clone()))
            .monotonic_clock(Source(self.clone()))
            .secure_random(Source(self.clone()))
            .insecure_random(Source(self.clone()));
    }

    /// Prints what the instance has printed, unless all of it was printed before it was replayed.
    pub(super) async fn print(&self) -> keywell_journal::Result<()> {
        let is_replaying = self.session.is_replaying().await?;
        self.printed.end(!is_replaying);
        Ok(())
    }

    /// As [`print`](Self::print), at the end of an invocation.
    pub(super) fn end(&self, is_new: bool) {
        self.printed.end(is_new);
    }

    /// Whether the instance repeats what it did before.
    pub(super) async fn is_replaying(&self) -> keywell_journal::Result<bool> {
        self.session.is_replaying().await
    }

    /// What the hash maps of the instance are seeded with.
    pub(super) fn seed(&self) -> (u64, u64) {
        let seed = self.session.seed();
        let (numbers, _) = seed.as_chunks();
        (
            u64::from_le_bytes(numbers[0]),
            u64::from_le_bytes(numbers[1]),
        )
    }

    /// So long after what the monotonic clock shows.
    pub(super) fn after(&self, wait: Duration) -> Time {
        self.session.now().after(wait)
    }

    /// When the monotonic clock shows this.
    pub(super) fn at(&self, nanos: u64) -> Time {
        self.born.after(Duration::from_nanos(nanos))
    }

    /// Whether a wait is over. Otherwise its end is among those that [`earliest`](Self::earliest)
    /// answers.
    pub(super) fn is_over(&self, until: Time) -> bool {
        if self.session.now() >= until {
            return true;
        }
        let earliest = &mut self.timers.lock().earliest;
        *earliest = Some(earliest.map_or(until, |earliest| earliest.min(until)));
        false
    }

    /// Forgets the waits that lay ahead.
    pub(super) fn forget_waits(&self) {
        self.timers.lock().earliest = None;
    }

    /// The earliest end of the waits that lay ahead since they were forgotten.
    pub(super) fn earliest(&self) -> Option<Time> {
        self.timers.lock().earliest
    }

    /// Waits until a time outside.
    pub(super) async fn wait(&self, until: Time) {
        let left = until.since((self.clock)());
        tokio::time::sleep_until(tokio::time::Instant::now() + left).await;
    }

    /// Sleeps, as the journal has it; for how long outside.
    pub(super) async fn sleep(&self, until: Time) -> keywell_journal::Result<Duration> {
        self.doze(&self.session.sleep(until)).await
    }

    /// As [`sleep`](Self::sleep), for a sleep whose place among the calls it has already.
    pub(super) async fn doze(&self, sleep: &Sleep) -> keywell_journal::Result<Duration> {
        if sleep.begin().await? {
            return Ok(Duration::ZERO);
        }
        self.print().await?;
        self.timers.lock().asleep_since = Some(Instant::now());
        loop {
            self.wait(sleep.until()).await;
            if sleep.end().await? {
                break;
            }
        }
        let mut timers = self.timers.lock();
        let slept = timers.asleep_since.take();
        let slept = slept.map_or(Duration::ZERO, |since| since.elapsed());
        timers.slept += slept;
        Ok(slept)
    }

    /// Begins another call.
    pub(super) fn begin(&self) {
        *self.timers.lock() = Timers::default();
    }

    /// How long the running call has slept, which does not count as its time.
    pub(super) fn slept(&self) -> Duration {
        let timers = self.timers.lock();
        let asleep = timers.asleep_since;
        timers.slept + asleep.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

// === impl Source ===

impl HostWallClock for Source {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.session.now().since(Time::default())
    }
}

impl HostMonotonicClock for Source {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        let age = self.0.session.now().since(self.0.born);
        u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl TryRng for Source {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.session.random(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.session.random(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.session.random(bytes);
        Ok(())
    }
}
