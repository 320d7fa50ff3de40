use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use keywell_store::{Bucket, Error, Event, Result, Watch};

use crate::watch::dead_letters::letter::{DeadLetter, Operation};
use crate::watch::dead_letters::letters::DeadLetters;
use crate::watch::dispatch::job::Change;
use crate::watch::intake::sources::is_passing;
use crate::watch::trigger::WatchTrigger;

/// How long to wait before the letters are asked again after they could not be, or were and cannot
/// be watched.
const PAUSE: Duration = Duration::from_secs(5);

/// How many times as long as looking took to wait at least, where the letters cannot be watched: a
/// store may go over all of its keys for it.
const REST: u32 = 20;

/// A letter that is to be sent again.
pub(crate) struct Replay {
    pub(crate) id: Arc<str>,
    pub(crate) change: Change,
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

// === impl WatchTrigger ===

impl WatchTrigger {
    /// The letters that are to be sent again: those that are marked now, then those that will be. It
    /// does not end.
    pub(crate) fn replays(&self) -> BoxStream<'static, Replay> {
        let reader = Reader {
            letters: self.letters.clone(),
            trigger: self.name.clone(),
            bucket: self.opener.bucket.clone(),
            watch: None,
            next_look: None,
            ids: VecDeque::new(),
        };
        stream::unfold(reader, |mut reader| async move {
            loop {
                match reader.next().await {
                    Ok(replay) => return Some((replay, reader)),
                    Err(error) => reader.pause(&error).await,
                }
            }
        })
        .boxed()
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
            (Operation::Delete, _) => None,
            (Operation::Set, Some(value)) => Some(value),
            (Operation::Set, None) => match self.bucket.get(&key).await {
                Ok(Some(entry)) => Some(entry.value),
                Ok(None) => {
                    let why = "it was kept without its value, and its key is gone";
                    return self.give_up(&id, why).await;
                }
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => {
                    let why = format!("it was kept without its value: {error}");
                    return self.give_up(&id, &why).await;
                }
            },
        };
        let key = key.into();
        Ok(Some(Replay {
            id: id.into(),
            change: Change { key, value },
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
                self.letters.watched();
            }
            Err(error) => {
                let pause = PAUSE.max(began.elapsed() * REST);
                if self.letters.unwatched() {
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
