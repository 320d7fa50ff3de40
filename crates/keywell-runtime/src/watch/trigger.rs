//! Opens triggers. A trigger that was opened can run: its watch is open, its records can be
//! written, and no other process uses its name for another purpose.

use std::sync::Arc;

use keywell_store::{Bucket, Cas, Watching};
use keywell_wasi::{Grants, Watcher, WatcherError};

use crate::Error;
use crate::instance::Instances;
use crate::watch::backoff::random;
use crate::watch::checkpoint::Checkpoint;
use crate::watch::checkpoint::positions::Positions;
use crate::watch::checkpoint::storage::Storage;
use crate::watch::counters::Counters;
use crate::watch::dispatch::Dispatch;
use crate::watch::dispatch::delivery::Delivery;
use crate::watch::hops::{BucketPlace, Causes, Chain};
use crate::watch::intake::Intake;
use crate::watch::intake::opener::{Opened, Opener};
use crate::watch::intake::replays::Replays;
use crate::watch::membership::{Membership, PARTITIONS, Settings, Strategy};
use crate::watch::names::{Name, Names};
use crate::watch::options::WatchOptions;
use crate::watch::purpose::other_purpose;
use crate::watch::run::Run;
use crate::watch::target::WatchTarget;

/// A trigger that is ready to run. Every change after it was made is delivered.
pub struct WatchTrigger {
    name: Arc<str>,
    target: WatchTarget,
    run: Run,
    opened: Opened,
    counters: Arc<Counters>,
    /// Held for as long as it runs.
    _in_use: Option<Name>,
}

/// What the triggers of a process share.
#[derive(Default)]
pub(crate) struct Triggers {
    names: Names,
}

// === impl WatchTrigger ===

impl WatchTrigger {
    /// Its name, by which processes share its events and its dead letters are filed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has done, readable while it runs and after.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Delivers until `stop` is ready. Then running deliveries finish, and the position is stored.
    /// On a store that cannot resume, queued events are delivered too, within the time of one
    /// delivery.
    ///
    /// # Errors
    ///
    /// When the store permanently refuses what it allowed before. While a store is unavailable, the
    /// trigger waits.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        tracing::info!(
            trigger = &*self.name,
            component = self.target.component,
            bucket = self.target.bucket.as_str(),
            subscriptions = %self.target.subscriptions,
            "watching"
        );
        self.run.run(self.opened, stop).await
    }
}

// === impl Triggers ===

impl Triggers {
    pub(crate) async fn open(
        &self,
        instances: Instances,
        grants: Arc<Grants>,
        causes: &Arc<Causes>,
        target: WatchTarget,
        options: &WatchOptions,
    ) -> Result<WatchTrigger, Error> {
        let name: Arc<str> = target.name().into();
        let refused = |problem: String| Error::Watch {
            trigger: name.to_string(),
            problem,
        };
        WatchTarget::check_name(&name)
            .map_err(|problem| refused(format!("needs another name: {problem}")))?;
        let watcher = watcher(&instances)?;
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: keywell_store::Error| refused(format!("{what}: {error}"))
        };
        let origin = grants.origin(&target.bucket).ok_or_else(|| {
            let bucket = &target.bucket;
            refused(format!(
                "watches the bucket {bucket:?}, which the component is not granted"
            ))
        })?;
        let storage = Storage::open(&target, &origin, &name)
            .await
            .map_err(refused)?;
        let bucket = grants.bucket(&target.bucket).await;
        let bucket = bucket.map_err(failed("cannot open the bucket it watches"))?;
        let watching = bucket.capabilities().watch;
        if watching == Watching::None {
            let bucket = &target.bucket;
            let problem = format!("cannot watch {bucket:?}: its store reports no changes");
            return Err(refused(problem));
        }
        let is_shared = storage.is_shared(&origin);
        if is_shared && storage.state.capabilities().cas == Cas::None {
            return Err(refused(
                "cannot share its events: the store has no compare-and-swap".into(),
            ));
        }
        let in_use = if is_shared {
            None
        } else {
            let taken = storage.take_name(&self.names, &target);
            let in_use = || refused("already runs in this process; give each its own name".into());
            Some(taken.ok_or_else(in_use)?)
        };
        storage.try_writing(&target, &name).await.map_err(refused)?;
        let Storage {
            state,
            filed_under,
            letters,
            ..
        } = storage;
        let member = is_shared.then(|| format!("{:016x}", random()));
        let positions = watching
            .resumes()
            .then(|| Positions::new(state.clone(), &filed_under, member.clone()));
        let purpose = target.purpose(origin.bucket.as_str(), &origin.prefix);
        let mut membership = member.map(|member| {
            let settings = settings(member, purpose, positions.is_some(), options);
            Membership::new(state, &filed_under, settings)
        });
        if let Some(membership) = &mut membership {
            let admits = membership.admit().await;
            if !admits.map_err(failed("cannot read which processes share its events"))? {
                return Err(other_purpose(&name));
            }
        }

        let opener = opener(bucket, &target, &name, options);
        // Partitions of a group are acquired when it runs, each from its own position.
        let alone = positions.as_ref().filter(|_| membership.is_none());
        let partitions: &[u8] = if membership.is_some() { &[] } else { &[0] };
        let begun = open_at(alone, &opener, partitions).await;
        let begun = begun.map_err(failed("cannot begin to watch"))?;
        let counters: Arc<Counters> = Arc::default();
        let delivery = delivery(instances, watcher, &target, options, &name);
        let component = target.component.clone();
        let (dead, counted) = (letters.clone(), counters.clone());
        let dispatch = Dispatch::new(component, options.clone(), delivery, dead, counted);
        let checkpoint = checkpoint(positions, is_shared, &begun, &name, options).await;
        let checkpoint = checkpoint.map_err(failed("cannot store where it begins"))?;
        let chain = Chain::new(causes.clone(), BucketPlace::new(&origin));
        let replays = Replays::new(letters, name.clone(), opener.bucket.clone());
        let intake = Intake::new(
            name.clone(),
            target.subscriptions.clone(),
            opener,
            checkpoint.is_resumable(),
            counters.clone(),
            chain,
            membership.as_ref().map_or(1, |_| PARTITIONS),
            replays,
        );
        let (trigger, counted) = (name.clone(), counters.clone());
        let run = Run::new(trigger, counted, intake, dispatch, checkpoint, membership);
        Ok(WatchTrigger {
            name,
            target,
            run,
            opened: begun,
            counters,
            _in_use: in_use,
        })
    }
}

/// What a process is to others that run the trigger.
fn settings(name: String, purpose: String, is_resumable: bool, options: &WatchOptions) -> Settings {
    Settings {
        name,
        purpose,
        strategy: if is_resumable {
            Strategy::Resumable
        } else {
            Strategy::Overlapping
        },
        lease: options.lease,
        folder: options.members.clone(),
    }
}

fn watcher(instances: &Instances) -> Result<Watcher, Error> {
    let component = instances.pre().component();
    Watcher::find(component).map_err(|error| match error {
        WatcherError::Absent => Error::no_export(Watcher::EXPORTS, "a watch trigger", component),
        error => Error::Mismatch(error.to_string()),
    })
}

/// Begins where the watch does. A group of processes stores that, unless it began before.
async fn checkpoint(
    positions: Option<Positions>,
    is_shared: bool,
    begun: &Opened,
    trigger: &Arc<str>,
    options: &WatchOptions,
) -> keywell_store::Result<Checkpoint> {
    let now = begun.source.last();
    let start = match positions.as_ref().filter(|_| is_shared) {
        Some(positions) => positions.start(now).await?,
        None => now.cloned(),
    };
    Ok(Checkpoint::new(positions, start, trigger.clone(), options))
}

/// Watches on from the stored position, or from now, and then stores that: a crash before the first
/// event is finished must not lose it.
async fn open_at(
    positions: Option<&Positions>,
    watch: &Opener,
    partitions: &[u8],
) -> keywell_store::Result<Opened> {
    let Some(positions) = positions else {
        return watch.open(None, partitions, false).await;
    };
    let stored = positions.stored(0).await?;
    let is_first = stored.is_none();
    let begun = watch.open(stored, partitions, false).await?;
    if let (true, Some(start)) = (is_first, begun.source.last()) {
        drop(positions.store(0, start, None).await?);
    }
    Ok(begun)
}

fn delivery(
    instances: Instances,
    watcher: Watcher,
    target: &WatchTarget,
    options: &WatchOptions,
    trigger: &Arc<str>,
) -> Arc<Delivery> {
    let timeout = options.deadline.unwrap_or_else(|| instances.timeout());
    let bucket = target.bucket.clone();
    Arc::new(Delivery::new(
        instances,
        watcher,
        bucket,
        timeout,
        trigger.clone(),
    ))
}

fn opener(
    bucket: Arc<dyn Bucket>,
    target: &WatchTarget,
    trigger: &Arc<str>,
    options: &WatchOptions,
) -> Opener {
    let named_keys = target.subscriptions.named_keys().into_iter();
    Opener {
        bucket,
        filter: target.subscriptions.filter(),
        named_keys: named_keys.map(str::to_owned).collect(),
        trigger: trigger.clone(),
        backoff: options.backoff,
    }
}
