//! One connection of a listener: it subscribes, hears events, and reads the values behind them.
//!
//! The connection speaks RESP3, so that events and replies come in one order. A watch counts as
//! subscribed once the server has confirmed its last subscription.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Failure, Result};
use redis::{Cmd, PushKind, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::emission::{Emission, Finding};
use super::key_event::KeyEvent;
use super::members::Members;
use super::pending::Pending;
use super::reader::Reader;
use super::request::Request;
use super::slots::Peers;
use super::subscription::{Subscription, channel_prefix};
use super::value_query::ValueQuery;
use super::watcher::Watcher;
use crate::link::refusal;
use crate::wire::{Dedicated, command, text};

/// A connection that brings events.
pub(super) struct Session {
    connection: Dedicated,
    channel_prefix: String,
    outgoing: Vec<Cmd>,
    /// The commands in flight, in the order in which they are answered.
    expected: VecDeque<Expected>,
    /// The subscriptions that the server has confirmed, with the watchers of each.
    active: HashMap<Subscription, Vec<u64>>,
    reader: Reader,
    emission: Emission,
}

/// A reply that is to come.
enum Expected {
    /// The confirmation of a subscription, for this watcher.
    Subscribed(Subscription, u64),
    Unsubscribed,
    /// The value of a key.
    Value(Vec<u8>, ValueQuery),
    /// The flags of `notify-keyspace-events`.
    Flags,
    /// The change of these flags.
    Configured,
}

// === impl Session ===

impl Session {
    /// Switches a connection to RESP3.
    pub(super) async fn start(
        mut connection: Dedicated,
        database: u32,
        within: Duration,
        peers: Option<Peers>,
        emission: Emission,
    ) -> Result<Self> {
        let lost = |error: std::io::Error| Error::Unavailable(Failure::new(error.to_string()));
        let reply = connection.call(&text("HELLO 3"), within).await;
        if let Value::ServerError(error) = reply.map_err(lost)? {
            return Err(refusal(&error));
        }
        Ok(Self {
            connection,
            channel_prefix: channel_prefix(database),
            outgoing: Vec::new(),
            expected: VecDeque::new(),
            active: HashMap::new(),
            reader: Reader::new(peers),
            emission,
        })
    }

    /// Serves the members until the connection is lost, and returns why; `None` once no more requests
    /// can come.
    pub(super) async fn run(
        mut self,
        members: &mut Members,
        requests: &mut mpsc::UnboundedReceiver<Request>,
    ) -> Option<String> {
        for watcher in members.all() {
            self.subscribe(&watcher, members);
        }
        let every = self.emission.check_interval();
        let mut checks = interval_at(Instant::now() + every, every);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.query_values();
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
                            return Some("sentinels name another primary".to_owned());
                        }
                    }
                    Some(Request::Leave(number)) => self.leave(number, members),
                    Some(Request::Join(watcher, answer)) => {
                        members.add(watcher.clone(), answer);
                        self.subscribe(&watcher, members);
                    }
                    Some(Request::Reread(name, pending)) => {
                        self.reader.reread(name, pending, members);
                    }
                    Some(Request::Peer(request)) => self.reader.requested(request, members),
                },
                Some(resumed) = self.reader.resumed() => self.reader.resume(resumed, members),
                _ = checks.tick() => self.check_flags(),
                reply = self.connection.reply() => {
                    let mut next = reply.map(Some);
                    loop {
                        match next {
                            Ok(Some(reply)) => self.received(reply, members),
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
        for subscription in watcher.subscriptions() {
            // Repeating one changes nothing at the server, and its confirmation marks the point
            // from which on this watcher has all events.
            self.outgoing.push(command(&subscription.subscribe()));
            let expected = Expected::Subscribed(subscription.clone(), watcher.number());
            self.expected.push_back(expected);
        }
        if watcher.subscriptions().is_empty() {
            self.confirm(watcher.number(), members);
        }
    }

    fn leave(&mut self, number: u64, members: &mut Members) {
        let Some(watcher) = members.remove(number) else {
            return;
        };
        for subscription in watcher.subscriptions() {
            let Some(active) = self.active.get_mut(subscription) else {
                continue;
            };
            active.retain(|watcher| *watcher != number);
            if active.is_empty() {
                self.unsubscribe(subscription);
            }
        }
    }

    /// Cancels a subscription without watchers, unless one is about to have it.
    fn unsubscribe(&mut self, subscription: &Subscription) {
        let is_expected = self.expected.iter().any(|expected| {
            matches!(expected, Expected::Subscribed(wanted, _) if wanted == subscription)
        });
        // The last confirmation that is expected checks whether it still has a watcher.
        if !is_expected {
            self.active.remove(subscription);
            self.outgoing.push(command(&subscription.unsubscribe()));
            self.expected.push_back(Expected::Unsubscribed);
        }
    }

    /// Queries values, as many as may be in flight.
    fn query_values(&mut self) {
        while let Some((name, query)) = self.reader.next() {
            self.outgoing.push(query.command(&name));
            self.expected.push_back(Expected::Value(name, query));
        }
    }

    fn received(&mut self, reply: Value, members: &mut Members) {
        let Value::Push { kind, data } = reply else {
            return self.answered(reply, members);
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

    /// The name of a channel's key.
    fn name(&self, channel: &[u8]) -> Vec<u8> {
        let name = channel.strip_prefix(self.channel_prefix.as_bytes());
        name.unwrap_or_default().to_vec()
    }

    fn subscribed(&mut self, subscription: Subscription, number: u64, members: &mut Members) {
        let Some(watcher) = members.get(number) else {
            // It has left meanwhile.
            let active = self.active.get(&subscription);
            if active.is_none_or(Vec::is_empty) {
                self.unsubscribe(&subscription);
            }
            return;
        };
        let is_last = watcher.subscriptions().last() == Some(&subscription);
        let active = self.active.entry(subscription).or_default();
        if !active.contains(&number) {
            active.push(number);
        }
        if is_last {
            self.confirm(number, members);
        }
    }

    /// A watcher gets every event from now on.
    fn confirm(&mut self, number: u64, members: &mut Members) {
        if let Some(watcher) = members.confirm(number) {
            self.gap(&watcher, members);
        }
    }

    /// Asks whether the server still emits events, unless it has not answered yet.
    fn check_flags(&mut self) {
        let is_asked = |expected: &Expected| matches!(expected, Expected::Flags);
        if !self.expected.iter().any(is_asked) {
            self.outgoing.push(Emission::query());
            self.expected.push_back(Expected::Flags);
        }
    }

    fn found(&mut self, finding: Finding, members: &Members) {
        match finding {
            Finding::Same => {}
            Finding::Gap => {
                for watcher in members.all() {
                    self.gap(&watcher, members);
                }
            }
            Finding::Configure(command) => {
                self.outgoing.push(command);
                self.expected.push_back(Expected::Configured);
            }
        }
    }

    /// Reports that events may have been missed, and the present state of the keys that are named.
    fn gap(&mut self, watcher: &Watcher, members: &Members) {
        watcher.queue().gap();
        for name in watcher.named() {
            let pending = Pending::state(watcher.number());
            self.reader.reread(name, pending, members);
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
        let (Some(event), Some(active)) = (KeyEvent::parse(event), self.active.get(subscription))
        else {
            return;
        };
        // A bucket that leaves a name out may have the same pattern as the one that has it.
        let hides = |number: &u64| {
            let watcher = members.get(*number);
            watcher.is_some_and(|watcher| watcher.hides(&name))
        };
        if !active.iter().any(hides) {
            self.reader.hear(name, active, event, members);
            return;
        }
        let shown: Vec<u64> = active.iter().copied().filter(|one| !hides(one)).collect();
        if !shown.is_empty() {
            self.reader.hear(name, &shown, event, members);
        }
    }

    /// A reply to a command of ours.
    fn answered(&mut self, reply: Value, members: &mut Members) {
        match self.expected.pop_front() {
            Some(Expected::Value(name, query)) => {
                self.reader.answered(name, query, reply, members);
            }
            Some(Expected::Subscribed(_, number)) => {
                let refused = match &reply {
                    Value::ServerError(error) => refusal(error),
                    _ => Error::Internal("a subscription was answered by something else".into()),
                };
                members.refuse(number, refused);
            }
            Some(Expected::Flags) => {
                let finding = self.emission.answered(&reply);
                self.found(finding, members);
            }
            Some(Expected::Configured) => {
                let finding = self.emission.configured(&reply);
                self.found(finding, members);
            }
            Some(Expected::Unsubscribed) | None => {}
        }
    }
}
