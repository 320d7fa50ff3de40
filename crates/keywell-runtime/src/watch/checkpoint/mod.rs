//! How a [`Run`] stores its positions.

pub(crate) mod positions;
pub(crate) mod progress;
pub(crate) mod storage;

use std::time::{Duration, Instant};

use keywell_store::{ResumeToken, Version};

use crate::watch::checkpoint::positions::Lost;
use crate::watch::run::Run;

/// How storing a position ended.
pub(crate) struct Flushed {
    partition: u8,
    holding: u64,
    token: ResumeToken,
    ended: keywell_store::Result<Result<Option<Version>, Lost>>,
}

// === impl Run ===

impl Run {
    /// How often positions are stored while events come without a pause. Otherwise they are stored
    /// at once.
    const FLUSH_EVERY: Duration = Duration::from_millis(50);
    /// How often they are stored when all that moved is what nobody subscribed to.
    const FLUSH_IDLE_EVERY: Duration = Duration::from_secs(1);

    pub(crate) fn flush_due(&self) -> Instant {
        let pause = if self.has_news {
            Duration::ZERO
        } else {
            Self::FLUSH_IDLE_EVERY
        };
        self.flush_after + pause
    }

    pub(crate) fn flush(&mut self, now: Instant) {
        let Some(positions) = &self.trigger.positions else {
            return;
        };
        let is_idle = self.has_news && self.flush_failures == 0 && self.lanes.events() == 0;
        if self.flush.is_some() || !(is_idle || now >= self.flush_due()) {
            return;
        }
        let unstored: Vec<_> = self
            .partitions
            .values()
            .filter_map(|held| {
                let token = held.unstored()?.clone();
                Some((held.number, held.holding, token, held.version.clone()))
            })
            .collect();
        self.has_news = false;
        if unstored.is_empty() {
            return;
        }
        self.flush_after = now + Self::FLUSH_EVERY;
        let positions = positions.clone();
        self.flush = Some(Box::pin(async move {
            let stores = unstored
                .into_iter()
                .map(|(partition, holding, token, version)| {
                    let positions = positions.clone();
                    async move {
                        let ended = positions.store(partition, &token, version).await;
                        Flushed {
                            partition,
                            holding,
                            token,
                            ended,
                        }
                    }
                });
            futures::future::join_all(stores).await
        }));
    }

    pub(crate) fn flushed(&mut self, flushed: Vec<Flushed>) {
        self.flush = None;
        let mut failed = None;
        for Flushed {
            partition,
            holding,
            token,
            ended,
        } in flushed
        {
            let held = self.partitions.get_mut(&partition);
            let Some(held) = held.filter(|held| held.holding == holding) else {
                continue;
            };
            match ended {
                Ok(Ok(version)) => held.stored(token, version),
                Ok(Err(Lost)) => {
                    let trigger = &*self.trigger.name;
                    tracing::warn!(trigger, partition, "another process has taken over a share");
                    self.lose(partition);
                    if let Some(membership) = &mut self.membership {
                        membership.drop_partitions([partition].into());
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        let Some(error) = failed else {
            self.flush_failures = 0;
            return;
        };
        self.has_news = true;
        self.flush_failures = self.flush_failures.saturating_add(1);
        let pause = self.trigger.options.backoff.after(self.flush_failures);
        self.flush_after = Instant::now() + pause;
        tracing::warn!(trigger = &*self.trigger.name, %error, ?pause, "the position cannot be stored; trying again");
    }

    /// Lets positions move on where nothing is delivered, before the history has left them behind.
    pub(crate) fn checkpoint(&mut self, now: Instant) {
        if self.is_resumable() && now >= self.checkpoint_at {
            self.checkpoint_at = now + self.trigger.options.checkpoint;
            self.pass();
        }
    }

    /// Lets positions move past what nobody subscribed to or others have.
    pub(crate) fn pass(&mut self) {
        for source in self.sources.iter_mut() {
            source.advance();
            for share in &source.partitions {
                if let Some(held) = self.partitions.get_mut(share) {
                    held.pass(source.last.as_ref());
                }
            }
        }
    }
}
