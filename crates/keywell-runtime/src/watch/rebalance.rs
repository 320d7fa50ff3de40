//! What a [`Run`] does when partitions change hands.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;

use futures::FutureExt as _;

use crate::Error;
use crate::watch::intake::sources::Stand;
use crate::watch::membership::{Assignment, Notice, Workload};
use crate::watch::purpose::other_purpose;
use crate::watch::run::{Acquired, Opening, Reopened, Run};

// === impl Run ===

impl Run {
    /// More events than this are not of the moment in which a partition is handed over.
    const DRAINED: usize = 65_536;

    /// Renews the lease when it is due.
    pub(crate) fn renew(&mut self) -> Result<(), Error> {
        let has_work = self.has_work();
        let Some(membership) = &mut self.membership else {
            return Ok(());
        };
        let drained = self
            .partitions
            .values()
            .filter(|held| held.is_leaving && held.is_idle() && held.unstored().is_none());
        let notices = membership.tick(Workload {
            has_work,
            drained: drained.map(|held| held.number).collect(),
        });
        self.notices(notices)
    }

    pub(crate) fn notices(&mut self, notices: Vec<Notice>) -> Result<(), Error> {
        for notice in notices {
            match notice {
                Notice::Assigned(assignment) => self.assigned(&assignment)?,
                Notice::HandedOver(partitions) => self.hand_over(&partitions)?,
                Notice::Abandoned(partitions) => {
                    let trigger = &*self.trigger.name;
                    tracing::warn!(trigger, "no other process has taken over all events yet");
                    self.hand_over(&partitions)?;
                }
                Notice::Lost(partitions) => {
                    partitions.into_iter().for_each(|lost| self.lose(lost));
                }
                Notice::Refused => return Err(other_purpose(&self.trigger.name)),
                Notice::Admitted | Notice::Left => {}
            }
        }
        Ok(())
    }

    fn assigned(&mut self, assignment: &Assignment) -> Result<(), Error> {
        let mut lost = assignment.lost.clone();
        if assignment.was_evicted {
            tracing::warn!(
                trigger = &*self.trigger.name,
                "others evicted this process, as its lease expired; it starts over"
            );
            lost.extend(self.partitions.keys());
        } else if !self.is_resumable() {
            let finished = self.partitions.values();
            let finished = finished.filter(|held| held.is_leaving && held.is_idle());
            let finished = finished.map(|held| held.number);
            lost.extend(finished.filter(|finished| !assignment.acquired.contains(finished)));
        }
        lost.into_iter().for_each(|lost| self.lose(lost));
        self.pass();
        for partition in &assignment.draining {
            self.leave_share(*partition);
        }
        self.acquire(&assignment.acquired, &assignment.orphaned);
        // Only now, as what is in the watch may be of partitions that were just acquired.
        self.hand_over(&assignment.handed_over)
    }

    /// Takes no further events of a partition, so that it can be released when those under way are
    /// finished.
    fn leave_share(&mut self, partition: u8) {
        if let Some(held) = self.partitions.get_mut(&partition) {
            held.is_leaving = true;
        }
        for source in self.sources.iter_mut() {
            source.partitions.retain(|held| *held != partition);
        }
        self.sources.drop_unused();
    }

    fn acquire(&mut self, acquired: &BTreeSet<u8>, orphaned: &BTreeSet<u8>) {
        if acquired.is_empty() {
            return;
        }
        tracing::info!(
            trigger = &*self.trigger.name,
            partitions = acquired.len(),
            "delivering the events of more partitions"
        );
        let Some(positions) = self.trigger.positions.clone() else {
            self.acquire_lossy(acquired, orphaned);
            self.look_for_replays();
            return;
        };
        self.holdings += 1;
        let holding = self.holdings;
        for partition in acquired {
            self.lose(*partition);
            self.acquiring.insert(*partition, holding);
        }
        let start = self.trigger.start.clone();
        let acquired = acquired.clone();
        self.acquisitions.push(Box::pin(async move {
            let taken = acquired.into_iter().map(|partition| {
                let (positions, start) = (&positions, &start);
                async move {
                    let taken = positions.take(partition, start.as_ref()).await;
                    (partition, taken)
                }
            });
            let positions = futures::future::join_all(taken).await;
            Acquired { holding, positions }
        }));
    }

    fn acquire_lossy(&mut self, acquired: &BTreeSet<u8>, orphaned: &BTreeSet<u8>) {
        for partition in acquired {
            match self.partitions.get_mut(partition) {
                // It comes back before all of it was delivered.
                Some(held) => held.is_leaving = false,
                None => self.hold(*partition, None, None),
            }
        }
        // One that is being opened again is for all partitions, and reads named keys itself.
        let Some(source) = self.sources.iter_mut().next() else {
            return;
        };
        source.partitions.extend(acquired);
        if orphaned.is_empty() {
            return;
        }
        self.gap("no process took these events for a while, and this store does not repeat them");
        let opener = self.trigger.opener.clone();
        let orphaned: Vec<u8> = orphaned.iter().copied().collect();
        let partitions = self.holdings_of(&orphaned);
        let began = self.told.now();
        self.openings.push(Box::pin(async move {
            let present = opener.present_at_length().await;
            Opening {
                partitions,
                ended: present.map(|present| Reopened::Present(present, began)),
            }
        }));
    }

    /// Goes on from the positions of partitions that were acquired, unless they were lost meanwhile.
    pub(crate) fn acquired(&mut self, acquired: Acquired) {
        let mut stands: Vec<Stand> = Vec::new();
        let mut dropped = BTreeSet::new();
        for (partition, position) in acquired.positions {
            if self.acquiring.get(&partition) != Some(&acquired.holding) {
                continue;
            }
            self.acquiring.remove(&partition);
            let position = match position {
                Ok(position) => position,
                Err(error) => {
                    tracing::warn!(%error, partition, "cannot read the position of a partition; trying again");
                    dropped.insert(partition);
                    continue;
                }
            };
            self.hold(partition, position.token.clone(), position.version);
            let reached = position.token.as_ref();
            if let Some(reached) = reached.and_then(|token| self.sources.at(token)) {
                reached.partitions.push(partition);
            } else {
                let missed = position.token.is_none() && position.is_known;
                Stand::add(&mut stands, position.token, missed, partition);
            }
        }
        self.sources.drop_unused();
        if !stands.is_empty() {
            self.open(stands, false);
        }
        if let Some(membership) = &mut self.membership
            && !dropped.is_empty()
        {
            membership.drop_partitions(dropped);
        }
        self.look_for_replays();
    }

    /// Takes no more events of partitions that another process takes them of now.
    ///
    /// What is in the watch by now may have come before that, so it is taken yet. The other one has
    /// left in its own watch what came since before it took the partition.
    fn hand_over(&mut self, partitions: &BTreeSet<u8>) -> Result<(), Error> {
        if partitions.is_empty() {
            return Ok(());
        }
        self.drain()?;
        for partition in partitions {
            if let Some(held) = self.partitions.get_mut(partition) {
                held.is_leaving = true;
            }
        }
        for source in self.sources.iter_mut() {
            source.partitions.retain(|held| !partitions.contains(held));
        }
        Ok(())
    }

    /// Takes what the watches have now, also where there is no room for it.
    fn drain(&mut self) -> Result<(), Error> {
        for _ in 0..Self::DRAINED {
            let next = poll_fn(|cx| Poll::Ready(self.sources.poll_next(cx)));
            let next = tokio::task::unconstrained(next).now_or_never();
            let Some(Poll::Ready((index, event))) = next else {
                break;
            };
            match event {
                Some(Ok(event)) => self.event(index, event),
                Some(Err(error)) => self.watch_ended(index, Some(&error))?,
                None => self.watch_ended(index, None)?,
            }
        }
        Ok(())
    }
}
