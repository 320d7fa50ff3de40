use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use keywell_store::{
    Bucket, Change, Error, Event, Expected, Filter, Result, Set, Since, Swap, Version, Watch,
};

use super::life::Life;
use super::options::WatchOptions;
use super::positions::json;
use super::record::Record;

/// How many shares the keys of a trigger are in. At most so many processes have work.
pub(super) const PARTITIONS: u8 = 16;

/// The processes that share a trigger's events, as one record that each of them renews.
///
/// Whoever is alone need not prove to anybody that it lives, so it renews no longer than it has
/// work, and hears when somebody comes.
///
/// No clock is compared with another one: a member counts up as a sign of life, and is dead to those
/// who have not seen its count move for the time of a lease by their own clocks. It holds what it
/// held no longer than that from when it last began to renew, by its own.
pub(super) struct Group {
    bucket: Arc<dyn Bucket>,
    trigger: String,
    member: String,
    lease: Duration,
    members: Option<PathBuf>,
    life: Option<Life>,
    seen: HashMap<String, Beat>,
    /// When the latest renewal that was written began.
    renewed: Option<Instant>,
    /// Tells what others write, where that can be watched.
    heard: Option<Watch>,
    /// What this process wrote last. Others may have written since.
    written: Option<(Record, Version)>,
}

struct Beat {
    count: u64,
    since: Instant,
}

/// What a renewal came to.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// What this process holds now.
    pub(super) held: Vec<u8>,
    /// What it holds beyond its due, and is to give away.
    pub(super) surplus: Vec<u8>,
    /// Whether somebody was there before, so that shares are taken over rather than begun.
    pub(super) is_known: bool,
    /// Whether others took this process for dead meanwhile, so that all it held was free to be
    /// taken, and may have been.
    pub(super) was_buried: bool,
    /// Whether nobody else is there, and it would be heard if somebody came.
    pub(super) is_alone: bool,
}

// === impl Group ===

impl Group {
    pub(super) fn new(
        bucket: Arc<dyn Bucket>,
        trigger: &str,
        member: String,
        options: &WatchOptions,
    ) -> Self {
        let life = options.members.as_ref().and_then(|members| {
            Life::begin(members, &member)
                .inspect_err(|error| tracing::warn!(trigger, %error, "others on this machine will not see at once when this process ends"))
                .ok()
        });
        Self {
            bucket,
            trigger: trigger.to_owned(),
            member,
            lease: options.lease,
            members: options.members.clone(),
            life,
            seen: HashMap::new(),
            renewed: None,
            heard: None,
            written: None,
        }
    }

    /// How often it is renewed.
    pub(super) fn period(&self) -> Duration {
        self.lease / 3
    }

    /// Until when what is held is surely held by nobody else.
    pub(super) fn valid_until(&self) -> Option<Instant> {
        self.renewed.map(|renewed| renewed + self.lease / 6 * 5)
    }

    /// Gives a sign of life, gives back `leaving`, takes over what the dead held, and takes what is
    /// free up to a fair share.
    pub(super) async fn renew(&mut self, leaving: &[u8]) -> Result<Shares> {
        self.listen().await;
        for _ in 0..Self::TRIES {
            let began = Instant::now();
            // While nobody else is there, it is as this process wrote it last.
            let written = self.written.take();
            let written = written.filter(|(record, _)| record.members.len() == 1);
            let (mut record, version) = match written {
                Some((record, version)) => (record, Some(version)),
                None => self.read().await?,
            };
            let is_known = version.is_some();
            let was_buried = self.renewed.is_some() && !record.members.contains_key(&self.member);
            self.bury(&mut record, Instant::now());
            record
                .owners
                .retain(|share, owner| *owner != self.member || !leaving.contains(share));
            *record.members.entry(self.member.clone()).or_default() += 1;
            let surplus = record.claim(&self.member);
            let held = record.held_by(&self.member);
            let is_alone = record.members.len() == 1 && self.heard.is_some();
            if self.write(record, version).await? {
                self.renewed = Some(began);
                return Ok(Shares {
                    held,
                    surplus,
                    is_known,
                    was_buried,
                    is_alone,
                });
            }
        }
        Err(Error::Unavailable(
            "others write the record of the group, too".into(),
        ))
    }

    /// Waits until somebody has written what is a reason to renew: that they came, that there are
    /// shares to take, or what was not heard whole.
    pub(super) async fn disturbed(&mut self) {
        let Some(watch) = &mut self.heard else {
            return std::future::pending().await;
        };
        while let Some(Ok(event)) = watch.next().await {
            let Event::Set { value, .. } = event else {
                return;
            };
            let is_known = |member: &str| self.seen.contains_key(member);
            if serde_json::from_slice(&value).map_or(true, |record: Record| {
                record.concerns(&self.member, is_known)
            }) {
                return;
            }
        }
        self.heard = None;
    }

    /// Begins to hear what others write. Where that fails it is tried again at the next renewal, and
    /// until then this process renews as if it were not alone.
    async fn listen(&mut self) {
        if self.heard.is_some() {
            return;
        }
        match self.bucket.watch(Filter::Key(self.key()), Since::Now).await {
            Ok(watch) => self.heard = Some(watch),
            Err(error) => {
                tracing::debug!(trigger = self.trigger, %error, "the record of the group cannot be watched");
            }
        }
    }

    /// Gives back all and leaves.
    pub(super) async fn leave(&mut self) -> Result<()> {
        for _ in 0..Self::TRIES {
            let (mut record, version) = self.read().await?;
            record.members.remove(&self.member);
            record.owners.retain(|_, owner| *owner != self.member);
            if version.is_none() || self.write(record, version).await? {
                break;
            }
        }
        self.life.take().into_iter().for_each(Life::end);
        Ok(())
    }

    /// Others that renew at the same time, each of which makes one try fail.
    const TRIES: usize = 64;

    fn key(&self) -> String {
        format!("groups/{}", self.trigger)
    }

    /// The record, and its version if there is one.
    async fn read(&mut self) -> Result<(Record, Option<Version>)> {
        let Some(entry) = self.bucket.get(&self.key()).await? else {
            return Ok((Record::default(), None));
        };
        let record = serde_json::from_slice(&entry.value).unwrap_or_else(|error| {
            tracing::warn!(trigger = self.trigger, %error, "the record of the group cannot be read, and is replaced");
            Record::default()
        });
        Ok((record, Some(entry.version)))
    }

    /// Removes those whose count has not moved for too long.
    fn bury(&mut self, record: &mut Record, now: Instant) {
        self.seen
            .retain(|member, _| record.members.contains_key(member));
        let mut dead = Vec::new();
        for (member, count) in &record.members {
            if *member == self.member {
                continue;
            }
            let new = || Beat {
                count: *count,
                since: now,
            };
            let beat = self.seen.entry(member.clone()).or_insert_with(new);
            if beat.count != *count {
                *beat = new();
            }
            let is_over = |members: &PathBuf| Life::is_over(members, member);
            let is_silent = now.saturating_duration_since(beat.since) > self.lease;
            if is_silent || self.members.as_ref().is_some_and(is_over) {
                dead.push(member.clone());
            }
        }
        for member in dead {
            let trigger = &*self.trigger;
            tracing::info!(
                trigger,
                member,
                "a process is gone; its share is taken over"
            );
            record.members.remove(&member);
        }
        let members = &record.members;
        record
            .owners
            .retain(|share, owner| *share < PARTITIONS && members.contains_key(owner));
    }

    /// Writes the record over that of a version, unless another was written meanwhile.
    async fn write(&mut self, record: Record, version: Option<Version>) -> Result<bool> {
        let expected = version.map_or(Expected::Absent, Expected::At);
        let change = Change::Set(json(&record)?, Set::default());
        let swap = self.bucket.swap(&self.key(), expected, change).await?;
        if let Swap::Done(version) = &swap {
            self.written = version.clone().map(|version| (record, version));
        }
        Ok(matches!(swap, Swap::Done(_)))
    }
}

/// The share that a key is in, the same in every process.
pub(super) fn partition(key: &str, partitions: u8) -> u8 {
    let hash = twox_hash::XxHash3_64::oneshot(key.as_bytes());
    let share = hash % u64::from(partitions.max(1));
    u8::try_from(share).expect("a remainder of a byte is a byte")
}

#[cfg(test)]
mod tests {
    use keywell_memory::MemoryStore;
    use keywell_store::{BucketName, Store as _};

    use super::*;

    const LEASE: Duration = Duration::from_millis(60);

    fn options() -> WatchOptions {
        WatchOptions {
            lease: LEASE,
            ..WatchOptions::default()
        }
    }

    async fn groups(members: usize) -> Vec<Group> {
        let store = MemoryStore::default();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        (0..members)
            .map(|member| Group::new(bucket.clone(), "t", format!("m{member}"), &options()))
            .collect()
    }

    /// Renews each, who gives back at once what is beyond its due.
    async fn round(groups: &mut [Group]) -> Vec<Vec<u8>> {
        let mut held = Vec::new();
        for group in groups {
            let shares = group.renew(&[]).await.unwrap();
            held.push(group.renew(&shares.surplus).await.unwrap().held);
        }
        held
    }

    #[tokio::test]
    async fn every_share_has_one_owner_and_all_have_as_many() {
        let mut groups = groups(3).await;
        assert_eq!(groups[0].renew(&[]).await.unwrap().held.len(), 16);
        round(&mut groups).await;
        round(&mut groups).await;
        let held = round(&mut groups).await;
        let mut numbers: Vec<usize> = held.iter().map(Vec::len).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [5, 5, 6]);
        let mut all = held.concat();
        all.sort_unstable();
        assert_eq!(all, (0..16).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn who_was_frozen_learns_that_it_was_replaced_and_knows_so_before() {
        let mut groups = groups(2).await;
        round(&mut groups).await;
        round(&mut groups).await;
        let (frozen, awake) = groups.split_at_mut(1);
        let (frozen, awake) = (&mut frozen[0], &mut awake[0]);
        let until = frozen.valid_until().unwrap();
        let taken_over = async {
            while awake.renew(&[]).await.unwrap().held.len() < 16 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), taken_over)
            .await
            .unwrap();
        assert!(
            Instant::now() > until,
            "its share was taken while it was valid"
        );
        let shares = frozen.renew(&[]).await.unwrap();
        assert!(shares.was_buried);
        assert!(shares.held.is_empty());
        assert!(!frozen.renew(&[]).await.unwrap().was_buried);
    }

    #[tokio::test]
    async fn who_is_alone_hears_who_comes_and_who_goes() {
        let mut groups = groups(2).await;
        let (old, new) = groups.split_at_mut(1);
        let (old, new) = (&mut old[0], &mut new[0]);
        assert!(old.renew(&[]).await.unwrap().is_alone);
        assert!(!new.renew(&[]).await.unwrap().is_alone);
        old.disturbed().await;
        let shares = old.renew(&[]).await.unwrap();
        assert!(!shares.is_alone);
        assert_eq!(shares.surplus.len(), 8);
        old.renew(&shares.surplus).await.unwrap();
        new.disturbed().await;
        assert_eq!(new.renew(&[]).await.unwrap().held.len(), 8);
        new.leave().await.unwrap();
        old.disturbed().await;
        let shares = old.renew(&[]).await.unwrap();
        assert!(shares.is_alone);
        assert_eq!(shares.held.len(), 16);
        let mut more = std::pin::pin!(old.disturbed());
        let waker = futures::task::noop_waker();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(more.as_mut().poll(&mut cx).is_pending(), "by its own write");
    }

    #[tokio::test]
    async fn who_leaves_gives_back_at_once() {
        let mut groups = groups(2).await;
        round(&mut groups).await;
        round(&mut groups).await;
        groups[0].leave().await.unwrap();
        assert_eq!(groups[1].renew(&[]).await.unwrap().held.len(), 16);
    }
}
