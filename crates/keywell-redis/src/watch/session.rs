use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Failure, Result};
use redis::{Cmd, PushKind, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::change::Change;
use super::emission::{Emission, Finding};
use super::hub::Watcher;
use super::listener::{Joined, Members, Request};
use super::peers::Peers;
use super::pending::Pending;
use super::question::Question;
use super::reads::Reads;
use super::subscription::{Subscription, channel_prefix};
use crate::link::refusal;
use crate::wire::{Dedicated, command, text};

/// A connection on which events are heard, and the values behind them read.
pub(super) struct Session {
    connection: Dedicated,
    channel_prefix: String,
    outgoing: Vec<Cmd>,
    /// What was sent, in the order in which it is answered.
    expected: VecDeque<Expected>,
    /// The subscriptions that the server has, and for whom.
    active: HashMap<Subscription, Vec<u64>>,
    reads: Reads,
    emission: Emission,
}

enum Expected {
    Subscribed(Subscription, u64),
    Unsubscribed,
    /// What a key holds.
    Value(Vec<u8>, Question),
    /// What the server emits.
    Flags,
    /// What it emits was set.
    Configured,
}

// === impl Session ===

impl Session {
    /// Turns a connection to RESP3.
    pub(super) async fn begin(
        mut connection: Dedicated,
        database: u32,
        patience: Duration,
        peers: Option<Peers>,
        emission: Emission,
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
            reads: Reads::new(peers),
            emission,
        })
    }

    /// Serves those who watch until the connection is lost, and says why; nothing when nobody can
    /// ask for anything any more.
    pub(super) async fn run(
        mut self,
        members: &mut Members,
        requests: &mut mpsc::UnboundedReceiver<Request>,
    ) -> Option<String> {
        for watcher in members.all() {
            self.subscribe(&watcher, members);
        }
        let every = self.emission.every;
        let mut checks = interval_at(Instant::now() + every, every);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
                    Some(Request::Take(name, pending)) => self.reads.take(name, pending, members),
                    Some(Request::Retry(name, pending)) => self.reads.retry(name, pending, members),
                },
                Some(back) = self.reads.back() => self.reads.returned(back, members),
                _ = checks.tick() => self.ask_flags(),
                reply = self.connection.reply() => {
                    let mut next = reply.map(Some);
                    loop {
                        match next {
                            Ok(Some(reply)) => self.take(reply, members),
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
            active.retain(|watcher| *watcher != number);
            if active.is_empty() {
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
        while let Some((name, question)) = self.reads.next() {
            self.outgoing.push(question.command(&name));
            self.expected.push_back(Expected::Value(name, question));
        }
    }

    fn take(&mut self, reply: Value, members: &mut Members) {
        let Value::Push { kind, data } = reply else {
            return self.answer(reply, members);
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
            if active.is_none_or(Vec::is_empty) {
                self.unsubscribe(&subscription);
            }
            return;
        };
        let is_last = watcher.subscriptions.last() == Some(&subscription);
        let active = self.active.entry(subscription).or_default();
        if !active.contains(&number) {
            active.push(number);
        }
        if is_last {
            self.joined(number, members);
        }
    }

    /// Asks whether the server still emits events, unless it owes that answer.
    fn ask_flags(&mut self) {
        let is_asked = |expected: &Expected| matches!(expected, Expected::Flags);
        if !self.expected.iter().any(is_asked) {
            self.outgoing.push(Emission::question());
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

    /// Reports that changes may have been missed, and what named keys hold now.
    fn gap(&mut self, watcher: &Arc<Watcher>, members: &Members) {
        watcher.queue.gap();
        for key in &*watcher.named {
            let owed = Pending::owed(watcher.number);
            self.reads.take(watcher.keys.full(key), owed, members);
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
                let watcher = member.watcher.clone();
                self.gap(&watcher, members);
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
        // The bucket that leaves a name out may subscribe to the same pattern as the one that has it.
        let hides = |number: &u64| {
            let watcher = members.get(*number);
            watcher.is_some_and(|watcher| watcher.keys.hides(&name))
        };
        if !active.iter().any(hides) {
            self.reads.hear(name, active, change, members);
            return;
        }
        let shown: Vec<u64> = active.iter().copied().filter(|one| !hides(one)).collect();
        if !shown.is_empty() {
            self.reads.hear(name, &shown, change, members);
        }
    }

    /// A reply to what we asked ourselves.
    fn answer(&mut self, reply: Value, members: &mut Members) {
        match self.expected.pop_front() {
            Some(Expected::Value(name, question)) => {
                self.reads.answered(name, question, reply, members);
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
