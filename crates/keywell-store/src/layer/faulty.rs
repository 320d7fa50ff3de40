use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use parking_lot::Mutex;

use super::chance::Chance;
use super::faults::{Faults, Rates};
use super::method::Method;
use super::script::Script;
use super::turns::Turns;
use crate::{
    Answer, BoxFuture, Bucket, Capabilities, Change, Collect, Collected, Entry, Error, Expected,
    Failure, Filter, List, Page, Part, Promptness, Result, Set, Since, Swap, Version, Watch,
};

/// A bucket behind a bad network, for tests: faults come by a seed ([`Faults`]), or when a test says
/// so ([`Script`]). [`Layered::late`](super::Layered::late) makes a store of such buckets.
///
/// Deterministic: the same operations in the same order meet the same faults. A transaction meets
/// none: it is the store that runs it.
pub struct Faulty {
    inner: Arc<dyn Bucket>,
    faults: Faults,
    script: Option<Script>,
    chance: Mutex<Chance>,
    late: Arc<Mutex<VecDeque<BoxFuture<()>>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

/// The faults of one operation.
struct Fate {
    kind: Kind,
    turns_before: u32,
    turns_after: u32,
    accident: Accident,
    duplicated: bool,
    /// Whether a late request of an earlier operation is sent before this one.
    preceded: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Accident {
    None,
    Refused,
    RequestLost,
    AnswerLost,
    Late,
}

// === impl Faulty ===

impl Faulty {
    /// Wraps a bucket.
    pub fn new(inner: Arc<dyn Bucket>, faults: Faults) -> Self {
        Self {
            inner,
            faults,
            script: None,
            chance: Mutex::new(Chance::new(faults.seed)),
            late: Arc::default(),
        }
    }

    /// The same bucket, whose calls meet the faults of a script besides.
    #[must_use]
    pub fn following(self, script: &Script) -> Self {
        Self {
            script: Some(script.clone()),
            ..self
        }
    }

    fn read<T: Send + 'static>(
        &self,
        method: Method,
        ask: impl Fn(&dyn Bucket) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.send(method, Kind::Read, &self.faults.reads, ask)
    }

    fn write<T: Send + 'static>(
        &self,
        method: Method,
        ask: impl Fn(&dyn Bucket) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.send(method, Kind::Write, &self.faults.writes, ask)
    }

    fn atomic<T: Send + 'static>(
        &self,
        method: Method,
        ask: impl Fn(&dyn Bucket) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.send(method, Kind::Write, &self.faults.atomics, ask)
    }

    fn send<T: Send + 'static>(
        &self,
        method: Method,
        kind: Kind,
        rates: &Rates,
        ask: impl Fn(&dyn Bucket) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let fate = Fate::draw(kind, rates, &mut self.chance.lock());
        let script = self.script.clone().filter(|script| script.covers(method));
        let inner = self.inner.clone();
        let late = self.late.clone();
        Answer::later(async move {
            if let Some(script) = &script {
                script.begin()?;
            }
            Turns::new(fate.turns_before).await;
            if fate.preceded {
                let earlier = late.lock().pop_front();
                if let Some(earlier) = earlier {
                    earlier.await;
                }
            }
            match fate.accident {
                Accident::Refused => {
                    let failure = Failure::new("refused by the fault layer");
                    return Err(Error::Unavailable(failure));
                }
                Accident::RequestLost => return Err(fate.unanswered("request lost")),
                Accident::Late => {
                    let request = async move { drop(ask(&*inner).await) };
                    late.lock().push_back(request.boxed());
                    return Err(fate.unanswered("request late"));
                }
                Accident::None | Accident::AnswerLost => {}
            }
            if fate.duplicated {
                drop(ask(&*inner).await);
                Turns::new(fate.turns_before).await;
            }
            let answer = ask(&*inner).await;
            Turns::new(fate.turns_after).await;
            if let Some(script) = &script {
                script.end().await;
            }
            match fate.accident {
                Accident::AnswerLost => Err(fate.unanswered("answer lost")),
                _ => answer,
            }
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for Faulty {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            ..self.inner.capabilities()
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let key = key.to_owned();
        self.read(Method::Get, move |inner| inner.get_within(&key, max))
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        let key = key.to_owned();
        self.read(Method::Exists, move |inner| inner.exists(&key))
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let key = key.to_owned();
        self.write(Method::Set, move |inner| {
            inner.set(&key, value.clone(), how)
        })
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let key = key.to_owned();
        self.write(Method::Delete, move |inner| inner.delete(&key))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let key = key.to_owned();
        self.atomic(Method::Swap, move |inner| {
            inner.swap(&key, expected.clone(), change.clone())
        })
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let key = key.to_owned();
        self.atomic(Method::Increment, move |inner| {
            inner.increment_or_create(&key, delta, created)
        })
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let keys = owned(keys);
        self.read(Method::GetMany, move |inner| {
            inner.get_many_within(&borrowed(&keys), max)
        })
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let keys = owned(keys);
        self.read(Method::GetMany, move |inner| {
            inner.get_with_expiry(&borrowed(&keys), max)
        })
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let entries: Vec<(String, Bytes)> = entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        self.write(Method::SetMany, move |inner| {
            let entries = entries.iter().map(|(key, value)| (&**key, value.clone()));
            inner.set_many(entries.collect())
        })
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        let keys = owned(keys);
        self.write(Method::DeleteMany, move |inner| {
            inner.delete_many(&borrowed(&keys))
        })
    }

    fn admit(&self, part: Part) -> Result<Part> {
        self.inner.admit(part)
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.read(Method::List, move |inner| inner.list(request.clone()))
    }

    /// Opening the watch meets faults. Its events do not: a store must not lose those.
    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        self.read(Method::Watch, move |inner| {
            inner.watch(filter.clone(), since.clone())
        })
    }

    fn collect(&self, operation: Collect) -> Answer<Collected> {
        if operation.writes() {
            self.atomic(Method::Collect, move |inner| {
                inner.collect(operation.clone())
            })
        } else {
            self.read(Method::Collect, move |inner| {
                inner.collect(operation.clone())
            })
        }
    }
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn borrowed(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

// === impl Fate ===

impl Fate {
    const MOST_TURNS: u64 = 8;

    fn draw(kind: Kind, rates: &Rates, chance: &mut Chance) -> Self {
        let mut turns = || {
            if chance.happens(rates.delay) {
                1 + u32::try_from(chance.next() % Self::MOST_TURNS).expect("it is small")
            } else {
                0
            }
        };
        let (turns_before, turns_after) = (turns(), turns());
        let mut point = chance.unit();
        let mut falls = |rate: f64| {
            point -= rate;
            point < 0.0
        };
        let accident = if falls(rates.refuse) {
            Accident::Refused
        } else if falls(rates.lose_request) {
            Accident::RequestLost
        } else if falls(rates.lose_answer) {
            Accident::AnswerLost
        } else if falls(rates.late) {
            Accident::Late
        } else {
            Accident::None
        };
        Self {
            kind,
            turns_before,
            turns_after,
            accident,
            duplicated: chance.happens(rates.duplicate),
            preceded: chance.happens(0.25),
        }
    }

    fn unanswered(&self, what: &'static str) -> Error {
        match self.kind {
            Kind::Read => Error::Unavailable(Failure::new(what)),
            Kind::Write => Error::Ambiguous(Failure::new(what)),
        }
    }
}
