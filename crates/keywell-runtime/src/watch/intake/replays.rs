//! Dead letters that are to be delivered again.
//!
//! Every letter that is marked is read once, in the order of the marks where the store lists in
//! order. Where marks cannot be watched, they are looked for from time to time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use keywell_store::{Bucket, Error, Event, Result, Watch};

use crate::watch::dead_letters::{DeadLetter, DeadLetters};
use crate::watch::event::{KeyEvent, WatchedOperation};

/// How long to wait before the letters are asked again after they could not be, or were and cannot
/// be watched.
const PAUSE: Duration = Duration::from_secs(5);

/// How many times as long as looking took to wait at least, where the letters cannot be watched: a
/// store may go over all of its keys for it.
const REST: u32 = 20;

/// The letters of a trigger that are to be delivered again.
pub(crate) struct Replays {
    letters: DeadLetters,
    trigger: Arc<str>,
    /// The bucket that is watched.
    bucket: Arc<dyn Bucket>,
    stream: BoxStream<'static, Replay>,
    /// The letters that are under way, each with whether it was marked again meanwhile.
    marked: HashMap<Arc<str>, bool>,
}

/// A letter that is to be delivered again.
pub(crate) struct Replay {
    pub(crate) id: Arc<str>,
    pub(crate) event: KeyEvent,
}

struct Reader {
    letters: DeadLetters,
    trigger: Arc<str>,
    /// The bucket that is watched.
    bucket: Arc<dyn Bucket>,
    watch: Option<Watch>,
    /// When to look again, where there can be no watch.
    next_look: Option<Instant>,
    ids: VecDeque<String>,
}

// === impl Replays ===

impl Replays {
    pub(crate) fn new(letters: DeadLetters, trigger: Arc<str>, bucket: Arc<dyn Bucket>) -> Self {
        let mut replays = Self {
            letters,
            trigger,
            bucket,
            stream: stream::pending().boxed(),
            marked: HashMap::new(),
        };
        replays.look_again();
        replays
    }

    /// Looks for marked letters again, as there are partitions that were not held before.
    pub(crate) fn look_again(&mut self) {
        let reader = Reader {
            letters: self.letters.clone(),
            trigger: self.trigger.clone(),
            bucket: self.bucket.clone(),
            watch: None,
            next_look: None,
            ids: VecDeque::new(),
        };
        self.stream = stream::unfold(reader, |mut reader| async move {
            loop {
                match reader.next().await {
                    Ok(replay) => return Some((replay, reader)),
                    Err(error) => reader.pause(&error).await,
                }
            }
        })
        .boxed();
    }

    /// The next marked letter: those that are marked now, then those that will be.
    pub(crate) async fn next(&mut self) -> Replay {
        match self.stream.next().await {
            Some(replay) => replay,
            None => std::future::pending().await,
        }
    }

    /// Begins to deliver a letter. Returns whether it was not under way.
    pub(crate) fn begin(&mut self, id: &Arc<str>) -> bool {
        let is_new = !self.marked.contains_key(id);
        self.marked.insert(id.clone(), !is_new);
        is_new
    }

    /// A letter was delivered, or is a dead letter again. Looks for it again where it was marked
    /// meanwhile.
    pub(crate) fn end(&mut self, id: &str) {
        if self.marked.remove(id) == Some(true) {
            self.look_again();
        }
    }

    /// A letter is another process's to deliver.
    pub(crate) fn forget(&mut self, id: &str) {
        self.marked.remove(id);
    }
}

// === impl Reader ===

impl Reader {
    async fn next(&mut self) -> Result<Replay> {
        loop {
            while let Some(id) = self.ids.pop_front() {
                if let Some(replay) = self.read(&id).await? {
                    return Ok(replay);
                }
            }
            match &mut self.watch {
                None => self.look().await?,
                Some(watch) => match watch.next().await {
                    Some(Ok(Event::Set { key, .. })) => {
                        let id = key.strip_prefix(DeadLetters::REPLAYS).map(str::to_owned);
                        self.ids.extend(id);
                    }
                    Some(Ok(Event::Gap)) | None => self.watch = None,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                },
            }
        }
    }

    /// Reads a marked letter. One that cannot be sent loses its mark, and stays.
    async fn read(&mut self, id: &str) -> Result<Option<Replay>> {
        let letter = match self.letters.get(id).await {
            Ok(Some(letter)) => letter,
            Ok(None) => return self.give_up(id, "there is no such dead letter").await,
            Err(Error::Corrupt(_)) => return self.give_up(id, "it cannot be read").await,
            Err(error) => return Err(error),
        };
        let DeadLetter {
            id,
            operation,
            key,
            value,
            ..
        } = letter;
        let value = match (operation, value) {
            (WatchedOperation::Delete, _) => None,
            (WatchedOperation::Set, Some(value)) => Some(value),
            (WatchedOperation::Set, None) => match self.bucket.get(&key).await {
                Ok(Some(entry)) => Some(entry.value),
                Ok(None) => {
                    let why = "it was kept without its value, and its key is gone";
                    return self.give_up(&id, why).await;
                }
                Err(error) if error.may_pass() => return Err(error),
                Err(error) => {
                    let why = format!("it was kept without its value: {error}");
                    return self.give_up(&id, &why).await;
                }
            },
        };
        let key = key.into();
        Ok(Some(Replay {
            id: id.into(),
            event: KeyEvent { key, value },
        }))
    }

    async fn give_up(&mut self, id: &str, why: &str) -> Result<Option<Replay>> {
        let trigger = &*self.trigger;
        tracing::warn!(trigger, id, "a dead letter is not sent again: {why}");
        self.letters.unmark(id).await?;
        Ok(None)
    }

    /// Watches first and lists then, so that no mark falls in between. Where nothing can be watched,
    /// what is listed is sent all the same, and the next look is after a while.
    async fn look(&mut self) -> Result<()> {
        if let Some(at) = self.next_look.take() {
            tokio::time::sleep_until(at.into()).await;
        }
        let watch = self.letters.watch(&self.trigger).await;
        let began = Instant::now();
        let mut cursor = None;
        loop {
            let (ids, next) = self.letters.replaying(&self.trigger, cursor).await?;
            self.ids.extend(ids);
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        match watch {
            Ok(watch) => {
                self.watch = Some(watch);
                self.letters.note_watched();
            }
            Err(error) => {
                let pause = PAUSE.max(began.elapsed() * REST);
                if self.letters.note_unwatched() {
                    tracing::warn!(trigger = &*self.trigger, %error, ?pause, "the dead letters cannot be watched; those that are to be sent again are looked for from time to time");
                }
                self.next_look = Some(Instant::now() + pause);
            }
        }
        Ok(())
    }

    /// A store that cannot list is not asked again; any other is, after a while.
    async fn pause(&mut self, error: &Error) {
        self.watch = None;
        if matches!(error, Error::Unsupported(_) | Error::AccessDenied(_)) {
            tracing::warn!(trigger = &*self.trigger, %error, "dead letters cannot be sent again while the trigger runs");
            return std::future::pending().await;
        }
        tracing::warn!(trigger = &*self.trigger, %error, "cannot see which dead letters are to be sent again");
        tokio::time::sleep_until((Instant::now() + PAUSE).into()).await;
    }
}
