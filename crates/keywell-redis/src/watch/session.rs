use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_store::{Error, Event, Failure, Result};
use redis::{Cmd, PushKind, Value};
use tokio::sync::mpsc;

use super::change::Change;
use super::hub::Watcher;
use super::listener::{Joined, Members, Request};
use super::subscription::{Subscription, channel_prefix};
use crate::link::{Link, Route, refusal};
use crate::wire::{Dedicated, command, text};

/// A connection on which events are heard, and the values behind them read.
pub(super) struct Session {
    connection: Dedicated,
    channel_prefix: String,
    outgoing: Vec<Cmd>,
    /// What was sent, in the order in which it is answered.
    expected: VecDeque<Expected>,
    active: HashMap<Subscription, Active>,
    next: u64,
    /// Keys whose value is to be read, or is being read.
    pending: HashMap<Place, Pending>,
    /// Those of them that are not asked for yet.
    waiting: VecDeque<Place>,
    reading: usize,
    /// How many values are read at a time; fewer where they are large, since a server cuts off
    /// whoever lets it buffer too much.
    window: usize,
}

enum Expected {
    Subscribed(Subscription, u64),
    Unsubscribed,
    Value(Place),
    /// A key that a watch names, after a gap.
    Named(u64, String),
}

/// A subscription that the server has, and for whom.
struct Active {
    number: u64,
    watchers: Vec<u64>,
}

/// A key, as heard through one subscription.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    subscription: u64,
    name: Vec<u8>,
}

/// Events of a key of which nobody was told yet.
struct Pending {
    /// How many each watcher has heard.
    heard: Vec<(u64, u64)>,
    last: Change,
}

// === impl Session ===

impl Session {
    const MAX_WINDOW: usize = 64;
    /// The values of at most so many keys wait to be read; the changes of others are a gap.
    const MAX_PENDING: usize = 1 << 18;
    /// So much may be buffered for us in values; servers cut off at 8 MiB for a minute, or 32 MiB.
    const BUFFERED_BYTES: usize = 4 << 20;

    /// Turns a connection to RESP3.
    pub(super) async fn begin(
        mut connection: Dedicated,
        database: u32,
        patience: Duration,
    ) -> Result<Self> {
        let lost = |error: std::io::Error| Error::Unavailable(Failure::new(error.to_string()));
        let reply = connection.call(&text("HELLO 3"), patience).await;
        if let Value::ServerError(error) = reply.map_err(lost)? {
            return Err(refusal(&error));
        }
        Ok(Self {
            connection,
            channel_prefix: channel_prefix(database),
            outgoing: Vec::new(),
            expected: VecDeque::new(),
            active: HashMap::new(),
            next: 0,
            pending: HashMap::new(),
            waiting: VecDeque::new(),
            reading: 0,
            window: Self::MAX_WINDOW,
        })
    }

    /// Serves those who watch until the connection is lost, and says why; nothing when nobody can
    /// ask for anything any more.
    pub(super) async fn run(
        mut self,
        link: &Link,
        members: &mut Members,
        requests: &mut mpsc::UnboundedReceiver<Request>,
    ) -> Option<String> {
        for watcher in members.all() {
            self.subscribe(&watcher, members);
        }
        loop {
            self.read_on();
            if !self.outgoing.is_empty() {
                let commands: Vec<&Cmd> = self.outgoing.iter().collect();
                if let Err(error) = self.connection.send(&commands).await {
                    return Some(error.to_string());
                }
                self.outgoing.clear();
            }
            tokio::select! {
                biased;
                request = requests.recv() => match request {
                    None => return None,
                    Some(Request::Reconnect(primary)) => {
                        if *self.connection.server() != primary {
                            return Some("another primary is named".to_owned());
                        }
                    }
                    Some(Request::Leave(number)) => self.leave(number, members),
                    Some(Request::Join(watcher, answer)) => {
                        members.add(watcher.clone(), answer);
                        self.subscribe(&watcher, members);
                    }
                },
                reply = self.connection.reply() => {
                    let mut next = reply.map(Some);
                    loop {
                        match next {
                            Ok(Some(reply)) => self.take(reply, link, members).await,
                            Ok(None) => break,
                            Err(error) => return Some(error.to_string()),
                        }
                        next = self.connection.buffered();
                    }
                }
            }
        }
    }

    fn subscribe(&mut self, watcher: &Arc<Watcher>, members: &mut Members) {
        for subscription in &watcher.subscriptions {
            // Subscribing again changes nothing at the server, and its confirmation tells what is
            // from before.
            self.outgoing.push(command(&subscription.subscribe()));
            let expected = Expected::Subscribed(subscription.clone(), watcher.number);
            self.expected.push_back(expected);
        }
        if watcher.subscriptions.is_empty() {
            self.joined(watcher.number, members);
        }
    }

    fn leave(&mut self, number: u64, members: &mut Members) {
        let Some(member) = members.remove(number) else {
            return;
        };
        for subscription in &member.watcher.subscriptions {
            let Some(active) = self.active.get_mut(subscription) else {
                continue;
            };
            active.watchers.retain(|watcher| *watcher != number);
            if active.watchers.is_empty() {
                self.unsubscribe(subscription);
            }
        }
    }

    /// Gives up what nobody has, unless somebody is about to have it.
    fn unsubscribe(&mut self, subscription: &Subscription) {
        let is_awaited = self.expected.iter().any(|expected| {
            matches!(expected, Expected::Subscribed(wanted, _) if wanted == subscription)
        });
        // The last confirmation that is awaited finds out whether anybody still wants it.
        if !is_awaited {
            self.active.remove(subscription);
            self.outgoing.push(command(&subscription.unsubscribe()));
            self.expected.push_back(Expected::Unsubscribed);
        }
    }

    /// Asks for values, as many as may be under way.
    fn read_on(&mut self) {
        while self.reading < self.window {
            let Some(place) = self.waiting.pop_front() else {
                return;
            };
            self.outgoing.push(command(&[b"GET", &place.name]));
            self.expected.push_back(Expected::Value(place));
            self.reading += 1;
        }
    }

    async fn take(&mut self, reply: Value, link: &Link, members: &mut Members) {
        let Value::Push { kind, data } = reply else {
            return self.answer(reply, link, members).await;
        };
        let mut data = data.into_iter();
        let mut bytes = || match data.next() {
            Some(Value::BulkString(bytes)) => Some(bytes),
            _ => None,
        };
        match kind {
            PushKind::Message => {
                if let (Some(channel), Some(event)) = (bytes(), bytes()) {
                    let name = self.name(&channel);
                    self.hear(&Subscription::Channel(channel), name, &event, members);
                }
            }
            PushKind::PMessage => {
                if let (Some(pattern), Some(channel), Some(event)) = (bytes(), bytes(), bytes()) {
                    let name = self.name(&channel);
                    self.hear(&Subscription::Pattern(pattern), name, &event, members);
                }
            }
            PushKind::Subscribe | PushKind::PSubscribe => {
                if let Some(Expected::Subscribed(subscription, number)) = self.expected.pop_front()
                {
                    self.subscribed(subscription, number, members);
                }
            }
            PushKind::Unsubscribe | PushKind::PUnsubscribe => drop(self.expected.pop_front()),
            _ => {}
        }
    }

    /// The name of the key that a channel is of.
    fn name(&self, channel: &[u8]) -> Vec<u8> {
        let name = channel.strip_prefix(self.channel_prefix.as_bytes());
        name.unwrap_or_default().to_vec()
    }

    fn subscribed(&mut self, subscription: Subscription, number: u64, members: &mut Members) {
        let Some(watcher) = members.get(number) else {
            // It left meanwhile.
            let active = self.active.get(&subscription);
            if active.is_none_or(|active| active.watchers.is_empty()) {
                self.unsubscribe(&subscription);
            }
            return;
        };
        let is_last = watcher.subscriptions.last() == Some(&subscription);
        let next = &mut self.next;
        let active = self.active.entry(subscription).or_insert_with(|| {
            *next += 1;
            Active {
                number: *next,
                watchers: Vec::new(),
            }
        });
        if !active.watchers.contains(&number) {
            active.watchers.push(number);
        }
        if is_last {
            self.joined(number, members);
        }
    }

    /// Somebody hears everything from now on.
    fn joined(&mut self, number: u64, members: &mut Members) {
        let Some(member) = members.get_mut(number) else {
            return;
        };
        match std::mem::replace(&mut member.joined, Joined::Once) {
            Joined::Not(answer) => {
                if let Some(answer) = answer {
                    let _ = answer.send(Ok(()));
                }
            }
            Joined::Once => {
                member.watcher.queue.gap();
                for key in &member.watcher.named {
                    let name = member.watcher.keys.full(key);
                    self.outgoing.push(command(&[b"GET", &name]));
                    self.expected
                        .push_back(Expected::Named(number, key.clone()));
                }
            }
        }
    }

    /// An event of a key.
    fn hear(
        &mut self,
        subscription: &Subscription,
        name: Vec<u8>,
        event: &[u8],
        members: &Members,
    ) {
        let (Some(change), Some(active)) = (Change::of(event), self.active.get(subscription))
        else {
            return;
        };
        let place = Place {
            subscription: active.number,
            name,
        };
        if let Some(pending) = self.pending.get_mut(&place) {
            pending.hear(&active.watchers, change);
            return;
        }
        if let Change::Removed { expired } = change {
            for number in &active.watchers {
                tell_gone(members.get(*number), &place.name, expired, 1);
            }
            return;
        }
        if self.pending.len() >= Self::MAX_PENDING {
            for number in &active.watchers {
                if let Some(watcher) = members.get(*number) {
                    watcher.queue.gap();
                }
            }
            return;
        }
        let mut pending = Pending {
            heard: Vec::with_capacity(active.watchers.len()),
            last: change,
        };
        pending.hear(&active.watchers, change);
        self.pending.insert(place.clone(), pending);
        self.waiting.push_back(place);
    }

    /// A reply to what we asked ourselves.
    async fn answer(&mut self, reply: Value, link: &Link, members: &mut Members) {
        match self.expected.pop_front() {
            Some(Expected::Value(place)) => {
                self.reading -= 1;
                let Some(pending) = self.pending.remove(&place) else {
                    return;
                };
                let value = value(reply, &place.name, link).await;
                if let Ok(Some(value)) = &value {
                    let buffered = Self::BUFFERED_BYTES / value.len().max(1);
                    self.window = buffered.clamp(1, Self::MAX_WINDOW);
                }
                pending.tell(&value, &place.name, members);
            }
            Some(Expected::Named(number, key)) => {
                let Some(watcher) = members.get(number) else {
                    return;
                };
                let name = watcher.keys.full(&key);
                match value(reply, &name, link).await {
                    Ok(Some(value)) => tell_set(Some(watcher), &name, &value, 1),
                    Ok(None) => tell_gone(Some(watcher), &name, false, 1),
                    Err(error) => tracing::warn!("a watched key cannot be read: {error}"),
                }
            }
            Some(Expected::Subscribed(_, number)) => {
                let refused = match &reply {
                    Value::ServerError(error) => refusal(error),
                    _ => Error::Internal("a subscription was answered by something else".into()),
                };
                if let Some(member) = members.remove(number) {
                    member.watcher.queue.end(refused.clone());
                    if let Joined::Not(Some(answer)) = member.joined {
                        let _ = answer.send(Err(refused));
                    }
                }
            }
            Some(Expected::Unsubscribed) | None => {}
        }
    }
}

/// What a key holds by the reply to a `GET`. Where the cluster has moved the key, it is asked for
/// where it is now.
async fn value(reply: Value, name: &[u8], link: &Link) -> Result<Option<Bytes>> {
    match reply {
        Value::BulkString(value) => Ok(Some(value.into())),
        Value::Nil => Ok(None),
        Value::ServerError(error) if matches!(error.code(), "MOVED" | "ASK" | "TRYAGAIN") => {
            match link
                .read(Route::Key(name), &command(&[b"GET", name]))
                .await?
            {
                Value::BulkString(value) => Ok(Some(value.into())),
                _ => Ok(None),
            }
        }
        Value::ServerError(error) => Err(refusal(&error)),
        _ => Err(Error::Internal("GET was answered by something else".into())),
    }
}

fn tell_set(watcher: Option<&Arc<Watcher>>, name: &[u8], value: &Bytes, events: u64) {
    let Some(watcher) = watcher else { return };
    let Some(key) = watcher.keys.key(name) else {
        return;
    };
    let event = Event::Set {
        key: key.to_owned(),
        value: value.clone(),
        version: Some(value.clone().into()),
        token: None,
    };
    watcher.queue.push(event, events);
}

fn tell_gone(watcher: Option<&Arc<Watcher>>, name: &[u8], expired: bool, events: u64) {
    let Some(watcher) = watcher else { return };
    let Some(key) = watcher.keys.key(name) else {
        return;
    };
    let event = Event::Delete {
        key: key.to_owned(),
        expired,
        token: None,
    };
    watcher.queue.push(event, events);
}

// === impl Pending ===

impl Pending {
    fn hear(&mut self, watchers: &[u64], change: Change) {
        self.last = change;
        for number in watchers {
            match self.heard.iter_mut().find(|(who, _)| who == number) {
                Some((_, events)) => *events += 1,
                None => self.heard.push((*number, 1)),
            }
        }
    }

    /// Tells what the key has come to by all its events.
    fn tell(self, value: &Result<Option<Bytes>>, name: &[u8], members: &Members) {
        for (number, events) in self.heard {
            let watcher = members.get(number);
            match (value, self.last) {
                (Ok(Some(value)), _) => tell_set(watcher, name, value, events),
                (Ok(None), Change::Removed { expired }) => {
                    tell_gone(watcher, name, expired, events);
                }
                // Gone already: the event that says so is on its way.
                (Ok(None), Change::Written) => {
                    if let Some(watcher) = watcher {
                        watcher.queue.count(events);
                    }
                }
                // What another program keeps there is no value of ours.
                (Err(Error::Corrupt(_)), _) => {}
                (Err(error), _) => {
                    tracing::warn!("a watched key cannot be read: {error}");
                    if let Some(watcher) = watcher {
                        watcher.queue.gap();
                    }
                }
            }
        }
    }
}
