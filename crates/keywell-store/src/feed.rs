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
mod tests;
