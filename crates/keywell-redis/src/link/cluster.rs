use std::sync::Arc;
use std::time::Duration;

use keywell_client::{Backoff, stagger};
use keywell_store::{Error, Failure, Result};
use parking_lot::RwLock;
use redis::{Cmd, Value};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::finder::Finder;
use super::node::Node;
use super::reply::{Effect, Verdict};
use super::route::Route;
use super::slots::{Ranges, SlotMap};
use crate::options::{Address, Options};
use crate::wire::{Dialler, Lost, text};

/// How often a command is sent on to another server that is said to have its key.
pub(super) const MAX_REDIRECTS: usize = 8;

/// The nodes of a cluster, and which has which slots.
pub(super) struct Cluster {
    shared: Arc<Shared>,
    refresher: JoinHandle<()>,
}

struct Shared {
    seeds: Vec<Address>,
    dialler: Arc<Dialler>,
    options: Options,
    map: RwLock<Arc<SlotMap>>,
    wanted: Notify,
    /// How often the map was asked for, and the last outcome.
    asked: watch::Sender<(u64, Option<Arc<str>>)>,
    /// The primaries of the last map that was asked for.
    primaries: watch::Sender<Vec<Address>>,
    /// Changes with the map.
    changed: watch::Sender<()>,
}

// === impl Cluster ===

impl Cluster {
    pub(super) fn start(seeds: Vec<Address>, dialler: Arc<Dialler>, options: &Options) -> Self {
        let shared = Arc::new(Shared {
            seeds,
            dialler,
            options: options.clone(),
            map: RwLock::new(Arc::new(SlotMap::default())),
            wanted: Notify::new(),
            asked: watch::Sender::new((0, None)),
            primaries: watch::Sender::default(),
            changed: watch::Sender::new(()),
        });
        let refresher = tokio::spawn(refresh(shared.clone()));
        Self { shared, refresher }
    }

    /// Waits for a map, and for a connection to each primary.
    pub(super) async fn reachable(&self) -> Result<(), Lost> {
        if self.shared.map().is_empty() {
            self.refresh().await;
        }
        let map = self.shared.map();
        if map.is_empty() {
            let problem = self.shared.asked.borrow().1.clone();
            return Err(Lost::NotSent(
                problem.unwrap_or_else(|| "no node answered".into()),
            ));
        }
        for address in map.primaries() {
            for lane in self.node(&address).lanes() {
                lane.ready().await?;
            }
        }
        Ok(())
    }

    /// Asks again which node has which slots, and waits for the answer.
    pub(super) async fn refresh(&self) {
        let mut asked = self.shared.asked.subscribe();
        asked.mark_unchanged();
        self.shared.wanted.notify_one();
        let bound = self.shared.options.connect_timeout;
        // A caller that waited in vain finds the map as it was.
        let _ = timeout(bound, asked.changed()).await;
    }

    /// As [`Cluster::refresh`], at once, and fails where no node answers.
    pub(super) async fn look(&self) -> Result<()> {
        let asked = self.shared.ask_for_slots().await;
        let unknown = |problem: Arc<str>| Error::Unavailable(Failure::new(problem.to_string()));
        self.shared.adopt(&asked.map_err(unknown)?);
        Ok(())
    }

    /// A node does not answer: another may have its slots by now.
    pub(super) fn doubt(&self) {
        self.shared.wanted.notify_one();
    }

    pub(super) async fn primaries(&self) -> Result<Vec<Address>> {
        if self.shared.map().is_empty() {
            self.refresh().await;
        }
        let primaries = self.shared.map().primaries();
        if primaries.is_empty() {
            return Err(Error::Unavailable("no node of the cluster answers".into()));
        }
        Ok(primaries)
    }

    /// Changes when a map was adopted that has other primaries than the one before.
    pub(super) fn changes(&self) -> watch::Receiver<Vec<Address>> {
        self.shared.primaries.subscribe()
    }

    pub(super) fn node(&self, address: &Address) -> Arc<Node> {
        self.shared.node(address)
    }

    pub(super) fn finder_at(&self, address: &Address) -> Arc<Finder> {
        Arc::new(Finder::At(address.clone(), self.shared.dialler.clone()))
    }

    pub(super) async fn finder(&self, route: Route<'_>) -> Result<Arc<Finder>> {
        let (_, node) = self.owner(route).await?;
        Ok(node.finder().clone())
    }

    /// Changes when slots may have another owner.
    pub(super) fn map_changes(&self) -> watch::Receiver<()> {
        self.shared.changed.subscribe()
    }

    /// Whether it is not known that another node than this one has the keys of a route.
    pub(super) fn has(&self, address: &Address, route: Route<'_>) -> bool {
        let owner = self.shared.map().owner(route);
        owner.is_none_or(|(owner, _)| owner == *address)
    }

    pub(super) async fn owner(&self, route: Route<'_>) -> Result<(Address, Arc<Node>)> {
        if let Some(owner) = self.shared.map().owner(route) {
            return Ok(owner);
        }
        self.refresh().await;
        self.shared.map().owner(route).ok_or_else(|| {
            Error::Unavailable("no node of the cluster is known to have this key".into())
        })
    }

    /// Sends a command to the node that has its keys, wherever they move meanwhile.
    pub(super) async fn call(
        &self,
        effect: Effect,
        route: Route<'_>,
        command: &Cmd,
    ) -> Result<Verdict> {
        let until = Instant::now() + self.shared.options.answer_timeout;
        let mut pauses = Backoff::new(Duration::from_millis(10), Duration::from_millis(200));
        let (mut address, mut node) = self.owner(route).await?;
        let mut is_asking = false;
        let mut redirects = 0;
        loop {
            let reply = if is_asking {
                ask(&node, command, effect.max_reply()).await
            } else {
                let max = effect.max_reply();
                node.lane().call_within(command, max).await
            };
            let reply = reply.map_err(|lost| {
                if !matches!(lost, Lost::TooLarge { .. }) {
                    self.doubt();
                }
                effect.error(lost)
            })?;
            is_asking = false;
            match Verdict::of(reply) {
                Verdict::Moved(target) if redirects < MAX_REDIRECTS => {
                    redirects += 1;
                    let to = target_of(&target, &address)?;
                    node = self.shared.moved(route, &to);
                    address = to;
                }
                Verdict::Ask(target) if redirects < MAX_REDIRECTS => {
                    redirects += 1;
                    address = target_of(&target, &address)?;
                    node = self.node(&address);
                    is_asking = true;
                }
                Verdict::Later(failure) | Verdict::ReadOnly(failure) => {
                    self.shared.wanted.notify_one();
                    if Instant::now() >= until {
                        return Err(Error::Unavailable(failure));
                    }
                    pauses.pause().await;
                    (address, node) = self.owner(route).await?;
                }
                Verdict::Moved(_) | Verdict::Ask(_) => {
                    let problem = "the nodes of the cluster send one another in a circle";
                    return Err(Error::Unavailable(problem.into()));
                }
                verdict => return Ok(verdict),
            }
        }
    }

    pub(super) async fn close(&self, bound: Duration) {
        self.refresher.abort();
        let map = self.shared.map();
        let closing = map.nodes().map(|node| node.close(bound));
        futures::future::join_all(closing).await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.refresher.abort();
    }
}

// === impl Shared ===

impl Shared {
    fn map(&self) -> Arc<SlotMap> {
        self.map.read().clone()
    }

    fn start_node(&self, address: &Address) -> Arc<Node> {
        let finder = Finder::At(address.clone(), self.dialler.clone());
        Arc::new(Node::start(finder, &self.options))
    }

    /// The node there, known or not.
    fn node(&self, address: &Address) -> Arc<Node> {
        if let Some(node) = self.map().node(address) {
            return node;
        }
        let mut map = self.map.write();
        if let Some(node) = map.node(address) {
            return node;
        }
        let node = self.start_node(address);
        let mut next = SlotMap::clone(&map);
        next.know(address.clone(), node.clone());
        *map = Arc::new(next);
        node
    }

    /// Notes who has a slot now; what else has moved is found out in the background.
    fn moved(&self, route: Route<'_>, to: &Address) -> Arc<Node> {
        let node = self.node(to);
        if let Some(slot) = route.slot() {
            let mut map = self.map.write();
            let mut next = SlotMap::clone(&map);
            next.assign(slot, slot, to);
            *map = Arc::new(next);
            drop(map);
            self.changed.send_replace(());
        }
        self.wanted.notify_one();
        node
    }

    /// Asks nodes by the connections that there are, then seeds and nodes by new ones, until one
    /// answers.
    async fn ask_for_slots(&self) -> Result<Ranges, Arc<str>> {
        let map = self.map();
        let question = text("CLUSTER SLOTS");
        let mut asked = Vec::new();
        for (address, node) in map.known() {
            if node.lanes().iter().any(|lane| lane.trouble().is_none()) {
                asked.push(self.ask_one(address, Some(node), &question));
            }
        }
        for address in self
            .seeds
            .iter()
            .chain(map.known().map(|(address, _)| address))
        {
            asked.push(self.ask_one(address, None, &question));
        }
        stagger::first(asked).await.map_err(|problems| {
            let first = problems.into_iter().next();
            first.unwrap_or_else(|| "there is no node to ask".into())
        })
    }

    async fn ask_one(
        &self,
        address: &Address,
        node: Option<&Arc<Node>>,
        question: &Cmd,
    ) -> Result<Ranges, Arc<str>> {
        let Some(node) = node else {
            return self.ask_anew(address, question).await;
        };
        match node.sound_lane().call(question).await {
            Ok(reply) => {
                Ranges::read(&reply, address).map_err(|what| format!("{address}: {what}").into())
            }
            Err(lost) => Err(lost.reason()),
        }
    }

    async fn ask_anew(&self, address: &Address, question: &Cmd) -> Result<Ranges, Arc<str>> {
        let dialled = self.dialler.dial(address).await;
        let mut connection = dialled.map_err(|error| Arc::from(error.to_string()))?;
        let within = self.options.answer_timeout;
        let reply = connection.call(question, within).await;
        let reply = reply.map_err(|error| Arc::from(format!("{address}: {error}")))?;
        Ranges::read(&reply, address).map_err(|what| format!("{address}: {what}").into())
    }

    fn adopt(&self, ranges: &Ranges) {
        let mut map = self.map.write();
        let mut next = SlotMap::default();
        for (first, last, address) in ranges.iter() {
            let node = next.node(address).or_else(|| map.node(address));
            next.know(
                address.clone(),
                node.unwrap_or_else(|| self.start_node(address)),
            );
            next.assign(*first, *last, address);
        }
        let mut primaries = next.primaries();
        *map = Arc::new(next);
        drop(map);
        primaries.sort_unstable();
        self.primaries.send_if_modified(|known| {
            let is_other = *known != primaries;
            *known = primaries;
            is_other
        });
    }
}

/// Refreshes the map on request, not more often than the pause allows.
async fn refresh(shared: Arc<Shared>) {
    const AT_LEAST: Duration = Duration::from_millis(100);
    loop {
        shared.wanted.notified().await;
        let outcome = shared.ask_for_slots().await;
        let problem = match &outcome {
            Ok(ranges) => {
                shared.adopt(ranges);
                shared.changed.send_replace(());
                None
            }
            Err(problem) => Some(problem.clone()),
        };
        shared.asked.send_modify(|(times, last)| {
            *times += 1;
            *last = problem;
        });
        Backoff::new(AT_LEAST, AT_LEAST).pause().await;
    }
}

/// Sends a command to a node that does not have the slot yet.
async fn ask(node: &Node, command: &Cmd, max: usize) -> Result<Value, Lost> {
    let asking = text("ASKING");
    let commands = [&asking, command];
    let mut replies = node.lane().call_all_within(&commands, max).await?;
    Ok(replies.pop().unwrap_or_default())
}

/// Where a redirection points. A node that is to be named and has no name, as which it says `?` or
/// nothing, is at the host of the one that says so.
pub(super) fn target_of(target: &str, from: &Address) -> Result<Address> {
    // IPv6 addresses come without brackets.
    let whole = target.rsplit_once(':').and_then(|(host, port)| {
        let host = match (host, from) {
            ("" | "?", Address::Tcp { host, .. }) => host.clone(),
            (host, _) => host.to_owned(),
        };
        let port = port.parse().ok()?;
        Some(Address::Tcp { host, port })
    });
    whole.ok_or_else(|| {
        let problem = format!("a node of the cluster points to {target:?}, which is no address");
        Error::Unavailable(Failure::new(problem))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_points_to_an_address() {
        let from = Address::Tcp {
            host: "h".to_owned(),
            port: 1,
        };
        let shown = |target| target_of(target, &from).unwrap().to_string();
        assert_eq!(shown("10.0.0.1:7000"), "10.0.0.1:7000");
        assert_eq!(shown(":7000"), "h:7000");
        assert_eq!(shown("?:7000"), "h:7000");
        assert_eq!(shown("::1:7000"), "[::1]:7000");
        for target in ["", "x", "x:", "x:y", ":"] {
            assert!(target_of(target, &from).is_err(), "{target:?}");
        }
    }
}
