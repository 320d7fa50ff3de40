//! The watchers that one listener serves.
//!
//! - A watch that is opening gets exactly one answer: subscribed, refused, or the listener ended.
//! - A watch that was subscribed before is returned by [`Members::confirm`], since the events between
//!   two subscriptions are a gap.

use std::collections::HashMap;
use std::sync::Arc;

use keywell_store::{Error, Result};
use tokio::sync::oneshot;

use super::watcher::Watcher;

/// Watchers by number.
#[derive(Default)]
pub(super) struct Members(HashMap<u64, Member>);

struct Member {
    watcher: Arc<Watcher>,
    state: State,
}

enum State {
    /// Not subscribed yet; the caller who opens the watch waits for this answer.
    Opening(oneshot::Sender<Result<()>>),
    /// Subscribed by some connection, so that the loss of it is a gap.
    Open,
}

// === impl Members ===

impl Members {
    /// Adds a watcher. One without `answer` was open already, at another primary.
    pub(super) fn add(
        &mut self,
        watcher: Arc<Watcher>,
        answer: Option<oneshot::Sender<Result<()>>>,
    ) {
        let state = answer.map_or(State::Open, State::Opening);
        self.0.insert(watcher.number(), Member { watcher, state });
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Arc<Watcher>> {
        self.0.remove(&number).map(|member| member.watcher)
    }

    pub(super) fn get(&self, number: u64) -> Option<&Arc<Watcher>> {
        self.0.get(&number).map(|member| &member.watcher)
    }

    pub(super) fn all(&self) -> Vec<Arc<Watcher>> {
        let members = self.0.values();
        members.map(|member| member.watcher.clone()).collect()
    }

    /// Marks a watcher as subscribed. Returns it if it was so before: then it has a gap.
    pub(super) fn confirm(&mut self, number: u64) -> Option<Arc<Watcher>> {
        let member = self.0.get_mut(&number)?;
        match std::mem::replace(&mut member.state, State::Open) {
            State::Opening(answer) => {
                let _ = answer.send(Ok(()));
                None
            }
            State::Open => Some(member.watcher.clone()),
        }
    }

    /// Ends a watcher whose subscription the server refuses.
    pub(super) fn refuse(&mut self, number: u64, error: Error) {
        if let Some(member) = self.0.remove(&number) {
            member.end(error);
        }
    }

    /// Ends all watchers.
    pub(super) fn refuse_all(&mut self, error: &Error) {
        for (_, member) in self.0.drain() {
            member.end(error.clone());
        }
    }
}

// === impl Member ===

impl Member {
    fn end(self, error: Error) {
        self.watcher.queue().end(error.clone());
        if let State::Opening(answer) = self.state {
            let _ = answer.send(Err(error));
        }
    }
}
