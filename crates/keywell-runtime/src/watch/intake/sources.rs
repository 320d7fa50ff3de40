//! The watches of a trigger, and which partitions take their events from which of them.
//!
//! As a rule there is one for all partitions. Acquired partitions continue from their own positions,
//! each in a watch of its own, until that has reached the position of another one.

use std::task::{Context, Poll};

use futures::StreamExt as _;
use keywell_store::{Event, Result, ResumeToken, Watch};

/// A watch, and the partitions whose events are taken from it.
pub(crate) struct Source {
    watch: Watch,
    /// How far it has read, as last noted: the token of the latest event, or one behind it.
    last: Option<ResumeToken>,
    partitions: Vec<u8>,
    coalesced: u64,
}

/// The watches of a trigger.
#[derive(Default)]
pub(crate) struct Sources {
    list: Vec<Source>,
    /// Which is asked first next time.
    turn: usize,
}

// === impl Source ===

impl Source {
    pub(crate) fn new(watch: Watch, after: Option<ResumeToken>, partitions: Vec<u8>) -> Self {
        let last = after.or_else(|| watch.start().cloned());
        Self {
            watch,
            last,
            partitions,
            coalesced: 0,
        }
    }

    /// How far it has read.
    pub(crate) fn last(&self) -> Option<&ResumeToken> {
        self.last.as_ref()
    }

    /// The partitions whose events are taken from it.
    pub(crate) fn partitions(&self) -> &[u8] {
        &self.partitions
    }

    pub(crate) fn add_partitions(&mut self, partitions: impl IntoIterator<Item = u8>) {
        self.partitions.extend(partitions);
    }

    pub(crate) fn retain(&mut self, mut stays: impl FnMut(u8) -> bool) {
        self.partitions.retain(|partition| stays(*partition));
    }

    /// Takes note of the token of an event.
    pub(crate) fn reach(&mut self, token: Option<&ResumeToken>) {
        if let Some(token) = token {
            self.last = Some(token.clone());
        }
    }

    /// Takes note of how far it has read past what its filter leaves out.
    pub(crate) fn advance(&mut self) {
        if let Some(reached) = self.watch.reached() {
            self.last = Some(reached);
        }
    }

    /// How many more changes the store coalesced since the last call.
    pub(crate) fn take_coalesced(&mut self) -> u64 {
        let now = self.watch.coalesced();
        let more = now.saturating_sub(self.coalesced);
        self.coalesced = now;
        more
    }
}

// === impl Sources ===

impl Sources {
    pub(crate) fn add(&mut self, source: Source) -> usize {
        self.list.push(source);
        self.list.len() - 1
    }

    pub(crate) fn remove(&mut self, index: usize) -> Source {
        self.list.remove(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Source> {
        self.list.get_mut(index)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Source> {
        self.list.iter_mut()
    }

    /// Removes watches whose events are for no partition.
    pub(crate) fn drop_unused(&mut self) {
        self.list.retain(|source| !source.partitions.is_empty());
    }

    /// The watch that has reached exactly this token.
    pub(crate) fn at(&mut self, token: &ResumeToken) -> Option<&mut Source> {
        self.list
            .iter_mut()
            .find(|source| source.last.as_ref() == Some(token))
    }

    /// Merges the watches that have reached the same token as this one.
    pub(crate) fn merge(&mut self, index: usize) {
        if self.list.len() < 2 {
            return;
        }
        let Some(last) = self.list.get(index).and_then(|source| source.last.clone()) else {
            return;
        };
        let mut partitions: Vec<u8> = Vec::new();
        let mut at = 0;
        self.list.retain(|source| {
            let is_other = at != index;
            at += 1;
            let is_same = is_other && source.last.as_ref() == Some(&last);
            if is_same {
                partitions.extend(&source.partitions);
            }
            !is_same
        });
        if let Some(source) = self.at(&last) {
            source.partitions.extend(partitions);
        }
    }

    /// The next event of any of them, and whose it is.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(usize, Option<Result<Event>>)> {
        let sources = self.list.len();
        for turn in 0..sources {
            let index = (self.turn + turn) % sources;
            if let Poll::Ready(event) = self.list[index].watch.poll_next_unpin(cx) {
                self.turn = index + 1;
                return Poll::Ready((index, event));
            }
        }
        Poll::Pending
    }
}
