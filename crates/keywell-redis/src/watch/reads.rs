use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use keywell_store::{Error, Result};
use redis::Value;

use super::change::Change;
use super::listener::{Members, Request};
use super::peers::Peers;
use super::pending::{Pending, tell_gone};
use super::question::Question;
use super::tellers::Standing;
use crate::link::{Found, Place};

/// The keys to be read at a primary, and what is told by what is read.
pub(super) struct Reads {
    /// The others; none where there is but one primary.
    peers: Option<Peers>,
    keys: HashMap<Vec<u8>, Key>,
    /// Those that are not asked for yet.
    waiting: VecDeque<(Vec<u8>, Question)>,
    reading: usize,
    /// Those that are large, which are read one by one.
    large: VecDeque<Vec<u8>>,
    is_reading_large: bool,
    /// What goes on elsewhere.
    away: FuturesUnordered<BoxFuture<'static, Back>>,
}

struct Key {
    pending: Pending,
    progress: Progress,
    /// What came too late for the answer that is awaited.
    behind: Option<Pending>,
}

#[derive(Clone, Copy)]
enum Progress {
    Waiting,
    /// Our node is asked, since this term of the slot.
    Asked(u64),
    /// The node to which it is being moved is asked, since this term.
    Elsewhere(u64),
}

/// What comes from elsewhere.
pub(super) enum Back {
    /// A key that is being moved was read.
    Read(Vec<u8>, Result<Value>),
    /// A key is to be tried again.
    Again(Vec<u8>, Pending),
}

// === impl Reads ===

impl Reads {
    /// The values of at most so many keys wait to be read; the changes of others are a gap.
    const MAX_KEYS: usize = 1 << 18;
    /// Nodes send a key on without a pause so often.
    const QUICK_TURNS: u32 = 3;
    /// Nodes that do not agree in so many turns, which take some seconds, are not asked again.
    const MAX_TURNS: u32 = 70;

    pub(super) fn new(peers: Option<Peers>) -> Self {
        Self {
            peers,
            keys: HashMap::new(),
            waiting: VecDeque::new(),
            reading: 0,
            large: VecDeque::new(),
            is_reading_large: false,
            away: FuturesUnordered::new(),
        }
    }

    /// An event of a key, as so many have heard.
    pub(super) fn hear(
        &mut self,
        name: Vec<u8>,
        watchers: &[u64],
        change: Change,
        members: &Members,
    ) {
        match self.keys.get_mut(&name) {
            // Its answer will be from behind this.
            Some(key) if !matches!(key.progress, Progress::Elsewhere(_)) => {
                key.pending.hear(watchers, change);
                return;
            }
            _ => {}
        }
        let term = match (&self.peers, change) {
            (Some(peers), _) => peers.term(&name),
            (None, Change::Removed { expired }) => {
                for number in watchers {
                    tell_gone(members.get(*number), &name, expired, 1);
                }
                return;
            }
            (None, Change::Written) => 0,
        };
        self.take(name, Pending::new(watchers, change, term), members);
    }

    /// What is to be read and told, whoever heard of it.
    pub(super) fn take(&mut self, name: Vec<u8>, pending: Pending, members: &Members) {
        let is_full = self.keys.len() >= Self::MAX_KEYS;
        match self.keys.get_mut(&name) {
            Some(key) => match (key.progress, &mut key.behind) {
                (Progress::Waiting, _) => key.pending.merge(pending),
                (_, Some(behind)) => behind.merge(pending),
                (_, behind) => *behind = Some(pending),
            },
            None if is_full => pending.gap(members),
            None => self.wait(name, pending, None),
        }
    }

    /// Tries a key again in a while: another who tells of it has it too, or so it says.
    pub(super) fn retry(&mut self, name: Vec<u8>, pending: Pending, members: &Members) {
        let pause = Peers::pause(pending.turns());
        self.later(name, pending, pause, members);
    }

    /// The next key to ask for, if it is time.
    pub(super) fn next(&mut self) -> Option<(Vec<u8>, Question)> {
        let (name, question) = if !self.is_reading_large && !self.large.is_empty() {
            self.is_reading_large = true;
            (self.large.pop_front()?, Question::Whole)
        } else if self.reading < Question::MAX_BEGINNINGS {
            let next = self.waiting.pop_front()?;
            self.reading += 1;
            next
        } else {
            return None;
        };
        let term = self.peers.as_ref().map_or(0, |peers| peers.term(&name));
        if let Some(key) = self.keys.get_mut(&name) {
            key.progress = Progress::Asked(term);
        }
        Some((name, question))
    }

    /// What comes back from elsewhere, if anything is under way.
    pub(super) async fn back(&mut self) -> Option<Back> {
        self.away.next().await
    }

    pub(super) fn returned(&mut self, back: Back, members: &Members) {
        match back {
            Back::Again(name, pending) => self.take(name, pending, members),
            Back::Read(name, value) => {
                self.reading -= 1;
                let Some(mut key) = self.keys.remove(&name) else {
                    return;
                };
                let Progress::Elsewhere(term) = key.progress else {
                    return self.wait(name, key.pending, key.behind);
                };
                key.pending.adopt();
                self.tell(name, key, term, &value.and_then(bytes), members);
            }
        }
    }

    /// The answer to the question for a key.
    pub(super) fn answered(
        &mut self,
        name: Vec<u8>,
        question: Question,
        reply: Value,
        members: &Members,
    ) {
        match question {
            Question::Whole => self.is_reading_large = false,
            Question::Beginning | Question::Presence => self.reading -= 1,
        }
        let Some(mut key) = self.keys.remove(&name) else {
            return;
        };
        let reply = match question.answer(reply) {
            Ok(reply) => reply,
            Err(next) => return self.ask(name, next, key.pending, key.behind),
        };
        let Some(peers) = &self.peers else {
            let value = match Found::of(reply, &Place::Primary) {
                Found::Here(value) => value.and_then(bytes),
                Found::Unknown(error) => Err(error),
                Found::Moved(_) | Found::Asked => {
                    Err(Error::Internal("GET was answered by something else".into()))
                }
            };
            return self.tell(name, key, 0, &value, members);
        };
        let found = Found::of(reply, &peers.own);
        let (standing, term) = peers.standing(&name, &found);
        if !matches!(key.progress, Progress::Asked(asked) if asked == term) {
            // Somebody may have told what is newer meanwhile.
            return self.wait(name, key.pending, key.behind);
        }
        match (standing, found) {
            (_, Found::Unknown(error)) => self.fail(name, key, error, members),
            (Standing::Other(teller), found) => {
                let pending = match found {
                    Found::Moved(to) if to == teller && key.pending.is_of(term) => {
                        key.pending.into_echo()
                    }
                    Found::Moved(to) if to == teller => key.pending.into_due(),
                    _ => key.pending.into_contested(&peers.own),
                };
                self.hand(&teller, name.clone(), pending, members);
                self.go_on(name, key.behind);
            }
            (_, Found::Here(value)) => self.tell(name, key, term, &value.and_then(bytes), members),
            (_, Found::Asked) => {
                let read = peers.read(&name);
                self.reading += 1;
                key.progress = Progress::Elsewhere(term);
                self.keys.insert(name.clone(), key);
                let back = async move { Back::Read(name, read.await) };
                self.away.push(Box::pin(back));
            }
            (_, Found::Moved(to)) => self.moved(name, key, to, members),
        }
    }

    /// Our node, which had a key so far, says that another has it.
    fn moved(&mut self, name: Vec<u8>, key: Key, to: Place, members: &Members) {
        let Some(peers) = &self.peers else { return };
        let mut pending = key.pending;
        if let Some(behind) = key.behind {
            pending.merge(behind);
        }
        // Where nobody listens yet, somebody who says that it has the key will do.
        let heirs = [Some(to.clone()), pending.contender().cloned()];
        let mut heirs = heirs.into_iter().flatten();
        let Some(heir) = heirs.find(|heir| peers.listens(heir)) else {
            let found = peers.find(to);
            return self.later(name, pending.again(), found, members);
        };
        peers.pass(&name, Some(heir.clone()));
        let pending = pending.into_due().again();
        if pending.turns() <= Self::QUICK_TURNS {
            self.hand(&heir, name, pending, members);
        } else {
            self.retry(name, pending, members);
        }
    }

    /// Leaves a key to another listener.
    fn hand(&mut self, to: &Place, name: Vec<u8>, pending: Pending, members: &Members) {
        let Some(peers) = &self.peers else { return };
        if let Err(Request::Take(name, pending)) = peers.send(to, Request::Take(name, pending)) {
            let found = peers.find(to.clone());
            self.later(name, pending.into_due().again(), found, members);
        }
    }

    /// Tries a key again when something has come about.
    fn later(
        &mut self,
        name: Vec<u8>,
        pending: Pending,
        when: BoxFuture<'static, ()>,
        members: &Members,
    ) {
        if pending.turns() > Self::MAX_TURNS || self.away.len() >= Self::MAX_KEYS {
            tracing::warn!("the nodes of the cluster do not agree on who has a watched key");
            return pending.gap(members);
        }
        self.away.push(Box::pin(async move {
            when.await;
            Back::Again(name, pending)
        }));
    }

    /// Tells what a key holds, unless another tells of it since this term ended.
    fn tell(
        &mut self,
        name: Vec<u8>,
        mut key: Key,
        term: u64,
        value: &Result<Option<Bytes>>,
        members: &Members,
    ) {
        if let Some(peers) = &self.peers {
            let Some(held) = peers.hold(&name, term) else {
                return self.wait(name, key.pending, key.behind);
            };
            let contested = key.pending.contested();
            key.pending.tell(value, &name, members);
            drop(held);
            peers.give_back(&name, contested);
        } else {
            key.pending.tell(value, &name, members);
        }
        self.go_on(name, key.behind);
    }

    /// Tells that a key could not be read.
    fn fail(&mut self, name: Vec<u8>, mut key: Key, error: Error, members: &Members) {
        if let Some(peers) = &self.peers {
            peers.pass(&name, None);
            peers.give_back(&name, key.pending.contested());
        }
        key.pending.adopt();
        key.pending.tell(&Err(error), &name, members);
        self.go_on(name, key.behind);
    }

    fn go_on(&mut self, name: Vec<u8>, behind: Option<Pending>) {
        if let Some(behind) = behind {
            self.wait(name, behind, None);
        }
    }

    fn wait(&mut self, name: Vec<u8>, pending: Pending, behind: Option<Pending>) {
        self.ask(name, Question::Beginning, pending, behind);
    }

    /// Has a key asked for this when it is time.
    fn ask(
        &mut self,
        name: Vec<u8>,
        question: Question,
        mut pending: Pending,
        behind: Option<Pending>,
    ) {
        if let Some(behind) = behind {
            pending.merge(behind);
        }
        match question {
            Question::Beginning => self.waiting.push_back((name.clone(), question)),
            Question::Whole => self.large.push_back(name.clone()),
            Question::Presence => self.waiting.push_front((name.clone(), question)),
        }
        let key = Key {
            pending,
            progress: Progress::Waiting,
            behind: None,
        };
        self.keys.insert(name, key);
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        if let Some(peers) = &self.peers {
            peers.leave();
        }
    }
}

/// What a `GET` is answered with.
fn bytes(reply: Value) -> Result<Option<Bytes>> {
    match reply {
        Value::BulkString(value) if value.len() > Question::LARGEST => {
            tracing::warn!("a watched key holds more than 16 MiB, which is not told");
            Err(Error::Corrupt("it holds more than 16 MiB".into()))
        }
        Value::BulkString(value) => Ok(Some(value.into())),
        Value::Nil => Ok(None),
        _ => Err(Error::Internal("GET was answered by something else".into())),
    }
}
