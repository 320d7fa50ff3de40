use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::time::{Instant, Sleep};

use super::decoder::Decoder;
use super::lane::{Lane, Waiter};
use super::lost::Lost;
use super::stream::Stream;

/// Moves commands from a lane to a server and replies back, until the connection is lost.
///
/// Its output is why it ended. It rests while there is nothing to move: it has a timer only while
/// answers are owed.
pub(crate) struct Driver {
    lane: Arc<Lane>,
    stream: Stream,
    decoder: Decoder,
    /// Being written, from `written` on.
    writing: Vec<u8>,
    written: usize,
    is_unflushed: bool,
    in_flight: VecDeque<Waiter>,
    /// How many of those in front were answered as late.
    late: usize,
    late_since: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
    is_armed: bool,
}

// === impl Driver ===

impl Driver {
    /// A buffer that one large value has made larger than this is not kept.
    const KEPT_BYTES: usize = 1 << 20;

    pub(crate) fn new(lane: Arc<Lane>, stream: Stream) -> Self {
        Self {
            lane,
            stream,
            decoder: Decoder::default(),
            writing: Vec::new(),
            written: 0,
            is_unflushed: false,
            in_flight: VecDeque::new(),
            late: 0,
            late_since: None,
            alarm: Box::pin(tokio::time::sleep_until(Instant::now())),
            is_armed: false,
        }
    }

    fn read(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            let read = pin!(self.stream.read_buf(self.decoder.room())).poll(context);
            match read? {
                Poll::Ready(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Poll::Ready(_) => self.deliver()?,
                Poll::Pending => return Ok(()),
            }
        }
    }

    fn deliver(&mut self) -> io::Result<()> {
        let mut replies = 0;
        loop {
            let waiter = self.in_flight.front_mut();
            let max = waiter
                .as_ref()
                .map_or(usize::MAX, |waiter| waiter.max_reply);
            let Some(reply) = self.decoder.next(max)? else {
                break;
            };
            replies += 1;
            let Some(waiter) = waiter else {
                let problem = "the server sent a reply without a command";
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            };
            if waiter.reply(reply) {
                self.in_flight.pop_front();
                self.late = self.late.saturating_sub(1);
            }
        }
        if replies > 0 {
            self.lane.answered(replies);
            if self.late_since.is_some() {
                // A reply shows that the server works. While it owes others for too long it is late
                // all the same, and has to go on.
                let is_late = self.late > 0;
                self.late_since = is_late.then(Instant::now);
                self.lane.is_late(is_late);
                self.is_armed = false;
            }
        }
        Ok(())
    }

    fn write(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            if self.written == self.writing.len() {
                self.writing.clear();
                self.written = 0;
                if self.writing.capacity() > Self::KEPT_BYTES {
                    self.writing = Vec::new();
                }
                if !self
                    .lane
                    .take(&mut self.writing, &mut self.in_flight, context)
                {
                    break;
                }
            }
            let rest = &self.writing[self.written..];
            match Pin::new(&mut self.stream).poll_write(context, rest)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(bytes) => {
                    self.written += bytes;
                    self.is_unflushed = true;
                }
                Poll::Pending => break,
            }
        }
        if self.is_unflushed && Pin::new(&mut self.stream).poll_flush(context)?.is_ready() {
            self.is_unflushed = false;
        }
        Ok(())
    }

    /// Answers those whose reply is late, or whose commands cannot be written for as long, and gives
    /// the connection up when no answer comes for as long again.
    fn keep_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            if !self.is_armed {
                let Some(due) = self.due(context) else {
                    return Ok(());
                };
                self.alarm.as_mut().reset(due);
                self.is_armed = true;
            }
            if self.alarm.as_mut().poll(context).is_pending() {
                return Ok(());
            }
            self.is_armed = false;
            let now = Instant::now();
            let answer = self.lane.answer();
            if self.late_since.is_some_and(|since| now >= since + answer) {
                let problem = format!("no answer within {:?}", 2 * answer);
                return Err(io::Error::new(io::ErrorKind::TimedOut, problem));
            }
            if self.late_since.is_none() && self.overdue(context).is_some_and(|due| due <= now) {
                // First, so that a caller that asks again at once does not wait as long again.
                self.late_since = Some(now);
                self.lane.is_late(true);
            }
            let lost = || Lost::MaybeSent(format!("no answer within {answer:?}").into());
            while let Some(waiter) = self.in_flight.get_mut(self.late) {
                if waiter.deadline > now {
                    break;
                }
                waiter.fail(&lost());
                self.late += 1;
            }
            if self.is_blocked() {
                self.lane.expire(now);
            }
        }
    }

    /// When there is something to be done.
    fn due(&self, context: &Context<'_>) -> Option<Instant> {
        let given_up = self.late_since.map(|since| since + self.lane.answer());
        let next = self.overdue(context);
        given_up.into_iter().chain(next).min()
    }

    /// When the next one is to be answered as late.
    fn overdue(&self, context: &Context<'_>) -> Option<Instant> {
        let next = self.in_flight.get(self.late).map(|waiter| waiter.deadline);
        // Those behind them were asked later.
        next.or_else(|| {
            let is_blocked = self.is_blocked();
            is_blocked.then(|| self.lane.first_deadline(context))?
        })
    }

    /// Whether there is more to write than the system takes, so that nothing else is taken.
    fn is_blocked(&self) -> bool {
        self.written < self.writing.len()
    }
}

impl Future for Driver {
    type Output = io::Error;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Error> {
        let driver = &mut *self;
        let moved = driver
            .read(context)
            .and_then(|()| driver.write(context))
            .and_then(|()| driver.keep_time(context));
        match moved {
            Ok(()) => Poll::Pending,
            Err(error) => {
                let reason: Arc<str> = error.to_string().into();
                for mut waiter in driver.in_flight.drain(..) {
                    driver.lane.answered(waiter.missing());
                    waiter.fail(&Lost::MaybeSent(reason.clone()));
                }
                Poll::Ready(error)
            }
        }
    }
}

impl Drop for Driver {
    /// Those it still owes an answer hear that there is none, by their channel's end.
    fn drop(&mut self) {
        let owed = self.in_flight.iter().map(Waiter::missing).sum();
        self.lane.answered(owed);
    }
}
