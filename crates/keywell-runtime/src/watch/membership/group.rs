use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use keywell_store::{
    Bucket, Change, Error, Event, Expected, Filter, Result, Set, Since, Swap, Version, Watch,
};

use crate::watch::checkpoint::positions::json;
use crate::watch::membership::lock_file::Life;
use crate::watch::membership::record::Record;
use crate::watch::options::WatchOptions;

/// How many shares the keys of a trigger are in. At most so many processes have work.
pub(crate) const PARTITIONS: u8 = 16;

/// The processes that share a trigger's events, as one record that each of them renews.
///
/// Whoever is alone need not prove to anybody that it lives, so it renews no longer than it has
/// work, and hears when somebody comes.
///
/// No clock is compared with another one: a member counts up as a sign of life, and is dead to those
/// who have not seen its count move for the time of a lease by their own clocks. It holds what it
/// held no longer than that from when it last began to renew, by its own.
pub(crate) struct Group {
    bucket: Arc<dyn Bucket>,
    trigger: String,
    member: String,
    /// A digest of what the trigger is about. Whoever shares its events is about the same.
    pub(crate) about: String,
    /// Whether what is given away goes on being delivered here until another has it, as nobody
    /// could read again what came in between.
    overlaps: bool,
    /// What was given away so, and is not known to be another's.
    offered: BTreeSet<u8>,
    has_left: bool,
    /// Whether shares are being taken whose events others deliver until they are.
    claims: Arc<AtomicBool>,
    lease: Duration,
    members: Option<PathBuf>,
    life: Option<Life>,
    seen: HashMap<String, Beat>,
    /// When the latest renewal that was written began.
    renewed: Option<Instant>,
    /// Tells what others write, where that can be watched.
    pub(crate) heard: Option<Watch>,
    /// What this process wrote last. Others may have written since.
    pub(crate) written: Option<(Record, Version)>,
}

struct Beat {
    count: u64,
    since: Instant,
}

/// What a renewal came to.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    /// What this process holds now.
    pub(crate) held: Vec<u8>,
    /// What it holds beyond its due, and is to give away.
    pub(crate) surplus: Vec<u8>,
    /// What is free now, or was when this was written, of what was given away before.
    pub(crate) offered: Vec<u8>,
    /// What another has by now of what was given away.
    pub(crate) taken: Vec<u8>,
    /// What of it nobody took events of for a while.
    pub(crate) missed: Vec<u8>,
    /// Whether there are others, who are about something else. Then nothing was written.
    pub(crate) is_refused: bool,
    /// Whether others took this process for dead meanwhile, so that all it held was free to be
    /// taken, and may have been.
    pub(crate) was_buried: bool,
    /// Whether nobody else is there, and it would be heard if somebody came.
    pub(crate) is_alone: bool,
}

/// What was heard of others.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// What another has by now of what was given away.
    pub(crate) taken: Vec<u8>,
    /// Whether it is a reason to renew.
    pub(crate) is_reason: bool,
}

// === impl Group ===

impl Group {
    pub(crate) fn new(
        bucket: Arc<dyn Bucket>,
        trigger: &str,
        member: String,
        about: String,
        options: &WatchOptions,
    ) -> Self {
        Self {
            bucket,
            trigger: trigger.to_owned(),
            member,
            about,
            overlaps: false,
            offered: BTreeSet::new(),
            has_left: false,
            claims: Arc::default(),
            lease: options.lease,
            members: options.members.clone(),
            life: None,
            seen: HashMap::new(),
            renewed: None,
            heard: None,
            written: None,
        }
    }

    /// Has what is given away delivered here until another has it.
    pub(crate) fn overlapping(mut self, overlaps: bool) -> Self {
        self.overlaps = overlaps;
        self
    }

    /// Says, while it is renewed and until it is cleared, whether shares are being taken that overlap:
    /// events that come meanwhile may be this process's.
    pub(crate) fn claims(&self) -> Arc<AtomicBool> {
        self.claims.clone()
    }

    /// How often it is renewed.
    pub(crate) fn period(&self) -> Duration {
        self.lease / 3
    }

    /// Until when what is held is surely held by nobody else.
    pub(crate) fn valid_until(&self) -> Option<Instant> {
        self.renewed.map(|renewed| renewed + self.lease / 6 * 5)
    }

    /// Gives a sign of life, gives back `leaving`, takes over what the dead held, and takes what is
    /// free up to a fair share.
    pub(crate) async fn renew(&mut self, leaving: &[u8]) -> Result<Shares> {
        self.live();
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
            let was_buried = self.renewed.is_some() && !record.members.contains_key(&self.member);
            self.bury(&mut record, Instant::now());
            let is_first = !record.members.keys().any(|other| *other != self.member);
            if record.about != self.about && !is_first {
                return Ok(Shares {
                    is_refused: true,
                    ..Shares::default()
                });
            }
            if self.overlaps && record.members.is_empty() && version.is_some() {
                record.orphans.extend(0..PARTITIONS);
            }
            record.about.clone_from(&self.about);
            record.is_asked = false;
            record
                .owners
                .retain(|share, owner| *owner != self.member || !leaving.contains(share));
            *record.members.entry(self.member.clone()).or_default() += 1;
            let before = record.held_by(&self.member).len();
            let surplus = record.claim(&self.member);
            let held = record.held_by(&self.member);
            let missed: Vec<u8> = held
                .iter()
                .copied()
                .filter(|share| record.orphans.remove(share))
                .collect();
            let is_alone = record.members.len() == 1 && self.heard.is_some();
            let mut offered = self.offered.clone();
            if self.overlaps {
                offered.extend(leaving);
            }
            let (taken, offered): (Vec<u8>, Vec<u8>) = offered
                .into_iter()
                .filter(|share| !held.contains(share))
                .partition(|share| record.owners.contains_key(share));
            let claims = self.overlaps && held.len() > before;
            self.claims.store(claims, Ordering::Relaxed);
            if self.write(record, version).await? {
                self.renewed = Some(began);
                self.offered = offered.iter().copied().collect();
                return Ok(Shares {
                    held,
                    surplus,
                    offered,
                    taken,
                    missed,
                    is_refused: false,
                    was_buried,
                    is_alone,
                });
            }
            self.claims.store(false, Ordering::Relaxed);
        }
        Err(Error::Unavailable(
            "others write the record of the group, too".into(),
        ))
    }

    /// Shows others on this machine that this process lives, from when it first takes part.
    fn live(&mut self) {
        if self.renewed.is_some() || self.life.is_some() {
            return;
        }
        self.life = self.members.as_ref().and_then(|members| {
            let trigger = &*self.trigger;
            Life::begin(members, &self.member)
                .inspect_err(|error| tracing::warn!(trigger, %error, "others on this machine will not see at once when this process ends"))
                .ok()
        });
    }

    /// Waits until somebody has written what is a reason to renew: that they came, that there are
    /// shares to take, or what was not heard whole. Or until another has what was given away.
    pub(crate) async fn disturbed(&mut self) -> Heard {
        let unheard = Heard {
            taken: Vec::new(),
            is_reason: true,
        };
        let Some(watch) = &mut self.heard else {
            return std::future::pending().await;
        };
        while let Some(Ok(event)) = watch.next().await {
            let Event::Set { value, .. } = event else {
                return unheard;
            };
            let Ok(record) = serde_json::from_slice::<Record>(&value) else {
                return unheard;
            };
            let is_others = |share: &u8| {
                let owner = record.owners.get(share);
                owner.is_some_and(|owner| *owner != self.member)
            };
            let taken = self.offered.iter().copied();
            let taken: Vec<u8> = taken.filter(is_others).collect();
            self.offered.retain(|share| !taken.contains(share));
            let is_known = |member: &str| self.seen.contains_key(member);
            let is_reason = record.concerns(&self.member, is_known);
            if is_reason || !taken.is_empty() {
                return Heard { taken, is_reason };
            }
        }
        self.heard = None;
        unheard
    }

    /// Begins to hear what others write. Where that fails it is tried again at the next renewal, and
    /// until then this process renews as if it were not alone.
    pub(crate) async fn listen(&mut self) {
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

    /// Gives back all, and answers whether there are others to take it. What this process held it
    /// goes on delivering until they have.
    pub(crate) async fn depart(&mut self) -> Result<bool> {
        for _ in 0..Self::TRIES {
            let (mut record, version) = self.read().await?;
            let held = record.held_by(&self.member);
            record.members.remove(&self.member);
            record.owners.retain(|_, owner| *owner != self.member);
            let has_others = !record.members.is_empty();
            if version.is_none() || self.write(record, version).await? {
                self.offered.extend(held);
                self.has_left = true;
                return Ok(has_others);
            }
        }
        Err(Error::Unavailable(
            "others write the record of the group, too".into(),
        ))
    }

    /// Gives back all and leaves.
    pub(crate) async fn leave(&mut self) -> Result<()> {
        if !self.has_left {
            self.depart().await?;
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
    pub(crate) async fn read(&mut self) -> Result<(Record, Option<Version>)> {
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
    pub(crate) fn bury(&mut self, record: &mut Record, now: Instant) {
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
            if self.overlaps {
                let held = record.owners.iter().filter(|(_, owner)| **owner == member);
                record.orphans.extend(held.map(|(share, _)| *share));
            }
        }
        let members = &record.members;
        record
            .owners
            .retain(|share, owner| *share < PARTITIONS && members.contains_key(owner));
    }

    /// Writes the record over that of a version, unless another was written meanwhile.
    pub(crate) async fn write(&mut self, record: Record, version: Option<Version>) -> Result<bool> {
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
pub(crate) fn partition(key: &str, partitions: u8) -> u8 {
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
            .map(|member| {
                Group::new(
                    bucket.clone(),
                    "t",
                    format!("m{member}"),
                    "a".to_owned(),
                    &options(),
                )
            })
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
