use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use redis::Value;

use super::hub::Hub;
use super::listener::Request;
use super::pending::Pending;
use super::tellers::{Held, Standing, Tellers};
use crate::link::{Backoff, Found, Link, Place, Route, slot};
use crate::wire::command;

/// A listener at a node of a cluster, as one among others.
#[derive(Clone)]
pub(super) struct Peers {
    pub(super) link: Link,
    pub(super) hub: Weak<Hub>,
    pub(super) tellers: Arc<Tellers>,
    pub(super) own: Place,
}

// === impl Peers ===

impl Peers {
    /// How often somebody ceased to tell of a key.
    pub(super) fn term(&self, name: &[u8]) -> u64 {
        self.tellers.term(slot(name))
    }

    /// Who tells of a key, and since which term, where our node says this of where it is.
    pub(super) fn standing(&self, name: &[u8], found: &Found) -> (Standing, u64) {
        let first = match found {
            Found::Here(_) | Found::Asked => Some(&self.own),
            Found::Moved(to) => Some(to),
            Found::Unknown(_) => None,
        };
        self.tellers.standing(slot(name), &self.own, first)
    }

    /// Lets nobody else become who tells of a key while this is held; none if it is not us, or no
    /// longer in this term.
    pub(super) fn hold(&self, name: &[u8], term: u64) -> Option<Held<'_>> {
        self.tellers.hold(slot(name), &self.own, term)
    }

    /// Leaves a key to those who contested it, to try again.
    pub(super) fn give_back(&self, name: &[u8], contested: Vec<(Place, Pending)>) {
        for (by, pending) in contested {
            // One that listens no more has told a gap.
            let _ = self.send(&by, Request::Retry(name.to_vec(), pending));
        }
    }

    /// Leaves the slot of a key to another, or to whoever comes first.
    pub(super) fn pass(&self, name: &[u8], to: Option<Place>) {
        self.tellers.pass(slot(name), &self.own, to);
    }

    /// Tells of nothing any more.
    pub(super) fn leave(&self) {
        self.tellers.leave(&self.own);
    }

    /// Whether somebody listens there.
    pub(super) fn listens(&self, place: &Place) -> bool {
        let hub = self.hub.upgrade();
        hub.is_some_and(|hub| hub.listens(place))
    }

    /// Asks something of another, unless there is none.
    pub(super) fn send(&self, to: &Place, request: Request) -> Result<(), Request> {
        match self.hub.upgrade() {
            Some(hub) => hub.send(to, request),
            // Nobody watches any more.
            None => Ok(()),
        }
    }

    /// Reads a key wherever it is.
    pub(super) fn read(&self, name: &[u8]) -> BoxFuture<'static, keywell_store::Result<Value>> {
        let (link, name) = (self.link.clone(), name.to_vec());
        Box::pin(async move {
            let get = command(&[b"GET", &name]);
            link.read(Route::Key(&name), &get).await
        })
    }

    /// Waits until a node is listened to, if it is one of the cluster.
    pub(super) fn find(&self, place: Place) -> BoxFuture<'static, ()> {
        let hub = self.hub.clone();
        Box::pin(async move {
            if let Some(hub) = hub.upgrade() {
                hub.find(&place).await;
            }
        })
    }

    /// Waits a little for nodes to agree, longer each time.
    pub(super) fn pause(turns: u32) -> BoxFuture<'static, ()> {
        const FIRST: Duration = Duration::from_millis(5);
        const LONGEST: Duration = Duration::from_millis(200);
        let pause = (FIRST * turns).min(LONGEST);
        Box::pin(async move { Backoff::new(pause, pause).pause().await })
    }
}
