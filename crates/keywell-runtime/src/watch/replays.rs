use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use keywell_store::{Error, Event, Result, Watch};

use super::letter::DeadLetter;
use super::letters::DeadLetters;

/// How long to wait before the letters are asked again after they could not be.
const PAUSE: Duration = Duration::from_secs(5);

/// The letters of a trigger that are to be sent again: those that are marked now, then those that
/// will be. It does not end.
pub(super) fn replays(letters: DeadLetters, trigger: Arc<str>) -> BoxStream<'static, DeadLetter> {
    let reader = Reader {
        letters,
        trigger,
        watch: None,
        ids: VecDeque::new(),
    };
    stream::unfold(reader, |mut reader| async move {
        loop {
            match reader.next().await {
                Ok(letter) => return Some((letter, reader)),
                Err(error) => reader.pause(&error).await,
            }
        }
    })
    .boxed()
}

struct Reader {
    letters: DeadLetters,
    trigger: Arc<str>,
    watch: Option<Watch>,
    ids: VecDeque<String>,
}

// === impl Reader ===

impl Reader {
    async fn next(&mut self) -> Result<DeadLetter> {
        loop {
            while let Some(id) = self.ids.pop_front() {
                match self.letters.get(&id).await {
                    Ok(Some(letter)) => return Ok(letter),
                    Ok(None) | Err(Error::Corrupt(_)) => {
                        tracing::warn!(
                            trigger = &*self.trigger,
                            id,
                            "there is no such dead letter to send again"
                        );
                        self.letters.remove(&id).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
            match &mut self.watch {
                None => self.open().await?,
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

    /// Watches first and lists then, so that no mark falls in between.
    async fn open(&mut self) -> Result<()> {
        let watch = self.letters.watch(&self.trigger).await?;
        let mut cursor = None;
        loop {
            let (ids, next) = self.letters.replaying(&self.trigger, cursor).await?;
            self.ids.extend(ids);
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        self.watch = Some(watch);
        Ok(())
    }

    /// A store that cannot watch or list is not asked again; any other is, after a while.
    async fn pause(&mut self, error: &Error) {
        self.watch = None;
        if matches!(error, Error::Unsupported(_) | Error::AccessDenied(_)) {
            tracing::info!(trigger = &*self.trigger, %error, "dead letters cannot be sent again while the trigger runs");
            return std::future::pending().await;
        }
        tracing::warn!(trigger = &*self.trigger, %error, "cannot see which dead letters are to be sent again");
        tokio::time::sleep_until((Instant::now() + PAUSE).into()).await;
    }
}
