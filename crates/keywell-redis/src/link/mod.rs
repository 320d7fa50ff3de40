//! What everything else of the store talks to Redis through.
//!
//! A [`Link`] is a cheap clone that any number of callers share:
//!
//! - [`Link::read`] and [`Link::write`] send one command to the server that has a [`Route`]. A read
//!   that gets no answer is `Unavailable`. A write that was certainly not sent is `Unavailable`, and
//!   one that may have been is `Ambiguous`. Nothing is sent again after it may have been sent.
//! - What a server says it did not execute is followed up: `MOVED` and `ASK` to the other server,
//!   at most [`cluster::MAX_REDIRECTS`] times; `TRYAGAIN`, `CLUSTERDOWN`, `LOADING` by trying again for as
//!   long as an answer may take. Any other refusal becomes the error that it means to a caller
//!   ([`refusal`]), so an `Ok` is never an error of the server.
//! - [`Link::script`] runs a [`Script`] by its digest, and by its text where the server does not know
//!   it yet.
//! - [`Link::dedicated`] gives a connection of one's own, for what waits on the server.
//!
//! # How servers are found
//!
//! - Several addresses (sentinels, seeds, those that a name resolves to) are tried one after the other,
//!   200 ms apart or as soon as one fails ([`stagger`](keywell_client::stagger)); the first good answer
//!   counts.
//! - A task replaces the slot map of a cluster as a whole, after a redirection or a lost node
//!   ([`cluster`]).
//! - Sentinels are asked at every connect, and the server that they name has to say itself that it is a
//!   primary ([`finder`]). While there are watches, one sentinel is subscribed to, and connections to
//!   another server than the primary that it names are replaced ([`switches`]).
//! - A server that refuses a write as a replica may have been the primary when its connection was made,
//!   and its address may lead elsewhere by now. Another connection is tried beside it, with backoff,
//!   and replaces it if it leads to a primary ([`keeper`]). A store that points at a replica on purpose
//!   keeps reading.

mod cli;
mod cluster;
mod door;
mod finder;
mod found;
mod keeper;
mod node;
mod pinned;
mod post;
mod primary;
mod reply;
mod route;
mod script;
mod shared;
mod slots;
mod switches;

use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Failure, Result};
use parking_lot::Mutex;
use redis::{Cmd, Value};
use tokio::sync::watch;
use tokio::time::Instant;

use cli::Cli;
use cluster::Cluster;
use door::{Door, Doors};
use finder::{Finder, Sentinels, is_primary};
pub(crate) use found::Found;
pub(crate) use keywell_client::Backoff;
use node::Node;
pub(crate) use pinned::Pinned;
pub(crate) use post::Post;
pub(crate) use primary::Primary;
use reply::Verdict;
pub(crate) use reply::{Effect, refusal, unexpected};
pub(crate) use route::{Route, slot};
pub(crate) use script::Script;
use shared::Shared;
pub(crate) use switches::Switches;

use crate::OpenError;
use crate::options::{Address, Options, Servers};
use crate::wire::{Dedicated, Dialler, Lane, Lost, text};

/// The links of this process that may be shared.
static LINKS: Shared<Inner> = Shared::new();

/// The way to one Redis: a server, the primary behind sentinels, or a cluster.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>, Arc<Door>);

struct Inner {
    topology: Topology,
    cli: Cli,
    answer: Duration,
    /// There are several where a link is shared.
    doors: Arc<Doors>,
}

enum Topology {
    Primary(Arc<Node>),
    Cluster(Cluster),
}

// === impl Link ===

impl Link {
    /// Connects, unless it is to wait for the first call. A link that may be shared is the one that
    /// this process has for the same options; it lives on the async runtime that opened it first.
    pub(crate) async fn open(options: &Options) -> Result<Self, OpenError> {
        if !options.share_connections {
            return Self::start(options).await;
        }
        let key = options.of_link();
        if let Some(link) = LINKS.find(&key, Self::enter) {
            return Ok(link);
        }
        let link = Self::start(options).await?;
        // Two callers may have opened it at the same time; the first one in stays.
        let earlier = LINKS.add(key, &link.0, Self::enter);
        Ok(earlier.unwrap_or(link))
    }

    /// Another door to a link that is still open.
    fn enter(inner: Arc<Inner>) -> Option<Self> {
        let door = inner.doors.open()?;
        Some(Self(inner, Arc::new(door)))
    }

    async fn start(options: &Options) -> Result<Self, OpenError> {
        let dialler = Arc::new(Dialler::new(options)?);
        let topology = match &options.servers {
            Servers::One(address) => {
                let finder = Finder::At(address.clone(), dialler);
                Topology::Primary(Arc::new(Node::start(finder, options)))
            }
            Servers::Sentinel {
                sentinels,
                service,
                login,
            } => {
                let finder = Finder::Sentinel(Sentinels {
                    addresses: sentinels.clone(),
                    service: service.clone(),
                    ask: dialler.for_sentinels(login.clone()),
                    dialler,
                    found: Mutex::default(),
                });
                Topology::Primary(Arc::new(Node::start(finder, options)))
            }
            Servers::Cluster(seeds) => {
                Topology::Cluster(Cluster::start(seeds.clone(), dialler, options))
            }
        };
        let doors = Arc::new(Doors::default());
        let door = doors.open_first();
        let inner = Inner {
            topology,
            cli: Cli::new(options),
            answer: options.answer_timeout,
            doors,
        };
        let link = Self(Arc::new(inner), Arc::new(door));
        if !options.lazy {
            link.connect(options).await?;
        }
        Ok(link)
    }

    /// Waits for the first connection.
    async fn connect(&self, options: &Options) -> Result<(), OpenError> {
        let mut backoff = Backoff::new(Duration::from_millis(20), options.reconnect_max_delay);
        let mut retries = options.connect_retries;
        let bound = options.connect_timeout;
        let bound = bound.saturating_mul(retries.saturating_add(1));
        // Past the end of the clock is never.
        let until = Instant::now().checked_add(bound);
        loop {
            let problem = match self.reachable().await {
                Ok(()) => return Ok(()),
                Err(lost) => lost.reason(),
            };
            // No connection yet, and no failure either: the attempt still goes on.
            let goes_on = &*problem == Lane::STILL_CONNECTING;
            let is_late = until.is_some_and(|until| Instant::now() >= until);
            if (retries == 0 && !goes_on) || is_late {
                return Err(OpenError::Unavailable(problem.to_string()));
            }
            if !goes_on {
                retries -= 1;
                backoff.pause().await;
            }
        }
    }

    async fn reachable(&self) -> Result<(), Lost> {
        match &self.0.topology {
            Topology::Primary(node) => {
                for lane in node.lanes() {
                    lane.ready().await?;
                }
                Ok(())
            }
            Topology::Cluster(cluster) => cluster.reachable().await,
        }
    }

    /// Whether keys of one command have to be of one slot.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.0.topology, Topology::Cluster(_))
    }

    /// How long an answer may take.
    pub(crate) fn answer_timeout(&self) -> Duration {
        self.0.answer
    }

    /// Sends a command that changes nothing.
    pub(crate) async fn read(&self, route: Route<'_>, command: &Cmd) -> Result<Value> {
        self.call(Effect::Read, route, command).await
    }

    /// Sends a command that changes something, once.
    pub(crate) async fn write(&self, route: Route<'_>, command: &Cmd) -> Result<Value> {
        self.call(Effect::Write, route, command).await
    }

    /// Runs a script.
    pub(crate) async fn script(
        &self,
        effect: Effect,
        route: Route<'_>,
        script: &Script,
        keys: &[&[u8]],
        arguments: &[&[u8]],
    ) -> Result<Value> {
        let by_digest = script.by_digest(keys, arguments);
        match self.verdict(effect, route, &by_digest).await? {
            Verdict::UnknownScript => {
                let by_code = script.by_code(keys, arguments);
                self.call(effect, route, &by_code).await
            }
            verdict => verdict.settle(),
        }
    }

    /// A connection of one's own to the server that has a route.
    pub(crate) async fn dedicated(&self, route: Route<'_>) -> Result<Dedicated> {
        let finder = match &self.0.topology {
            Topology::Primary(node) => node.finder().clone(),
            Topology::Cluster(cluster) => cluster.finder(route).await?,
        };
        let found = finder.find().await;
        found.map_err(|error| Error::Unavailable(Failure::new(error.to_string())))
    }

    /// A connection of one's own to the server that has a key, to wait on.
    pub(crate) async fn post(&self, key: String) -> Result<Post> {
        // First: whatever changes from now on counts.
        let changes = match &self.0.topology {
            Topology::Primary(node) => node.renewals(),
            Topology::Cluster(cluster) => cluster.map_changes(),
        };
        let connection = self.dedicated(Route::Key(key.as_bytes())).await?;
        let link = self.clone();
        let has = move |server: &Address| link.has(&key, server);
        Ok(Post::new(connection, changes, Box::new(has)))
    }

    /// Whether a server still has a key after something has changed, as far as is known.
    fn has(&self, key: &str, server: &Address) -> bool {
        match &self.0.topology {
            // Made again, it may lead elsewhere by the same address.
            Topology::Primary(_) => false,
            Topology::Cluster(cluster) => cluster.has(server, Route::Key(key.as_bytes())),
        }
    }

    /// The primaries. Each emits the events of its own keys.
    pub(crate) async fn primaries(&self) -> Result<Vec<Primary>> {
        match &self.0.topology {
            Topology::Primary(_) => Ok(vec![Primary::Only]),
            Topology::Cluster(cluster) => {
                let primaries = cluster.primaries().await?;
                Ok(primaries.into_iter().map(Primary::Node).collect())
            }
        }
    }

    /// The primaries that there are now: a cluster is asked, as one that got its first slots since
    /// is announced by no node.
    pub(crate) async fn present_primaries(&self) -> Result<Vec<Primary>> {
        if let Topology::Cluster(cluster) = &self.0.topology {
            cluster.look().await?;
        }
        self.primaries().await
    }

    /// One of the connections to a primary.
    pub(crate) async fn pinned_at(&self, primary: &Primary) -> Result<Pinned> {
        let node = match (&self.0.topology, primary) {
            (Topology::Primary(node), _) => node.clone(),
            (Topology::Cluster(cluster), Primary::Node(address)) => cluster.node(address),
            (Topology::Cluster(cluster), Primary::Only) => cluster.owner(Route::Any).await?.1,
        };
        Pinned::to(self.1.clone(), node).await
    }

    /// Asks a cluster again for its primaries.
    pub(crate) async fn refresh(&self) {
        if let Topology::Cluster(cluster) = &self.0.topology {
            cluster.refresh().await;
        }
    }

    /// Changes when a cluster was found to have other primaries, by any caller; none where there is
    /// but one.
    pub(crate) fn primary_changes(&self) -> Option<watch::Receiver<Vec<Address>>> {
        match &self.0.topology {
            Topology::Cluster(cluster) => Some(cluster.changes()),
            Topology::Primary(_) => None,
        }
    }

    /// A connection of one's own to a primary.
    pub(crate) async fn dedicated_at(&self, primary: &Primary) -> Result<Dedicated> {
        let finder = match (&self.0.topology, primary) {
            (Topology::Cluster(cluster), Primary::Node(address)) => cluster.finder_at(address),
            (Topology::Primary(node), _) => node.finder().clone(),
            (Topology::Cluster(_), Primary::Only) => return self.dedicated(Route::Any).await,
        };
        let found = finder.find().await;
        found.map_err(|error| Error::Unavailable(Failure::new(error.to_string())))
    }

    /// How people reach a primary by `redis-cli`; `None` where sentinels never led to it.
    pub(crate) fn cli_at(&self, primary: &Primary) -> Option<String> {
        let address = match (&self.0.topology, primary) {
            (_, Primary::Node(address)) => address.clone(),
            (Topology::Primary(node), Primary::Only) => match &**node.finder() {
                Finder::At(address, _) => address.clone(),
                Finder::Sentinel(sentinels) => sentinels.found()?,
            },
            (Topology::Cluster(_), Primary::Only) => return None,
        };
        Some(self.0.cli.at(&address))
    }

    /// Hears from sentinels which server is the primary, if there are any, for as long as a caller has
    /// this. The link then replaces its connections to another one.
    pub(crate) fn switches(&self) -> Option<Arc<Switches>> {
        match &self.0.topology {
            Topology::Primary(node) => node.switches(),
            Topology::Cluster(_) => None,
        }
    }

    /// Sends a command that changes nothing to a primary.
    pub(crate) async fn read_at(&self, primary: &Primary, command: &Cmd) -> Result<Value> {
        self.call_at(Effect::Read, primary, command).await
    }

    /// Sends a command to a primary, wherever its keys are.
    pub(crate) async fn call_at(
        &self,
        effect: Effect,
        primary: &Primary,
        command: &Cmd,
    ) -> Result<Value> {
        self.1.check()?;
        let called = match (&self.0.topology, primary) {
            (Topology::Primary(node), _) => node.lane().call(command).await,
            (Topology::Cluster(cluster), Primary::Node(address)) => {
                cluster.node(address).lane().call(command).await
            }
            (Topology::Cluster(_), Primary::Only) => {
                return self.call(effect, Route::Any, command).await;
            }
        };
        let reply = called.map_err(|lost| {
            if let Topology::Cluster(cluster) = &self.0.topology {
                cluster.doubt();
            }
            effect.error(lost)
        })?;
        Verdict::of(reply).settle()
    }

    /// Whether every primary answers and takes writes.
    pub(crate) async fn health(&self) -> Result<()> {
        for primary in self.primaries().await? {
            self.read_at(&primary, &text("PING")).await?;
            let role = match self.read_at(&primary, &text("ROLE")).await {
                Err(Error::AccessDenied(_)) => continue,
                role => role?,
            };
            if !is_primary(&role) {
                let problem = "the server is a replica, and takes no writes";
                return Err(Error::Unavailable(problem.into()));
            }
        }
        Ok(())
    }

    /// Takes no more calls, and waits until those sent are answered. Others who share it go on.
    pub(crate) async fn close(&self) {
        if !self.1.close() {
            return;
        }
        match &self.0.topology {
            Topology::Primary(node) => node.close(self.0.answer * 2).await,
            Topology::Cluster(cluster) => cluster.close(self.0.answer * 2).await,
        }
    }

    /// Sends a command, once if it changes something.
    pub(crate) async fn call(
        &self,
        effect: Effect,
        route: Route<'_>,
        command: &Cmd,
    ) -> Result<Value> {
        self.verdict(effect, route, command).await?.settle()
    }

    /// Follows up what was not executed.
    async fn verdict(&self, effect: Effect, route: Route<'_>, command: &Cmd) -> Result<Verdict> {
        self.1.check()?;
        let node = match &self.0.topology {
            Topology::Primary(node) => node,
            Topology::Cluster(cluster) => return cluster.call(effect, route, command).await,
        };
        let mut verdict = node.call(effect, command).await?;
        if let Verdict::Later(_) = verdict {
            let until = Instant::now() + self.0.answer;
            let mut pauses = Backoff::new(Duration::from_millis(10), Duration::from_millis(200));
            while matches!(verdict, Verdict::Later(_)) && Instant::now() < until {
                pauses.pause().await;
                verdict = node.call(effect, command).await?;
            }
        }
        Ok(verdict)
    }
}
