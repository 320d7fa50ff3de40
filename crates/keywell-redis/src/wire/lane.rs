use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, Value};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::decoder::Reply;
use super::lost::Lost;

/// What callers share of a connection, for as long as there are callers, across any number
/// of connections that come and go.
///
/// A caller puts its command behind those of others. The [`Driver`](super::Driver) of the
/// connection takes all that has gathered and writes it at once: commands of many callers share
/// system calls without waiting for a timer.
#[derive(Debug)]
pub(crate) struct Lane {
    state: Mutex<State>,
    changed: Notify,
    /// How many commands were accepted and not answered.
    pending: AtomicUsize,
    /// How many connections there were, so that each has a number.
    connections: AtomicU64,
    doubted: watch::Sender<u64>,
    answer: Duration,
}

#[derive(Debug)]
struct State {
    status: Status,
    /// Commands that no connection has taken yet, so that it is certain that they were not sent.
    outgoing: Vec<u8>,
    queued: VecDeque<Waiter>,
    /// Set while the driver rests for want of commands.
    waker: Option<Waker>,
}

/// Whether commands are taken.
#[derive(Clone, Debug)]
enum Status {
    /// No call needed a connection yet.
    Idle,
    /// The first attempt to connect, or the first one after a connection was lost, goes on.
    Connecting,
    Up,
    /// Connected, and the server owes an answer for longer than it may take.
    Late,
    Down(Arc<str>),
    Closed,
}

/// A caller that waits for replies, in the order of the commands.
#[derive(Debug)]
pub(super) struct Waiter {
    sender: Option<Sender>,
    pub(super) deadline: Instant,
    /// How long its commands are.
    bytes: usize,
    /// How many bytes the strings of a reply may have together.
    pub(super) max_reply: usize,
}

#[derive(Debug)]
enum Sender {
    One(oneshot::Sender<Result<Value, Lost>>),
    /// As many replies as the vector has room for.
    Many(oneshot::Sender<Result<Vec<Value>, Lost>>, Vec<Value>, usize),
    /// Answered as late: the replies still to come are discarded.
    Abandoned(usize),
}

/// Where an answer arrives.
type Awaited<T> = oneshot::Receiver<Result<T, Lost>>;

// === impl Lane ===

impl Lane {
    /// At most so many bytes of commands wait to be written, and so many commands for an answer.
    const MAX_BYTES: usize = 64 << 20;
    const MAX_PENDING: usize = 65_536;

    /// What is said to those who waited for a connection for as long as an answer may take.
    pub(crate) const STILL_CONNECTING: &str = "no connection yet";

    pub(crate) fn new(answer: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                status: Status::Idle,
                outgoing: Vec::new(),
                queued: VecDeque::new(),
                waker: None,
            }),
            changed: Notify::new(),
            pending: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
            doubted: watch::Sender::new(0),
            answer,
        }
    }

    /// How long an answer may take.
    pub(crate) fn answer(&self) -> Duration {
        self.answer
    }

    /// Sends one command and waits for its reply.
    pub(crate) async fn call(&self, command: &Cmd) -> Result<Value, Lost> {
        self.call_within(command, usize::MAX).await
    }

    /// As [`Lane::call`], for a caller that can hold at most so many bytes of the reply's strings.
    pub(crate) async fn call_within(&self, command: &Cmd, max: usize) -> Result<Value, Lost> {
        let pushed = if let Some(pushed) = self.push_one(command, max) {
            pushed
        } else {
            self.ready().await?;
            let pushed = self.push_one(command, max);
            pushed.unwrap_or_else(|| Err(Lost::not_sent("reconnecting")))
        };
        let receiver = pushed?;
        receiver.await.unwrap_or_else(|_| Err(Lost::abandoned()))
    }

    /// Sends commands one after the other, with nothing of others in between, and waits for all
    /// their replies. Errors that the server answered are among them.
    ///
    /// `max` is how many bytes the strings of each reply may have.
    pub(crate) async fn call_all_within(
        &self,
        commands: &[&Cmd],
        max: usize,
    ) -> Result<Vec<Value>, Lost> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let pushed = if let Some(pushed) = self.push_all(commands, max) {
            pushed
        } else {
            self.ready().await?;
            let pushed = self.push_all(commands, max);
            pushed.unwrap_or_else(|| Err(Lost::not_sent("reconnecting")))
        };
        let receiver = pushed?;
        receiver.await.unwrap_or_else(|_| Err(Lost::abandoned()))
    }

    /// Waits until it is connected, no longer than an answer may take. While attempts to connect
    /// fail, this fails at once.
    pub(crate) async fn ready(&self) -> Result<(), Lost> {
        let until = Instant::now() + self.answer;
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let wanted = {
                let mut state = self.state.lock();
                match &state.status {
                    Status::Up | Status::Late => return Ok(()),
                    Status::Down(reason) => return Err(Lost::NotSent(reason.clone())),
                    Status::Closed => return Err(Lost::not_sent("the store is closed")),
                    Status::Connecting => false,
                    Status::Idle => {
                        state.status = Status::Connecting;
                        true
                    }
                }
            };
            if wanted {
                self.changed.notify_waiters();
                continue;
            }
            if timeout_at(until, changed).await.is_err() {
                return Err(Lost::not_sent(Self::STILL_CONNECTING));
            }
        }
    }

    /// Waits until a call needs a connection.
    pub(crate) async fn wanted(&self) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if !matches!(self.state.lock().status, Status::Idle) {
                return;
            }
            changed.await;
        }
    }

    /// Why it is not connected; `None` if it is.
    pub(crate) fn trouble(&self) -> Option<Arc<str>> {
        match &self.state.lock().status {
            Status::Up => None,
            Status::Down(reason) => Some(reason.clone()),
            Status::Late => Some("the server does not answer".into()),
            Status::Idle | Status::Connecting => Some("not connected yet".into()),
            Status::Closed => Some("closed".into()),
        }
    }

    fn push_one(&self, command: &Cmd, max: usize) -> Option<Result<Awaited<Value>, Lost>> {
        let (sender, receiver) = oneshot::channel();
        let pushed = self.push(1, max, Sender::One(sender), |to| {
            command.write_packed_command(to);
        })?;
        Some(pushed.map(|()| receiver))
    }

    fn push_all(&self, commands: &[&Cmd], max: usize) -> Option<Result<Awaited<Vec<Value>>, Lost>> {
        let (sender, receiver) = oneshot::channel();
        let wanted = commands.len();
        let sender = Sender::Many(sender, Vec::with_capacity(wanted), wanted);
        let pushed = self.push(wanted, max, sender, |to| {
            for command in commands {
                command.write_packed_command(to);
            }
        })?;
        Some(pushed.map(|()| receiver))
    }

    /// `None` while it is worth waiting for a connection.
    fn push(
        &self,
        commands: usize,
        max_reply: usize,
        sender: Sender,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<Result<(), Lost>> {
        let mut state = self.state.lock();
        match &state.status {
            Status::Up => {}
            Status::Idle | Status::Connecting => return None,
            Status::Late => return Some(Err(Lost::not_sent("the server does not answer"))),
            Status::Down(reason) => return Some(Err(Lost::NotSent(reason.clone()))),
            Status::Closed => return Some(Err(Lost::not_sent("the store is closed"))),
        }
        let pending = self.pending.load(Ordering::Relaxed);
        if state.outgoing.len() > Self::MAX_BYTES || pending > Self::MAX_PENDING {
            return Some(Err(Lost::not_sent("too much waits for the server already")));
        }
        self.pending.fetch_add(commands, Ordering::Relaxed);
        let before = state.outgoing.len();
        write(&mut state.outgoing);
        let bytes = state.outgoing.len() - before;
        state.queued.push_back(Waiter {
            sender: Some(sender),
            deadline: Instant::now() + self.answer,
            bytes,
            max_reply,
        });
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(Ok(()))
    }

    /// Takes what has gathered; if nothing has, the task is woken when something does.
    pub(super) fn take(
        &self,
        bytes: &mut Vec<u8>,
        waiters: &mut VecDeque<Waiter>,
        context: &Context<'_>,
    ) -> bool {
        let mut state = self.state.lock();
        if state.outgoing.is_empty() {
            state.wake(context);
            return false;
        }
        std::mem::swap(&mut state.outgoing, bytes);
        waiters.append(&mut state.queued);
        true
    }

    /// When the first of those that were not taken is to be answered as late; if there is none, the task is
    /// woken when there is.
    pub(super) fn first_deadline(&self, context: &Context<'_>) -> Option<Instant> {
        let mut state = self.state.lock();
        let first = state.queued.front().map(|waiter| waiter.deadline);
        if first.is_none() {
            state.wake(context);
        }
        first
    }

    /// Answers those that were not taken in time. They are not sent any more.
    pub(super) fn expire(&self, now: Instant) {
        let expired: Vec<Waiter> = {
            let mut state = self.state.lock();
            let expired = state
                .queued
                .partition_point(|waiter| waiter.deadline <= now);
            let expired: Vec<Waiter> = state.queued.drain(..expired).collect();
            let bytes: usize = expired.iter().map(|waiter| waiter.bytes).sum();
            state.outgoing.drain(..bytes);
            expired
        };
        let reason = format!(
            "not sent within {:?}, as the server reads nothing",
            self.answer
        );
        self.refuse(expired, &reason.into());
    }

    pub(super) fn answered(&self, replies: usize) {
        self.pending.fetch_sub(replies, Ordering::Relaxed);
    }

    /// A connection takes commands from now on. Answers its number.
    pub(crate) fn is_up(&self) -> u64 {
        let number = self.connections.fetch_add(1, Ordering::Release) + 1;
        self.turn(|status| match status {
            Status::Closed => Status::Closed,
            _ => Status::Up,
        });
        number
    }

    /// The number of the latest connection. What is asked from now on is answered by it or by a later
    /// one.
    pub(crate) fn connection(&self) -> u64 {
        self.connections.load(Ordering::Acquire)
    }

    /// A connection, or one after it, leads to a server that takes no writes.
    pub(crate) fn doubt(&self, connection: u64) {
        self.doubted.send_if_modified(|doubted| {
            let is_news = connection >= *doubted;
            if is_news {
                *doubted = connection;
            }
            is_news
        });
    }

    /// Returns the numbers of connections that are doubted from now on.
    pub(crate) fn doubts(&self) -> watch::Receiver<u64> {
        self.doubted.subscribe()
    }

    /// The server owes an answer for too long, or has given it.
    pub(super) fn is_late(&self, late: bool) {
        self.turn(|status| match status {
            Status::Up if late => Status::Late,
            Status::Late if !late => Status::Up,
            other => other,
        });
    }

    /// The connection is lost, and another is tried at once. That is worth waiting for, unless the
    /// server was silent before.
    pub(crate) fn is_lost(&self, reason: &str) {
        self.turn(|status| match status {
            Status::Closed => Status::Closed,
            Status::Late => Status::Down(reason.into()),
            _ => Status::Connecting,
        });
        self.give_back(reason);
    }

    /// An attempt to connect failed, and another is made later.
    pub(crate) fn is_down(&self, reason: &str) {
        self.turn(|status| match status {
            Status::Closed => Status::Closed,
            _ => Status::Down(reason.into()),
        });
    }

    /// Takes no more commands. Those that a connection has are still answered, if it goes on.
    pub(crate) fn close(&self) {
        self.turn(|_| Status::Closed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state.lock().status, Status::Closed)
    }

    /// How many commands are still to be answered.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    fn turn(&self, to: impl FnOnce(Status) -> Status) {
        {
            let mut state = self.state.lock();
            let before = std::mem::replace(&mut state.status, Status::Closed);
            state.status = to(before);
        }
        self.changed.notify_waiters();
    }

    /// Answers what no connection took.
    pub(crate) fn give_back(&self, reason: &str) {
        let queued = {
            let mut state = self.state.lock();
            state.outgoing = Vec::new();
            std::mem::take(&mut state.queued)
        };
        self.refuse(queued, &reason.into());
    }

    fn refuse(&self, waiters: impl IntoIterator<Item = Waiter>, reason: &Arc<str>) {
        for mut waiter in waiters {
            self.answered(waiter.missing());
            waiter.fail(&Lost::NotSent(reason.clone()));
        }
    }
}

// === impl State ===

impl State {
    /// Wakes this task at the next command.
    fn wake(&mut self, context: &Context<'_>) {
        let waker = context.waker();
        let known = self.waker.as_ref();
        if !known.is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }
}

// === impl Waiter ===

impl Waiter {
    /// How many replies are still to come.
    pub(super) fn missing(&self) -> usize {
        match &self.sender {
            None => 0,
            Some(Sender::One(_)) => 1,
            Some(Sender::Many(_, _, missing) | Sender::Abandoned(missing)) => *missing,
        }
    }

    /// Takes a reply; whether it was the last one.
    pub(super) fn reply(&mut self, reply: Reply) -> bool {
        let reply = match reply {
            Reply::Whole(reply) => reply,
            Reply::TooLarge { bytes } => {
                let max = self.max_reply;
                self.fail(&Lost::TooLarge { bytes, max });
                Value::Nil
            }
        };
        match self.sender.take() {
            None => true,
            Some(Sender::One(sender)) => {
                // The caller may have given up.
                let _ = sender.send(Ok(reply));
                true
            }
            Some(Sender::Many(sender, mut replies, missing)) => {
                replies.push(reply);
                if missing == 1 {
                    let _ = sender.send(Ok(replies));
                    return true;
                }
                self.sender = Some(Sender::Many(sender, replies, missing - 1));
                false
            }
            Some(Sender::Abandoned(missing)) => {
                if missing == 1 {
                    return true;
                }
                self.sender = Some(Sender::Abandoned(missing - 1));
                false
            }
        }
    }

    /// Answers that no reply came; its place among the replies stays.
    pub(super) fn fail(&mut self, lost: &Lost) {
        let missing = self.missing();
        match self.sender.replace(Sender::Abandoned(missing)) {
            Some(Sender::One(sender)) => drop(sender.send(Err(lost.clone()))),
            Some(Sender::Many(sender, _, _)) => drop(sender.send(Err(lost.clone()))),
            None | Some(Sender::Abandoned(_)) => {}
        }
    }
}
