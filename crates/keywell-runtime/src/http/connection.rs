use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use futures::task::AtomicWaker;
use http::Version;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::progress::{Progress, Why};
use super::unsent::Unsent;

/// One client's connection: what it does, and how long it may.
///
/// It has one timer for everything: until a request has arrived, before the protocol is known;
/// between two requests; while a write waits for the client; and for the guest that writes an HTTP/1
/// response.
pub(super) struct Connection {
    began: Instant,
    write_timeout: Duration,
    /// Requests whose response is not over.
    active: AtomicU32,
    /// When a request was last over, or the connection was asked to close, in microseconds since it
    /// began.
    used: AtomicU64,
    /// When a write began to wait for the client, likewise; 0 while none does.
    write_waits: AtomicU64,
    /// How it is to be closed, as [`Closing`]; 0 while it is not.
    closing: AtomicU8,
    has_http2: AtomicBool,
    is_reset: AtomicBool,
    waker: AtomicWaker,
    /// Of the one response at a time that HTTP/1 has.
    progress: Progress,
    /// Of all streams that HTTP/2 has.
    unsent: Unsent,
    /// Of the HTTP/2 stream whose task is not spawned yet.
    stream: Mutex<Option<Arc<Progress>>>,
    /// The socket, once HTTP has no more use for it.
    socket: Mutex<Option<TcpStream>>,
}

/// How a connection is to be closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// When what runs is answered.
    Gracefully = 1,
    /// Likewise, and at once where nothing runs.
    AtOnce = 2,
}

/// What a connection's timer is for.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// Nothing has run on it for long.
    Idle,
    /// The response, or what else is written, is to be ended.
    Response(Why),
    /// To look what HTTP/2 has not sent.
    Look,
}

// === impl Connection ===

impl Connection {
    /// How long a client may take to send the head of a request, from when it is connected, or from
    /// the end of its last response.
    const IDLE: Duration = Duration::from_secs(30);
    /// How long an HTTP/2 client may take to close a connection that it was asked to close, where
    /// nothing runs.
    const CLOSING: Duration = Duration::from_secs(5);

    pub(super) fn new(write_timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            write_timeout,
            active: AtomicU32::new(0),
            used: AtomicU64::new(0),
            write_waits: AtomicU64::new(0),
            closing: AtomicU8::new(0),
            has_http2: AtomicBool::new(false),
            is_reset: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            progress: Progress::default(),
            unsent: Unsent::default(),
            stream: Mutex::default(),
            socket: Mutex::default(),
        })
    }

    /// Lets what runs end, and then closes it.
    pub(super) fn close_gracefully(&self) {
        self.close(Closing::Gracefully);
    }

    /// Closes it, unless something runs by now: then when that has ended.
    pub(super) fn close_at_once(&self) {
        self.close(Closing::AtOnce);
    }

    /// Since when nothing runs on it and nothing waits to be written; `None` where something does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let is_idle = self.active.load(Ordering::Relaxed) == 0
            && self.write_waits.load(Ordering::Relaxed) == 0
            && self.unsent.is_empty();
        is_idle.then(|| self.moment(self.used.load(Ordering::Relaxed)))
    }

    /// Whether it is being closed, to make room for another.
    pub(super) fn makes_room(&self) -> bool {
        self.closing() == Some(Closing::AtOnce)
    }

    fn close(&self, how: Closing) {
        let how = how as u8;
        if self.closing.fetch_max(how, Ordering::Relaxed) < how {
            self.note_use();
            self.waker.wake();
        }
    }

    // To the task that serves it.

    /// Wakes this when it is to be closed.
    pub(super) fn wakes(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// How it is to be closed, if it is.
    pub(super) fn closing(&self) -> Option<Closing> {
        match self.closing.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Closing::Gracefully),
            _ => Some(Closing::AtOnce),
        }
    }

    /// Whether a request has come by HTTP/2.
    pub(super) fn has_http2(&self) -> bool {
        self.has_http2.load(Ordering::Relaxed)
    }

    /// Has the socket reset, and ends the response of HTTP/1.
    pub(super) fn reset(&self, why: Why) {
        self.is_reset.store(true, Ordering::Relaxed);
        self.progress.end(why);
    }

    /// The socket, once HTTP has no more use for it.
    pub(super) fn take_socket(&self) -> Option<TcpStream> {
        self.socket.lock().take()
    }

    /// What comes next, where nothing changes until then.
    pub(super) fn due(&self) -> Option<(Instant, Due)> {
        let write_waits = self.write_waits.load(Ordering::Relaxed);
        let write = (write_waits > 0).then(|| {
            let due = self.moment(write_waits) + self.write_timeout;
            (due, Due::Response(Why::Unread))
        });
        let response = self.progress.due(self.write_timeout);
        let response = response.map(|(due, why)| (due, Due::Response(why)));
        let look = self.unsent.due(self.write_timeout);
        let look = look.map(|due| (due, Due::Look));
        let idle = self.idle_since().map(|since| {
            let limit = if self.closing().is_some() {
                Self::CLOSING
            } else {
                Self::IDLE
            };
            (since + limit, Due::Idle)
        });
        let all = [write, response, look, idle].into_iter().flatten();
        all.min_by_key(|(due, _)| *due)
    }

    // To the wire.

    /// A write waits for the client, or has gone on.
    pub(super) fn write_waits(&self, waits: bool) {
        let waited = self.write_waits.load(Ordering::Relaxed) > 0;
        if waits && !waited {
            self.write_waits.store(self.now().max(1), Ordering::Relaxed);
        } else if waited && !waits {
            self.write_waits.store(0, Ordering::Relaxed);
        }
    }

    /// Whether its socket is to be reset rather than closed: what was sent must not look whole.
    pub(super) fn is_reset(&self) -> bool {
        self.is_reset.load(Ordering::Relaxed)
    }

    /// HTTP has no more use for the socket.
    pub(super) fn give_back(&self, socket: TcpStream) {
        *self.socket.lock() = Some(socket);
    }

    // To its requests.

    /// A request has arrived.
    pub(super) fn begins(&self, version: Version) -> Option<Arc<Progress>> {
        self.active.fetch_add(1, Ordering::Relaxed);
        if version != Version::HTTP_2 {
            return None;
        }
        self.has_http2.store(true, Ordering::Relaxed);
        let progress = Arc::<Progress>::default();
        *self.stream.lock() = Some(progress.clone());
        Some(progress)
    }

    /// A request is over.
    pub(super) fn is_over(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
        self.note_use();
    }

    /// Of the one response of HTTP/1.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// A body broke off that ends where the connection does.
    pub(super) fn reset_when_ended(&self) {
        self.is_reset.store(true, Ordering::Relaxed);
    }

    // To its HTTP/2 streams.

    /// What is held of their bodies.
    pub(super) fn unsent(&self) -> &Unsent {
        &self.unsent
    }

    /// The stream whose request came last, once.
    pub(super) fn take_stream(&self) -> Option<Arc<Progress>> {
        self.stream.lock().take()
    }

    pub(super) fn write_timeout(&self) -> Duration {
        self.write_timeout
    }

    fn note_use(&self) {
        self.used.store(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn moment(&self, microseconds: u64) -> Instant {
        self.began + Duration::from_micros(microseconds)
    }
}
