//! The power fails at any time, and acknowledged writes survive.
//!
//! `KEYWELL_SEED` replays a failure from the printed seed; `KEYWELL_CRASHES` sets the number of power
//! losses.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt, join_all};
use keywell_disk::{DiskStore, Options};
use keywell_store::{
    Action, Bucket, BucketName, Change, Entry, Error, Event, Expected, Filter, Invalid, List,
    ResumeToken, Set, Since, Store, Swap, Transacted, Transaction,
};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::disk::{Disk, Loss};
use crate::support::bucket;

/// The number of power losses of one disk.
const CRASHES_OF_A_LIFE: u64 = 10;

const BATCH: [&str; 5] = ["g0", "g1", "g2", "g3", "g4"];

type Content = BTreeMap<String, Bytes>;

/// A disk and its expected content.
struct Life {
    random: StdRng,
    loss: Option<Loss>,
    lies: bool,
    /// The acknowledged content.
    acknowledged: Content,
    /// The content if the last group was written, but not acknowledged.
    unacknowledged: Option<Content>,
    /// Where a watch resumes after the acknowledged events.
    token: ResumeToken,
    stamp: u64,
}

/// One operation, and its expected outcome.
struct Step {
    answer: BoxFuture<'static, Result<Outcome, Error>>,
    expected: Result<Outcome, Invalid>,
}

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Done,
    Number(i64),
    Swapped(bool),
}

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn options() -> Options {
    // A cache of 64 pages, so that pages are also written before the commit, and a history so short
    // that every commit trims it.
    DiskStore::builder()
        .cache_bytes(64 * 4096)
        .history_events(100)
}

/// The disk of a new store, and a token of its start.
async fn new_store() -> (Vec<u8>, ResumeToken) {
    let disk = Disk::default();
    let store = disk.open(options()).unwrap();
    let token = now(&bucket(&store, "default").await).await.unwrap();
    drop(store);
    (disk.image(), token)
}

async fn now(bucket: &Arc<dyn Bucket>) -> Result<ResumeToken, Error> {
    let watch = bucket.watch(Filter::All, Since::Now).await?;
    Ok(watch.start().unwrap().clone())
}

#[tokio::test]
async fn acknowledged_writes_survive_a_power_loss() {
    let crashes = environment("KEYWELL_CRASHES").unwrap_or(600);
    let seed = environment("KEYWELL_SEED").unwrap_or_else(rand::random);
    let (image, token) = new_store().await;
    for life in 0..crashes.div_ceil(CRASHES_OF_A_LIFE) {
        let seed = seed.wrapping_add(life);
        let mut life = Life::new(seed, token.clone(), None);
        if let Err(what) = life.run(image.clone()).await {
            panic!("{what}; replay with KEYWELL_SEED={seed} KEYWELL_CRASHES={CRASHES_OF_A_LIFE}");
        }
    }
}

/// Proves that the test above can fail.
#[tokio::test]
async fn a_disk_that_ignores_syncs_is_caught() {
    let (image, token) = new_store().await;
    for (loss, seeds) in [(Loss::All, 3), (Loss::Some, 20)] {
        let mut caught = Vec::new();
        for seed in 0..seeds {
            let mut life = Life::new(seed, token.clone(), Some(loss));
            life.lies = true;
            caught.extend(life.run(image.clone()).await.err());
        }
        assert!(!caught.is_empty(), "{loss:?}");
        if let Loss::All = loss {
            assert!(caught.iter().all(|what| what.contains("acknowledged")));
        }
    }
}

// === impl Life ===

impl Life {
    fn new(seed: u64, token: ResumeToken, loss: Option<Loss>) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            loss,
            lies: false,
            acknowledged: Content::new(),
            unacknowledged: None,
            token,
            stamp: 0,
        }
    }

    async fn run(&mut self, mut image: Vec<u8>) -> Result<(), String> {
        for _ in 0..CRASHES_OF_A_LIFE {
            let disk = Disk::with(image);
            if self.lies {
                disk.lie();
            }
            disk.die_after(self.random.random_range(1..200));
            match disk.open(options()) {
                Ok(store) => self.live(&disk, &store).await?,
                Err(error) if !disk.is_off() => return Err(format!("cannot open: {error:?}")),
                Err(_) => {}
            }
            let loss = self
                .loss
                .unwrap_or_else(|| match self.random.random_range(0..6) {
                    0 => Loss::All,
                    1 => Loss::None,
                    _ => Loss::Some,
                });
            image = disk.lose_power(loss, &mut self.random);
        }
        let store = Disk::with(image).open(options());
        let store = store.map_err(|error| format!("cannot open: {error:?}"))?;
        self.check(&store).await
    }

    /// Writes until the power fails.
    async fn live(&mut self, disk: &Disk, store: &DiskStore) -> Result<(), String> {
        self.check(store).await?;
        let name = BucketName::default();
        let bucket = store.open(&name).await.map_err(|e| e.to_string())?;
        while !disk.is_off() {
            self.round(disk, store, &bucket).await?;
        }
        Ok(())
    }

    /// Checks that the content is what was acknowledged, with all of the last group or nothing of it,
    /// and that the history agrees.
    async fn check(&mut self, store: &DiskStore) -> Result<(), String> {
        let Some((content, events)) = self.read(store).await? else {
            return Ok(());
        };
        if content != self.acknowledged && Some(&content) != self.unacknowledged.as_ref() {
            let keys = |content: &Content| content.keys().cloned().collect::<Vec<_>>().join(" ");
            return Err(format!(
                "an acknowledged write is lost, or one is partial: [{}] was acknowledged, [{}] was read",
                keys(&self.acknowledged),
                keys(&content)
            ));
        }
        let mut replayed = self.acknowledged.clone();
        for event in events.map_err(|error| format!("resuming: {error}"))? {
            match event {
                Event::Set { key, value, .. } => replayed.insert(key, value),
                Event::Delete { key, .. } => replayed.remove(&key),
                other => return Err(format!("{other:?}")),
            };
        }
        if replayed != content {
            return Err("the history differs from the content".to_owned());
        }
        self.acknowledged = content;
        self.unacknowledged = None;
        Ok(())
    }

    /// All entries, and the events since the token; `None` if the power failed.
    async fn read(
        &self,
        store: &DiskStore,
    ) -> Result<Option<(Content, Result<Vec<Event>, Error>)>, String> {
        let answer = async {
            let bucket = store.open(&BucketName::default()).await?;
            let mut content = Content::new();
            for key in bucket.list(List::default()).await?.keys {
                let entry = bucket.get(&key).await?;
                content.extend(entry.map(|entry| (key, entry.value)));
            }
            Ok::<_, Error>((content, self.events(&bucket).await))
        };
        match answer.await {
            // Reads fail without power, too.
            Err(Error::Unavailable(_)) | Ok((_, Err(Error::Unavailable(_)))) => Ok(None),
            Ok(read) => Ok(Some(read)),
            Err(error) => Err(format!("reading: {error}")),
        }
    }

    async fn events(&self, bucket: &Arc<dyn Bucket>) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        let since = Since::After(self.token.clone());
        let mut watch = bucket.watch(Filter::All, since).await?;
        while let Some(Some(event)) = watch.next().now_or_never() {
            events.push(event?);
        }
        Ok(events)
    }

    /// Sends a few operations that are written as one group, and checks their answers.
    async fn round(
        &mut self,
        disk: &Disk,
        store: &DiskStore,
        bucket: &Arc<dyn Bucket>,
    ) -> Result<(), String> {
        if let Ok(token) = now(bucket).await {
            self.token = token;
        }
        let swapped = bucket.get("s").await.ok().flatten();
        // While this waits for the disk, the others form a group. Nothing is read meanwhile: a read
        // waits for the sync of a file that grows.
        disk.hold_syncs();
        let mut probe = Box::pin(store.health());
        let early = (&mut probe).now_or_never();
        disk.wait_for_sync();
        let mut after = self.acknowledged.clone();
        let mut steps = self.steps(store, bucket, swapped.as_ref(), &mut after);
        for step in &mut steps {
            if let Some(answer) = (&mut step.answer).now_or_never() {
                step.answer = std::future::ready(answer).boxed();
            }
        }
        disk.let_syncs_go();
        if early.is_none() {
            let _ = probe.await;
        }
        let (expected, answers): (Vec<_>, Vec<_>) = steps
            .into_iter()
            .map(|step| (step.expected, step.answer))
            .unzip();
        let answers = join_all(answers).await;
        let failed = answers
            .iter()
            .filter(|answer| matches!(answer, Err(Error::Unavailable(_) | Error::Ambiguous(_))));
        let failed = failed.count();
        if failed == 0 {
            for (answer, expected) in answers.into_iter().zip(expected) {
                let is_expected = match (&answer, &expected) {
                    (Ok(actual), Ok(expected)) => actual == expected,
                    (Err(Error::Invalid(actual)), Err(expected)) => actual == expected,
                    _ => false,
                };
                if !is_expected {
                    return Err(format!("{answer:?} was answered, not {expected:?}"));
                }
            }
            self.acknowledged = after;
            return Ok(());
        }
        if !disk.is_off() || failed != answers.len() {
            return Err(format!("one group has different answers: {answers:?}"));
        }
        let is_known = answers
            .iter()
            .all(|answer| matches!(answer, Err(Error::Unavailable(_))));
        self.unacknowledged = (!is_known).then_some(after);
        Ok(())
    }

    fn steps(
        &mut self,
        store: &DiskStore,
        bucket: &Arc<dyn Bucket>,
        swapped: Option<&Entry>,
        content: &mut Content,
    ) -> Vec<Step> {
        let expected = Expected::from(swapped);
        let mut is_swapped = false;
        let mut steps = Vec::new();
        for _ in 0..self.random.random_range(1..8) {
            let key = format!("k{}", self.random.random_range(0..8));
            steps.push(match self.random.random_range(0..9) {
                0 | 1 => {
                    let value = self.value();
                    content.insert(key.clone(), value.clone());
                    let answer = bucket.set(&key, value, Set::default());
                    Step::new(answer.map(|_| Outcome::Done), Ok(Outcome::Done))
                }
                2 => {
                    content.remove(&key);
                    Step::new(
                        bucket.delete(&key).map(|()| Outcome::Done),
                        Ok(Outcome::Done),
                    )
                }
                3 => {
                    let key = format!("n{}", self.random.random_range(0..3));
                    let delta = self.random.random_range(-5..50);
                    let old = content.get(&key).map_or(0, |value| number(value));
                    let sum = Outcome::Number(old + delta);
                    content.insert(key.clone(), Bytes::from((old + delta).to_string()));
                    Step::new(bucket.increment(&key, delta).map(Outcome::Number), Ok(sum))
                }
                4 => {
                    let value = self.value();
                    let entries = BATCH.map(|key| (key, value.clone()));
                    content.extend(BATCH.map(|key| (key.to_owned(), value.clone())));
                    let answer = bucket.set_many(entries.into());
                    Step::new(answer.map(|()| Outcome::Done), Ok(Outcome::Done))
                }
                5 => {
                    content.retain(|key, _| !BATCH.contains(&&key[..]));
                    let answer = bucket.delete_many(&BATCH);
                    Step::new(answer.map(|()| Outcome::Done), Ok(Outcome::Done))
                }
                6 => {
                    // Of several swaps from one version in a group, the first wins.
                    let wins = !std::mem::replace(&mut is_swapped, true);
                    let value = self.value();
                    if wins {
                        content.insert("s".to_owned(), value.clone());
                    }
                    let change = Change::Set(value, Set::default());
                    let answer = bucket.swap("s", expected.clone(), change);
                    let outcome = |swap| Outcome::Swapped(swap != Swap::Stale);
                    Step::new(answer.map(outcome), Ok(Outcome::Swapped(wins)))
                }
                7 => self.transaction(store, bucket, content),
                _ => {
                    let word = content.entry("word".to_owned());
                    let is_new = matches!(word, std::collections::btree_map::Entry::Vacant(_));
                    if is_new {
                        word.or_insert_with(|| "word".into());
                        let answer = bucket.set("word", "word".into(), Set::default());
                        Step::new(answer.map(|_| Outcome::Done), Ok(Outcome::Done))
                    } else {
                        let answer = bucket.increment("word", 1).map(Outcome::Number);
                        Step::new(answer, Err(Invalid::NotANumber))
                    }
                }
            });
        }
        steps
    }

    /// A transfer between two counters with a set and a delete, and at times with an increment of
    /// what is no number.
    fn transaction(
        &mut self,
        store: &DiskStore,
        bucket: &Arc<dyn Bucket>,
        content: &mut Content,
    ) -> Step {
        let value = self.value();
        let change = Change::Set(value.clone(), Set::default());
        let mut writes = vec![
            ("n0", Action::Increment(-1)),
            ("k0", Action::Change(Change::Delete)),
            ("t", Action::Change(change)),
            ("n1", Action::Increment(1)),
        ];
        let is_refused = content.contains_key("word") && self.random.random();
        if is_refused {
            writes.push(("word", Action::Increment(1)));
        } else {
            for (key, delta) in [("n0", -1), ("n1", 1)] {
                let old = content.get(key).map_or(0, |value| number(value));
                content.insert(key.to_owned(), Bytes::from((old + delta).to_string()));
            }
            content.remove("k0");
            content.insert("t".to_owned(), value);
        }
        let mut transaction = Transaction::default();
        for (key, action) in writes {
            transaction.write(&**bucket, key, action).unwrap();
        }
        let answer = transaction.run(store).map(|outcome| match outcome {
            Transacted::Done(_) => Outcome::Done,
            Transacted::Stale(_) => Outcome::Swapped(false),
        });
        let expected = if is_refused {
            Err(Invalid::NotANumber)
        } else {
            Ok(Outcome::Done)
        };
        Step::new(answer, expected)
    }

    /// A unique value.
    fn value(&mut self) -> Bytes {
        self.stamp += 1;
        let bytes = match self.random.random_range(0..40) {
            // Large enough that the file sometimes grows.
            0 => 500_000,
            1..4 => 20_000,
            4..16 => 2000,
            _ => 20,
        };
        let mut value = format!("{}:", self.stamp).into_bytes();
        value.resize(self.random.random_range(value.len()..bytes), b'.');
        Bytes::from(value)
    }
}

// === impl Step ===

impl Step {
    fn new(
        answer: impl Future<Output = Result<Outcome, Error>> + Send + 'static,
        expected: Result<Outcome, Invalid>,
    ) -> Self {
        Self {
            answer: answer.boxed(),
            expected,
        }
    }
}

fn number(value: &[u8]) -> i64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}
