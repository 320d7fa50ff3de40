//! The loop of a watch over a history, once for every store: replay what came after a position,
//! then follow.
//!
//! A store implements [`Feed`]: a read of what came after a position, and a wait for more. [`follow`]
//! makes a [`Watch`] of one feed, or of several that it merges, such as the shards of a bucket;
//! [`follow_live`] makes one that does not resume. Such a watch
//!
//! - delivers the events of a feed in order and each once, and misses none between a read and a wait;
//! - has tokens for positions up to which it delivered every event of each feed;
//! - works only while it is polled, and reads on only once everything read is delivered, so that a
//!   slow reader holds one [`Chunk`] of each feed;
//! - does not hold the thread of the executor while it reads past changes that it excludes;
//! - ends with the first error, and drops its feeds then, or when it is dropped.
//!
//! It spawns nothing and needs no particular runtime.
//!
//! ```
//! use futures::StreamExt as _;
//! use keywell_store::feed::{self, Chunk, Feed};
//! use keywell_store::{Error, Event, Result, ResumeToken};
//! use tokio::sync::watch;
//!
//! /// A bucket whose only key is deleted again and again. A position is the number of a deletion.
//! struct Deletions(watch::Receiver<u64>);
//!
//! impl Feed for Deletions {
//!     type Position = u64;
//!
//!     async fn after(&mut self, position: &u64) -> Result<Chunk<u64>> {
//!         let upto = *self.0.borrow();
//!         let (key, expired, token) = ("k".to_owned(), false, None);
//!         let event = Event::Delete { key, expired, token };
//!         let events = (position + 1..=upto).map(|number| (number, event.clone()));
//!         Ok(Chunk { events: events.collect(), upto })
//!     }
//!
//!     async fn wait(&mut self, position: &u64) -> Result<()> {
//!         let last = self.0.wait_for(|last| last > position).await;
//!         last.map(drop).map_err(|_| Error::Unavailable("the store was closed".into()))
//!     }
//! }
//!
//! let (last, deletions) = watch::channel(7);
//! let token = |positions: &[u64]| ResumeToken::from(positions[0].to_string());
//! let mut watch = feed::follow([(Deletions(deletions), 6)], token);
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let event = watch.next().await.unwrap()?;
//! assert_eq!(event.token().unwrap().as_str(), "7");
//! last.send_replace(8);
//! let event = watch.next().await.unwrap()?;
//! assert_eq!(event.token().unwrap().as_str(), "8");
//! # Ok::<_, Error>(())
//! # }).unwrap();
//! ```

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use futures::stream::{self, BoxStream, StreamExt as _};
use parking_lot::Mutex;

use crate::{Event, Result, ResumeToken, Watch};

/// The changes of a bucket, or of a part of it, in order: for one watch, which reads them from a
/// position on.
///
/// The watch makes one call at a time and awaits it. It drops the future of a call only together with
/// the feed.
pub trait Feed: Send + 'static {
    /// A place just after a change, or before the first.
    type Position: Clone + PartialEq + Send + Sync + 'static;

    /// Reads some of the changes after a position: as many as a slow reader may hold in memory, but at
    /// least one. A chunk without events that ends at the position itself means that there are none
    /// for now; the watch then [waits](Self::wait).
    ///
    /// # Errors
    ///
    /// [`Compacted`](crate::Invalid::Compacted) if the next change is no longer kept, and
    /// [`Unavailable`](crate::Error::Unavailable) once the store is closed. An error ends the watch. A
    /// feed that rather retries answers that there are no changes for now, and backs off while it
    /// waits.
    fn after(
        &mut self,
        position: &Self::Position,
    ) -> impl Future<Output = Result<Chunk<Self::Position>>> + Send;

    /// Waits until there may be changes after a position, at which [`after`](Self::after) has just
    /// found none.
    ///
    /// It must not sleep over a change that came since that call began. So it either compares the
    /// position again once what wakes it is registered, or `after` marks what wakes it as seen before
    /// it reads. It may return early.
    ///
    /// # Errors
    ///
    /// As for [`after`](Self::after).
    fn wait(&mut self, position: &Self::Position) -> impl Future<Output = Result<()>> + Send;

    /// Whether [`Watch::reached`] moves from a position to one up to which the watch excludes
    /// everything. It does at once unless a store moves it in steps.
    fn skips(&self, _reached: &Self::Position, _upto: &Self::Position) -> bool {
        true
    }
}

/// The result of one read of a [`Feed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk<P> {
    /// The events that the watch delivers, without tokens, each with the position just after it.
    pub events: VecDeque<(P, Event)>,
    /// How far it read: the position of the last event, or one after it.
    pub upto: P,
}

/// One feed, and how far it is read and delivered.
struct Follower<F: Feed> {
    feed: F,
    /// How far it is read.
    position: F::Position,
    /// Read and not yet delivered.
    ready: VecDeque<(F::Position, Event)>,
    /// Where the feed stands among those of the watch.
    index: usize,
    /// `None` if the watch does not resume.
    reached: Option<Arc<Reached<F::Position>>>,
}

/// How far all feeds of a watch are delivered.
struct Reached<P> {
    positions: Mutex<Vec<P>>,
    token: Token<P>,
}

/// Makes a token of a position of each feed.
type Token<P> = Box<dyn Fn(&[P]) -> ResumeToken + Send + Sync>;

/// Watches one feed or several, each from its position on; with no feed, the watch ends at once.
/// `token` makes a token of a position of each feed, in their order.
///
/// Events of different feeds come in no particular order, and a feed that waits holds up no other.
/// The token of an event is for its feed just after it, and for the others as delivered.
pub fn follow<F: Feed>(
    feeds: impl IntoIterator<Item = (F, F::Position)>,
    token: impl Fn(&[F::Position]) -> ResumeToken + Send + Sync + 'static,
) -> Watch {
    let feeds: Vec<_> = feeds.into_iter().collect();
    let positions = feeds.iter().map(|(_, position)| position.clone());
    let reached = Arc::new(Reached {
        positions: Mutex::new(positions.collect()),
        token: Box::new(token),
    });
    let events = stream::unfold(Some(merge(feeds, Some(&reached))), next);
    Watch::new(Some(reached.token()), events).reaching(move || reached.token())
}

/// Watches one feed or several as [`follow`] does, without tokens.
pub fn follow_live<F: Feed>(feeds: impl IntoIterator<Item = (F, F::Position)>) -> Watch {
    Watch::new(None, stream::unfold(Some(merge(feeds, None)), next))
}

type Events = BoxStream<'static, Result<Event>>;

/// The events of all feeds, each as it comes.
fn merge<F: Feed>(
    feeds: impl IntoIterator<Item = (F, F::Position)>,
    reached: Option<&Arc<Reached<F::Position>>>,
) -> Events {
    let followers = feeds.into_iter().enumerate();
    let followers = followers.map(|(index, (feed, position))| Follower {
        feed,
        position,
        ready: VecDeque::new(),
        index,
        reached: reached.cloned(),
    });
    let mut each: Vec<_> = followers.map(Follower::events).collect();
    if each.len() > 1 {
        return stream::select_all(each).boxed();
    }
    // Merging allocates for each event.
    each.pop().unwrap_or_else(|| stream::empty().boxed())
}

/// The next event, until the first error.
async fn next(events: Option<Events>) -> Option<(Result<Event>, Option<Events>)> {
    let mut events = events?;
    let next = events.next().await?;
    let events = next.is_ok().then_some(events);
    Some((next, events))
}

// === impl Follower ===

impl<F: Feed> Follower<F> {
    fn events(self) -> Events {
        stream::unfold(self, async |mut follower| {
            let next = follower.next().await;
            Some((next, follower))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some((position, event)) = self.ready.pop_front() {
                return Ok(self.deliver(position, event));
            }
            self.skip();
            let Chunk { events, upto } = self.feed.after(&self.position).await?;
            if !events.is_empty() {
                self.ready = events;
                self.position = upto;
            } else if upto != self.position {
                self.position = upto;
                self.skip();
                // Many changes that the watch excludes must not hold the thread.
                yield_now().await;
            } else {
                self.feed.wait(&self.position).await?;
            }
        }
    }

    fn deliver(&self, position: F::Position, event: Event) -> Event {
        let Some(reached) = &self.reached else {
            return event;
        };
        let mut positions = reached.positions.lock();
        positions[self.index] = position;
        event.with_token((reached.token)(&positions))
    }

    /// Moves the reported position past what was read and is not delivered.
    fn skip(&self) {
        if let Some(reached) = &self.reached {
            let mut positions = reached.positions.lock();
            if self.feed.skips(&positions[self.index], &self.position) {
                positions[self.index] = self.position.clone();
            }
        }
    }
}

// === impl Reached ===

impl<P> Reached<P> {
    fn token(&self) -> ResumeToken {
        (self.token)(&self.positions.lock())
    }
}

/// Lets other tasks of the executor run once.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};
    use std::thread;

    use futures::FutureExt as _;

    use super::*;
    use crate::Error;

    /// Changes, and who waits for more.
    #[derive(Default)]
    struct Log {
        changes: Mutex<Vec<Change>>,
        waiting: Mutex<Vec<Waker>>,
        reads: AtomicUsize,
    }

    #[derive(Clone, Copy)]
    enum Change {
        Of(&'static str),
        Excluded,
        Gap,
        Failure,
    }

    use Change::{Excluded, Failure, Of};

    /// Reads at most three changes at a time.
    struct LogFeed {
        log: Arc<Log>,
        /// What happens between a read that finds nothing and the wait.
        between: Option<fn(&Log)>,
        /// How many excluded changes advance the reported position.
        step: usize,
    }

    impl Log {
        fn write(&self, changes: impl IntoIterator<Item = Change>) {
            self.changes.lock().extend(changes);
            for waiting in self.waiting.lock().drain(..) {
                waiting.wake();
            }
        }

        fn reads(&self) -> usize {
            self.reads.load(Ordering::Relaxed)
        }
    }

    impl Feed for LogFeed {
        type Position = usize;

        async fn after(&mut self, position: &usize) -> Result<Chunk<usize>> {
            self.log.reads.fetch_add(1, Ordering::Relaxed);
            let mut chunk = Chunk {
                events: VecDeque::new(),
                upto: *position,
            };
            for change in self.log.changes.lock().iter().skip(*position).take(3) {
                let event = match change {
                    Of(key) => Some(deleted(key)),
                    Change::Gap => Some(Event::Gap),
                    Excluded => None,
                    Failure if chunk.upto == *position => return Err(closed()),
                    Failure => break,
                };
                chunk.upto += 1;
                chunk.events.extend(event.map(|event| (chunk.upto, event)));
            }
            if chunk.upto == *position
                && let Some(between) = self.between.take()
            {
                between(&self.log);
            }
            Ok(chunk)
        }

        async fn wait(&mut self, position: &usize) -> Result<()> {
            poll_fn(|cx| {
                self.log.waiting.lock().push(cx.waker().clone());
                if self.log.changes.lock().len() > *position {
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending
            })
            .await
        }

        fn skips(&self, reached: &usize, upto: &usize) -> bool {
            upto - reached >= self.step
        }
    }

    fn deleted(key: &str) -> Event {
        Event::Delete {
            key: key.to_owned(),
            expired: false,
            token: None,
        }
    }

    fn closed() -> Error {
        Error::Unavailable("it is closed".into())
    }

    fn feed(log: &Arc<Log>) -> LogFeed {
        LogFeed {
            log: log.clone(),
            between: None,
            step: 0,
        }
    }

    fn log(changes: impl IntoIterator<Item = Change>) -> Arc<Log> {
        let log = Arc::<Log>::default();
        log.write(changes);
        log
    }

    fn token(positions: &[usize]) -> ResumeToken {
        let texts: Vec<_> = positions.iter().map(usize::to_string).collect();
        ResumeToken::from(texts.join("-"))
    }

    /// A key and a token, if there is an event by now; `-` for what it has none of.
    fn now(watch: &mut Watch) -> Option<String> {
        let event = watch.next().now_or_never()?.unwrap().unwrap();
        let token = event.token().map_or("-", ResumeToken::as_str);
        Some(format!("{} {token}", event.key().unwrap_or("-")))
    }

    fn reached(watch: &Watch) -> String {
        watch.reached().unwrap().as_str().to_owned()
    }

    #[test]
    fn a_watch_replays_and_then_follows() {
        let log = log([Of("missed"), Of("a"), Of("b"), Of("c"), Of("d")]);
        let mut watch = follow([(feed(&log), 1)], token);
        assert_eq!(watch.start(), Some(&token(&[1])));
        for expected in ["a 2", "b 3", "c 4", "d 5"] {
            assert_eq!(now(&mut watch).as_deref(), Some(expected));
        }
        assert_eq!(now(&mut watch), None);
        log.write([Of("e")]);
        assert_eq!(now(&mut watch).as_deref(), Some("e 6"));
        assert_eq!(reached(&watch), "6");
    }

    #[test]
    fn it_reads_on_only_once_everything_is_delivered() {
        let log = log([Of("a"), Of("b"), Of("c"), Of("d")]);
        let mut watch = follow([(feed(&log), 0)], token);
        assert_eq!(log.reads(), 0);
        for _ in 0..3 {
            now(&mut watch);
            assert_eq!(log.reads(), 1);
        }
        now(&mut watch);
        assert_eq!(log.reads(), 2);
    }

    #[test]
    fn a_change_between_a_read_and_the_wait_is_delivered() {
        let log = log([]);
        let racing = LogFeed {
            between: Some(|log| log.write([Of("a")])),
            ..feed(&log)
        };
        let mut watch = follow([(racing, 0)], token);
        assert_eq!(now(&mut watch).as_deref(), Some("a 1"));
    }

    #[tokio::test]
    async fn no_change_of_another_thread_is_missed() {
        const CHANGES: usize = 20_000;
        let logs = [log([]), log([])];
        let mut watch = follow(logs.iter().map(|log| (feed(log), 0)), token);
        let writers = logs.clone().map(|log| {
            thread::spawn(move || {
                for number in 0..CHANGES {
                    log.write([if number % 3 == 0 { Of("k") } else { Excluded }]);
                }
                log.write([Of("end")]);
            })
        });
        let (mut events, mut ends) = (0, 0);
        while ends < logs.len() {
            let event = watch.next().await.unwrap().unwrap();
            events += 1;
            ends += usize::from(event.key() == Some("end"));
        }
        assert_eq!(events, 2 * (CHANGES.div_ceil(3) + 1));
        for writer in writers {
            writer.join().unwrap();
        }
    }

    #[test]
    fn the_reported_position_moves_past_excluded_changes() {
        let log = log([Of("a"), Excluded, Excluded]);
        let mut watch = follow([(feed(&log), 0)], token);
        assert_eq!(reached(&watch), "0");
        assert_eq!(now(&mut watch).as_deref(), Some("a 1"));
        assert_eq!(reached(&watch), "1");
        assert_eq!(now(&mut watch), None);
        assert_eq!(reached(&watch), "3");
        log.write([Excluded]);
        assert_eq!(now(&mut watch), None);
        assert_eq!(reached(&watch), "4", "also when a read gives no event");
    }

    #[test]
    fn the_reported_position_moves_in_the_steps_of_the_feed() {
        let log = log([]);
        let stepping = LogFeed {
            step: 4,
            ..feed(&log)
        };
        let mut watch = follow([(stepping, 0)], token);
        for expected in ["0", "0", "0", "4", "4"] {
            log.write([Excluded]);
            assert_eq!(now(&mut watch), None);
            assert_eq!(reached(&watch), expected);
        }
        log.write([Of("a")]);
        assert_eq!(now(&mut watch).as_deref(), Some("a 6"));
        assert_eq!(reached(&watch), "6", "an event moves it in any case");
    }

    #[test]
    fn an_event_of_several_feeds_carries_the_positions_of_all() {
        let (one, other, idle) = (log([Of("a"), Excluded]), log([]), log([]));
        let feeds = [(feed(&one), 0), (feed(&other), 0), (feed(&idle), 0)];
        let mut watch = follow(feeds, token);
        assert_eq!(watch.start(), Some(&token(&[0, 0, 0])));
        assert_eq!(now(&mut watch).as_deref(), Some("a 1-0-0"));
        assert_eq!(now(&mut watch), None);
        assert_eq!(reached(&watch), "2-0-0");
        other.write([Of("b"), Of("c")]);
        assert_eq!(now(&mut watch).as_deref(), Some("b 2-1-0"));
        assert_eq!(now(&mut watch).as_deref(), Some("c 2-2-0"));
        one.write([Of("d")]);
        assert_eq!(now(&mut watch).as_deref(), Some("d 3-2-0"));
    }

    #[test]
    fn the_first_error_ends_the_watch_and_drops_every_feed() {
        let logs = [log([Of("a"), Failure]), log([])];
        let kept: Vec<Weak<Log>> = logs.iter().map(Arc::downgrade).collect();
        let mut watch = follow(logs.iter().map(|log| (feed(log), 0)), token);
        drop(logs);
        assert_eq!(now(&mut watch).as_deref(), Some("a 1-0"));
        let end = watch.next().now_or_never().flatten();
        assert!(matches!(end, Some(Err(Error::Unavailable(_)))), "{end:?}");
        assert!(kept.iter().all(|log| log.upgrade().is_none()));
        assert!(matches!(watch.next().now_or_never(), Some(None)));
        assert_eq!(reached(&watch), "1-0");
    }

    #[test]
    fn a_read_without_events_lets_other_tasks_run() {
        struct Wakes(AtomicUsize);
        impl Wake for Wakes {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let log = log([Excluded; 9]);
        let mut watch = follow([(feed(&log), 0)], token);
        let woken = Arc::new(Wakes(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let mut poll = || watch.poll_next_unpin(&mut Context::from_waker(&waker));
        for reads in 1..=3 {
            assert!(poll().is_pending());
            assert_eq!(log.reads(), reads);
            assert_eq!(woken.0.load(Ordering::Relaxed), reads);
        }
        assert!(poll().is_pending());
        assert_eq!(woken.0.load(Ordering::Relaxed), 3, "then it sleeps");
    }

    #[test]
    fn a_live_watch_has_no_tokens() {
        let log = log([Of("a"), Change::Gap, Of("b")]);
        let mut watch = follow_live([(feed(&log), 0)]);
        for expected in ["a -", "- -", "b -"] {
            assert_eq!(now(&mut watch).as_deref(), Some(expected));
        }
        assert_eq!((watch.start(), watch.reached()), (None, None));
        let mut resuming = follow([(feed(&log), 1)], token);
        assert_eq!(now(&mut resuming).as_deref(), Some("- -"));
        assert_eq!(reached(&resuming), "2");
    }
}
