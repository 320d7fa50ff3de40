use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// Advances an engine's epoch while instances run, and rests when none has for a while.
///
/// One thread for all instances. It ends with the ticker.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// An instance that is running, to the ticker.
pub(crate) struct Running(Arc<Ticker>);

struct Shared {
    engine: EngineWeak,
    /// Those that run in the lower half, those that ever ran in the upper.
    counts: AtomicU64,
    resting: AtomicBool,
    ended: AtomicBool,
}

// === impl Ticker ===

impl Ticker {
    /// How often a running instance is interrupted to see whether its time is up, and to let others
    /// have the thread.
    pub(crate) const PERIOD: Duration = Duration::from_millis(10);
    /// Ticks that nothing used, after which it rests: to wake it takes longer than most calls.
    const UNUSED: u32 = 20;

    pub(crate) fn start(engine: &Engine) -> std::io::Result<Arc<Self>> {
        let shared = Arc::new(Shared {
            engine: engine.weak(),
            counts: AtomicU64::new(0),
            resting: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let thread = thread::Builder::new()
            .name("keywell-ticker".into())
            .spawn({
                let shared = shared.clone();
                move || shared.tick()
            })?;
        Ok(Arc::new(Self {
            shared,
            thread: Some(thread),
        }))
    }

    /// Counts an instance as running until the returned value is dropped.
    pub(crate) fn run(self: &Arc<Self>) -> Running {
        // Pairs with the thread, which first says that it rests and then looks for running
        // instances: in one order of all four, at least one side sees the other.
        self.shared.counts.fetch_add(STARTED + 1, Ordering::SeqCst);
        if self.shared.resting.load(Ordering::SeqCst) {
            self.wake();
        }
        Running(self.clone())
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

// === impl Running ===

impl Drop for Running {
    fn drop(&mut self) {
        self.0.shared.counts.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An instance that started, in [`Shared::counts`].
const STARTED: u64 = 1 << 32;

fn is_any(counts: u64) -> bool {
    counts & (STARTED - 1) > 0
}

// === impl Shared ===

impl Shared {
    fn tick(&self) {
        let mut seen = 0;
        let mut unused = 0;
        while !self.ended.load(Ordering::SeqCst) {
            if unused >= Ticker::UNUSED {
                self.rest();
                unused = 0;
                continue;
            }
            thread::park_timeout(Ticker::PERIOD);
            let Some(engine) = self.engine.upgrade() else {
                return;
            };
            engine.increment_epoch();
            let counts = self.counts.load(Ordering::SeqCst);
            unused = if is_any(counts) || counts != seen {
                0
            } else {
                unused + 1
            };
            seen = counts;
        }
    }

    /// Waits until an instance runs.
    fn rest(&self) {
        self.resting.store(true, Ordering::SeqCst);
        if !is_any(self.counts.load(Ordering::SeqCst)) {
            thread::park();
        }
        self.resting.store(false, Ordering::SeqCst);
    }
}
