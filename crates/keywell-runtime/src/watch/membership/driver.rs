//! Performs what a [`Member`] decides: reads, swaps and watches the record of its group in a bucket,
//! and keeps its lock file.
//!
//! - One request is under way at a time, and only while [`Membership::changed`] is polled.
//! - Nothing is decided here: what an answer means is the member's to say.
//! - Dropping it releases the lock file's lock, so others on this machine see that the member ended.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_store::{
    BoxFuture, Bucket, Change, Error, Event as Written, Expected, Failure, Filter, Result, Set,
    Since, Swap, Version, Watch,
};

use super::lock_file::LockFile;
use super::member::Member;
use super::messages::{Effect, Event, Identity, Notice, Strategy, Workload};
use super::record::Record;

/// A member of a group whose record is in a bucket.
pub(crate) struct Membership {
    member: Member<Version>,
    bucket: Arc<dyn Bucket>,
    group: String,
    /// Where the members of this machine have their lock files.
    folder: Option<PathBuf>,
    lock: Option<LockFile>,
    watch: Option<Watch>,
    request: Option<BoxFuture<Answer>>,
    notices: Vec<Notice>,
    /// What ended a request that failed last.
    error: Option<Error>,
}

/// What a member is to others.
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) purpose: String,
    pub(crate) strategy: Strategy,
    pub(crate) lease: Duration,
    pub(crate) folder: Option<PathBuf>,
}

enum Answer {
    Watching(Result<Watch>),
    /// The record, and members that have ended.
    Read(Result<Option<(Record, Version)>>, BTreeSet<String>),
    Swapped(Result<Option<Version>>),
}

// === impl Membership ===

impl Membership {
    pub(crate) fn new(bucket: Arc<dyn Bucket>, group: &str, settings: Settings) -> Self {
        let identity = Identity {
            name: settings.name,
            purpose: settings.purpose,
            strategy: settings.strategy,
            lease: settings.lease,
        };
        Self {
            member: Member::new(identity, Instant::now()),
            bucket,
            group: group.to_owned(),
            folder: settings.folder,
            lock: None,
            watch: None,
            request: None,
            notices: Vec::new(),
            error: None,
        }
    }

    /// Whether the group has this member's purpose, or no other member that lives: for that it is
    /// waited for a lease at most.
    pub(crate) async fn admit(&mut self) -> Result<bool> {
        self.step(Event::Admit);
        loop {
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            let due = self.member.due(false).filter(|_| !self.member.is_busy());
            let changed = self.changed();
            let notices = match due {
                Some(due) => {
                    let pause = due.saturating_duration_since(Instant::now());
                    let changed = tokio::time::timeout(pause, changed).await;
                    changed.unwrap_or_else(|_| self.tick(Workload::default()))
                }
                None => changed.await,
            };
            for notice in notices {
                match notice {
                    Notice::Admitted => return Ok(true),
                    Notice::Refused => return Ok(false),
                    _ => {}
                }
            }
        }
    }

    /// As [`Member::due`].
    pub(crate) fn due(&self, has_work: bool) -> Option<Instant> {
        self.member.due(has_work)
    }

    /// As [`Member::is_valid`].
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        self.member.is_valid(now)
    }

    /// As [`Member::has_joined`].
    pub(crate) fn has_joined(&self) -> bool {
        self.member.has_joined()
    }

    /// As [`Member::is_claiming`].
    pub(crate) fn is_claiming(&self) -> bool {
        self.member.is_claiming()
    }

    /// As [`Member::is_departing`].
    pub(crate) fn is_departing(&self) -> bool {
        self.member.is_departing()
    }

    /// Does what is due by now.
    pub(crate) fn tick(&mut self, workload: Workload) -> Vec<Notice> {
        self.step(Event::Tick(workload));
        std::mem::take(&mut self.notices)
    }

    /// As [`Event::Dropped`].
    pub(crate) fn drop_partitions(&mut self, partitions: BTreeSet<u8>) {
        self.step(Event::Dropped(partitions));
    }

    /// As [`Event::Depart`].
    pub(crate) fn depart(&mut self) {
        self.step(Event::Depart);
    }

    /// Waits for the end of the request under way or for a change of the record, and returns what
    /// follows from it, which may be nothing. Nothing is lost if it is cancelled.
    pub(crate) async fn changed(&mut self) -> Vec<Notice> {
        if self.notices.is_empty() {
            let event = self.event().await;
            self.step(event);
        }
        std::mem::take(&mut self.notices)
    }

    /// Leaves the group, with all partitions, so that others can take them at once.
    pub(crate) async fn leave(mut self) {
        self.error = None;
        self.step(Event::Leave);
        while !self.changed().await.contains(&Notice::Left) {}
        if let Some(error) = self.error {
            tracing::warn!(%error, "cannot leave the group; others take over when the lease expires");
        }
    }

    async fn event(&mut self) -> Event<Version> {
        if let Some(request) = &mut self.request {
            let answer = request.await;
            self.request = None;
            return self.answered(answer);
        }
        let Some(watch) = &mut self.watch else {
            return std::future::pending().await;
        };
        match watch.next().await {
            Some(Ok(Written::Set { value, .. })) => {
                Event::Changed(serde_json::from_slice(&value).map(Arc::new).ok())
            }
            Some(Ok(_)) => Event::Changed(None),
            Some(Err(_)) | None => {
                self.watch = None;
                Event::Watching(false)
            }
        }
    }

    fn answered(&mut self, answer: Answer) -> Event<Version> {
        let group = &*self.group;
        match answer {
            Answer::Watching(Ok(watch)) => {
                self.watch = Some(watch);
                Event::Watching(true)
            }
            Answer::Watching(Err(error)) => {
                tracing::debug!(group, %error, "the record of the group cannot be watched");
                Event::Watching(false)
            }
            Answer::Read(Ok(stored), ended) => Event::Read(stored, ended),
            Answer::Swapped(Ok(Some(version))) => Event::Swapped(version),
            Answer::Swapped(Ok(None)) => Event::Stale,
            Answer::Read(Err(error), _) | Answer::Swapped(Err(error)) => {
                tracing::warn!(group, %error, "the lease cannot be renewed; trying again");
                self.error = Some(error);
                Event::Failed
            }
        }
    }

    fn step(&mut self, event: Event<Version>) {
        for effect in self.member.on(Instant::now(), event) {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect<Version>) {
        let (bucket, key) = (self.bucket.clone(), key(&self.group));
        match effect {
            Effect::Watch => {
                self.request = Some(Box::pin(async move {
                    Answer::Watching(bucket.watch(Filter::Key(key), Since::Now).await)
                }));
            }
            Effect::Read => {
                let (group, folder) = (self.group.clone(), self.folder.clone());
                let name = self.member.name().to_owned();
                self.request = Some(Box::pin(async move {
                    let stored = read(&bucket, &key, &group).await;
                    let ended = match (&stored, &folder) {
                        (Ok(Some((record, _))), Some(folder)) => ended_in(folder, record, &name),
                        _ => BTreeSet::new(),
                    };
                    Answer::Read(stored, ended)
                }));
            }
            Effect::Swap(record, version) => {
                self.request = Some(Box::pin(async move {
                    Answer::Swapped(swap(&bucket, &key, &record, version).await)
                }));
            }
            Effect::Lock => self.lock(),
            Effect::Unlock => self.lock.take().into_iter().for_each(LockFile::remove),
            Effect::Notify(notice) => {
                if let Notice::Assigned(assignment) = &notice {
                    for member in &assignment.evicted {
                        let group = &*self.group;
                        tracing::info!(group, member, "evicted a member whose lease expired");
                    }
                }
                self.notices.push(notice);
            }
        }
    }

    fn lock(&mut self) {
        let Some(folder) = &self.folder else {
            return;
        };
        match LockFile::create(folder, self.member.name()) {
            Ok(lock) => self.lock = Some(lock),
            Err(error) => {
                let group = &*self.group;
                tracing::warn!(group, %error, "others on this machine will not see at once when this process ends");
            }
        }
    }
}

fn key(group: &str) -> String {
    format!("groups/{group}")
}

async fn read(
    bucket: &Arc<dyn Bucket>,
    key: &str,
    group: &str,
) -> Result<Option<(Record, Version)>> {
    let Some(entry) = bucket.get(key).await? else {
        return Ok(None);
    };
    let record = serde_json::from_slice(&entry.value).unwrap_or_else(|error| {
        tracing::warn!(group, %error, "the record of the group cannot be read, and is replaced");
        Record::default()
    });
    Ok(Some((record, entry.version)))
}

/// Writes the record over that of a version, and returns the new version; `None` where another was
/// written meanwhile.
async fn swap(
    bucket: &Arc<dyn Bucket>,
    key: &str,
    record: &Record,
    version: Option<Version>,
) -> Result<Option<Version>> {
    let json = serde_json::to_vec(record).map_err(|error| {
        Error::Internal(Failure::caused_by("writing the record of a group", error))
    })?;
    let change = Change::Set(Bytes::from(json), Set::default());
    let expected = version.map_or(Expected::Absent, Expected::At);
    Ok(match bucket.swap(key, expected, change).await? {
        Swap::Done(version) => version,
        Swap::Stale => None,
    })
}

/// The members of a record that ran on this machine, and have ended.
fn ended_in(folder: &Path, record: &Record, own: &str) -> BTreeSet<String> {
    let others = record.members().filter(|member| *member != own);
    others
        .filter(|member| LockFile::reap(folder, member))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use keywell_memory::MemoryStore;
    use keywell_store::{BucketName, Store as _};

    use super::super::messages::Assignment;
    use super::*;

    const LEASE: Duration = Duration::from_millis(300);

    async fn members(number: usize) -> Vec<Membership> {
        let store = MemoryStore::default();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        let member = |number| {
            let settings = Settings {
                name: format!("m{number}"),
                purpose: "p".to_owned(),
                strategy: Strategy::Resumable,
                lease: LEASE,
                folder: None,
            };
            Membership::new(bucket.clone(), "t", settings)
        };
        (0..number).map(member).collect()
    }

    fn busy(drained: &BTreeSet<u8>) -> Workload {
        Workload {
            has_work: true,
            drained: drained.clone(),
        }
    }

    /// The next renewal, which releases what is to be released.
    async fn renewed(member: &mut Membership, drained: &BTreeSet<u8>) -> Assignment {
        let renewing = async {
            loop {
                let mut notices = member.tick(busy(drained));
                if notices.is_empty() {
                    let due = member.due(true).unwrap_or_else(|| Instant::now() + LEASE);
                    let changed = tokio::time::timeout_at(due.into(), member.changed()).await;
                    notices = changed.unwrap_or_default();
                }
                for notice in notices {
                    if let Notice::Assigned(assignment) = notice {
                        return assignment;
                    }
                }
            }
        };
        let renewed = tokio::time::timeout(Duration::from_secs(30), renewing).await;
        renewed.unwrap()
    }

    #[tokio::test]
    async fn a_member_that_joins_is_given_its_share() {
        let mut members = members(2).await;
        let none = BTreeSet::new();
        let (old, new) = members.split_at_mut(1);
        let (old, new) = (&mut old[0], &mut new[0]);
        assert_eq!(renewed(old, &none).await.acquired.len(), 16);
        assert_eq!(renewed(new, &none).await.acquired.len(), 0);
        let draining = renewed(old, &none).await.draining;
        assert_eq!(draining.len(), 8);
        assert_eq!(renewed(old, &draining).await.lost, draining);
        assert_eq!(renewed(new, &none).await.acquired, draining);
    }

    #[tokio::test]
    async fn a_member_that_paused_learns_of_its_eviction_and_was_not_valid_before() {
        let mut members = members(2).await;
        let none = BTreeSet::new();
        let (paused, awake) = members.split_at_mut(1);
        let (paused, awake) = (&mut paused[0], &mut awake[0]);
        renewed(paused, &none).await;
        let mut acquired = 0;
        while acquired < 16 {
            acquired += renewed(awake, &none).await.acquired.len();
        }
        assert!(!paused.is_valid(Instant::now()));
        let assignment = renewed(paused, &none).await;
        assert!(assignment.was_evicted);
        assert_eq!(assignment.lost.len(), 16);
        assert!(!renewed(paused, &none).await.was_evicted);
    }

    #[tokio::test]
    async fn a_member_that_leaves_frees_its_partitions_at_once() {
        let mut members = members(2).await;
        let none = BTreeSet::new();
        renewed(&mut members[0], &none).await;
        let mut second = members.pop().unwrap();
        renewed(&mut second, &none).await;
        members.pop().unwrap().leave().await;
        assert_eq!(renewed(&mut second, &none).await.acquired.len(), 16);
    }

    #[tokio::test]
    async fn a_member_that_is_alone_and_idle_renews_only_when_another_comes() {
        let mut members = members(2).await;
        let none = BTreeSet::new();
        let (old, new) = members.split_at_mut(1);
        let (old, new) = (&mut old[0], &mut new[0]);
        renewed(old, &none).await;
        while tokio::time::timeout(LEASE / 3, old.changed()).await.is_ok() {}
        assert_eq!(old.due(false), None);
        renewed(new, &none).await;
        drop(old.changed().await);
        assert!(old.due(false).is_some());
    }
}
