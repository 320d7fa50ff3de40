//! A worker whose component is a function, and the world that it changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keywell_journal::{
    Begun, Claim, Clock, Created, Decision, Error, Invoked, Journals, RecordedStore, Result,
    Session, Status, Time, WorkerName,
};
use keywell_store::{Bucket, BucketName, Expected, Set, Store};
use parking_lot::Mutex;

use crate::doubles::{Abilities, Fuse, Fused};

pub(crate) const MOST: u64 = 1_000_000;

/// What outlives a process.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) journal: Arc<dyn Store>,
    pub(crate) data: Arc<dyn Store>,
    pub(crate) abilities: Abilities,
    /// The bucket of the component.
    pub(crate) bucket: BucketName,
    /// Whether callers wait for each answer before they call again.
    pub(crate) waits: bool,
    /// Whether a snapshot is taken behind each of these answers, once: random numbers are those of
    /// the position of an invocation.
    pub(crate) takes_snapshots: bool,
    /// Bodies by idempotency key, and how often each was sent.
    pub(crate) requests: Arc<Mutex<BTreeMap<String, (String, usize)>>>,
    pub(crate) time: Arc<AtomicU64>,
}

/// A process with its handles.
pub(crate) struct Process {
    pub(crate) world: World,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) holder: String,
    journal: Arc<dyn Store>,
    data: Arc<dyn Store>,
}

/// The component: it has variables, and nothing else that lasts.
#[derive(Default)]
pub(crate) struct Cart {
    pub(crate) lines: Vec<String>,
}

impl World {
    pub(crate) fn new(journal: Arc<dyn Store>, data: Arc<dyn Store>, abilities: Abilities) -> Self {
        Self {
            journal,
            data,
            abilities,
            bucket: bucket_name(),
            waits: false,
            takes_snapshots: false,
            requests: Arc::default(),
            time: Arc::new(AtomicU64::new(1_000_000_000)),
        }
    }

    /// A clock that advances by a millisecond at each reading.
    pub(crate) fn clock(&self) -> Clock {
        let time = self.time.clone();
        Arc::new(move || Time(time.fetch_add(1_000_000, Ordering::Relaxed)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap();
        self.time.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn process(&self, fuse: &Arc<Fuse>) -> Process {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let fused = |inner: &Arc<dyn Store>| Fused {
            inner: inner.clone(),
            fuse: fuse.clone(),
            abilities: self.abilities,
        };
        Process {
            world: self.clone(),
            fuse: fuse.clone(),
            holder: format!("process {}", NUMBER.fetch_add(1, Ordering::Relaxed)),
            journal: Arc::new(fused(&self.journal)),
            data: Arc::new(fused(&self.data)),
        }
    }

    pub(crate) async fn bucket(&self) -> Arc<dyn Bucket> {
        self.data.open(&self.bucket).await.unwrap()
    }

    pub(crate) async fn value(&self, key: &str) -> Option<String> {
        let entry = self.bucket().await.get(key).await.unwrap()?;
        Some(String::from_utf8(entry.value.to_vec()).unwrap())
    }
}

pub(crate) fn name() -> WorkerName {
    "cart-1".parse().unwrap()
}

pub(crate) fn bucket_name() -> BucketName {
    "carts".parse().unwrap()
}

pub(crate) fn created() -> Created {
    Created {
        digest: "sha256:1".to_owned(),
        seed: [7; 32],
        ..Created::default()
    }
}

pub(crate) fn invoked(function: &str, key: &str) -> Invoked {
    Invoked {
        key: Some(key.to_owned()),
        function: function.to_owned(),
        arguments: Bytes::new(),
    }
}

impl Process {
    pub(crate) fn claim(&self) -> Claim {
        Claim {
            holder: self.holder.clone(),
            now: (self.world.clock())(),
            lease: Duration::ZERO,
        }
    }

    pub(crate) async fn journals(&self) -> Result<Journals> {
        Journals::open(self.journal.clone()).await
    }

    pub(crate) async fn session(&self) -> Result<Session> {
        let journals = self.journals().await?;
        match journals.create(&name(), created(), &self.claim()).await {
            Ok(_) | Err(Error::Exists(_)) => {}
            Err(error) => return Err(error),
        }
        let journal = journals.claim(&name(), &self.claim()).await?;
        Session::open(journal, self.world.clock(), MOST).await
    }

    pub(crate) async fn carts(&self, session: &Session) -> Result<Arc<dyn Bucket>> {
        let recorded = RecordedStore::new(session, "data", self.data.clone());
        Ok(recorded.open(&self.world.bucket).await?)
    }

    /// Runs all accepted invocations; the answers.
    pub(crate) async fn run(&self, session: &Session) -> Result<Vec<String>> {
        let mut cart = Cart::default();
        if let Some(state) = session.state().await? {
            cart.load(&state);
        }
        self.run_in(session, &mut cart).await
    }

    /// Runs all accepted invocations in an instance.
    pub(crate) async fn run_in(&self, session: &Session, cart: &mut Cart) -> Result<Vec<String>> {
        let mut answers = Vec::new();
        while let Some((_, invoked)) = session.next().await? {
            let answer = cart.invoke(self, session, &invoked.function).await?;
            session.returned(Bytes::from(answer.clone())).await?;
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Runs the one invocation that is left after those that were run by the same component.
    pub(crate) async fn run_next(&self, session: &Session) -> String {
        let (_, invoked) = session.next().await.unwrap().unwrap();
        let mut cart = Cart::default();
        cart.lines.push("the one before".to_owned());
        let answer = cart.invoke(self, session, &invoked.function).await.unwrap();
        session.returned(Bytes::from(answer.clone())).await.unwrap();
        answer
    }
}

impl Cart {
    pub(crate) fn load(&mut self, state: &[u8]) {
        let text = std::str::from_utf8(state).unwrap();
        self.lines = text.lines().map(str::to_owned).collect();
    }

    pub(crate) fn save(&self) -> Bytes {
        self.lines.join("\n").into()
    }

    pub(crate) async fn invoke(
        &mut self,
        process: &Process,
        session: &Session,
        function: &str,
    ) -> Result<String> {
        let carts = process.carts(session).await?;
        let before = carts.get("cart").await?.map(|entry| entry.value);
        let mut drawn = [0; 4];
        session.random(&mut drawn);
        let began = session.now();
        let count = carts.increment("count", 1).await?;
        let line = format!("{function} {count} {drawn:02x?}");
        carts
            .set("cart", line.clone().into(), Set::default())
            .await?;
        carts.delete(&format!("old-{count}")).await?;
        let response = Self::request(process, session, &line).await?;
        let version = carts.get("state").await?;
        let swap = carts
            .swap(
                "state",
                Expected::from(version.as_ref()),
                keywell_store::Change::Set(response.into(), Set::default()),
            )
            .await?;
        assert!(matches!(swap, keywell_store::Swap::Done(_)), "{swap:?}");
        if function == "wait" {
            let sleep = session.sleep(began.after(Duration::from_hours(1)));
            if !sleep.begin().await? {
                process.world.advance(Duration::from_hours(1));
                assert!(sleep.end().await?);
            }
            assert!(session.now() >= sleep.until());
        }
        assert!(session.now() > began, "the clock shows what was recorded");
        // Not in what is compared with other runs, but with the recorded answer.
        let times = format!("{} {}", began.0, session.now().0);
        self.lines.push(line.clone());
        let before = before.map_or(0, |value| value.len());
        Ok(format!("{line} {before} {}\n{times}", self.lines.len()))
    }

    async fn request(process: &Process, session: &Session, body: &str) -> Result<String> {
        let call = session.call("request", body.to_owned(), digest(body));
        match call.begin().await? {
            Begun::Answer(answer) => return Ok(String::from_utf8(answer.to_vec()).unwrap()),
            Begun::Fresh => drop(call.intend(Bytes::new()).await?),
            Begun::Interrupted { .. } => {}
        }
        let send = async {
            let mut requests = process.world.requests.lock();
            let sent = requests.entry(call.key()).or_insert((body.to_owned(), 0));
            assert_eq!(sent.0, body, "one key has one body");
            sent.1 += 1;
            Ok(())
        };
        match process.fuse.write(send).await {
            Ok(()) => {}
            // The service takes an idempotency key: sent again.
            Err(keywell_store::Error::Ambiguous(_)) => {
                let again = async {
                    let mut requests = process.world.requests.lock();
                    requests.entry(call.key()).or_insert((body.to_owned(), 0)).1 += 1;
                    Ok(())
                };
                process.fuse.write(again).await?;
            }
            Err(error) => return Err(error.into()),
        }
        let response = format!("response to {body}");
        call.settled(response.clone().into()).await?;
        Ok(response)
    }
}

/// What distinguishes texts well enough.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    for (at, byte) in text.bytes().enumerate() {
        digest[at % 32] ^= byte;
    }
    digest
}

/// Runs a few invocations in one process after the other, until one comes to the end.
///
/// Where an effect is in doubt, the world knows.
pub(crate) async fn run_to_the_end(world: &World, first: &Arc<Fuse>) -> Vec<String> {
    let calls = [("add", "k1"), ("wait", "k2"), ("add", "k3")];
    let mut fuse = first.clone();
    let mut last = None;
    for _ in 0..20 {
        let process = world.process(&fuse);
        let ran = async {
            let session = process.session().await?;
            let mut cart = Cart::default();
            if let Some(state) = session.state().await? {
                cart.load(&state);
            }
            for (function, key) in calls {
                if world.waits {
                    session.enqueue(invoked(function, key)).await?;
                    let ran = process.run_in(&session, &mut cart).await?;
                    if world.takes_snapshots && !ran.is_empty() {
                        session.restart().await?;
                        session.snapshot(cart.save()).await?;
                    }
                } else {
                    session.accept(invoked(function, key)).await?;
                }
            }
            process.run_in(&session, &mut cart).await?;
            // Those of all, also of which another process had the answer.
            let mut answers = Vec::new();
            for (function, key) in calls {
                match session.accept(invoked(function, key)).await? {
                    keywell_journal::Accepted::Ended(answer) => {
                        let answer = String::from_utf8(answer.unwrap().to_vec()).unwrap();
                        answers.push(answer.lines().next().unwrap_or_default().to_owned());
                    }
                    other => panic!("it has run: {other:?}"),
                }
            }
            Ok::<_, Error>(answers)
        };
        let error = match ran.await {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        assert!(
            !matches!(error, Error::Diverged(_) | Error::Corrupt { .. }),
            "{error}"
        );
        last = Some(error);
        fuse = Fuse::never();
        let process = world.process(&fuse);
        let journals = process.journals().await.unwrap();
        let Ok(head) = journals.head(&name()).await else {
            continue;
        };
        if let Status::Ambiguous { why, .. } = &head.status {
            let decision = judge(world, &journals, why).await;
            let claim = process.claim();
            journals.resolve(&name(), decision, &claim).await.unwrap();
        }
    }
    panic!("no process came to the end: {last:?}");
}

/// Looks whether an increment or a swap happened.
async fn judge(world: &World, journals: &Journals, why: &str) -> Decision {
    let head = journals.head(&name()).await.unwrap();
    let mut cursor = journals.read(&name(), &head);
    let mut returned = 0;
    while let Some((_, event)) = cursor.next(&head).await.unwrap() {
        returned += usize::from(matches!(
            event.record,
            keywell_journal::Record::Returned { .. }
        ));
    }
    let has_happened = if why.contains("increment") {
        let count = world.value("count").await;
        count.map_or(0, |count| count.parse().unwrap()) > returned
    } else if why.contains("swap") {
        let cart = world.value("cart").await.unwrap();
        world.value("state").await == Some(format!("response to {cart}"))
    } else {
        // Sets and deletions in a store without versions may be done again.
        false
    };
    if has_happened {
        Decision::Applied
    } else {
        Decision::Retry
    }
}
