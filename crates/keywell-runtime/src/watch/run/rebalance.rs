//! What a run does when partitions change hands.
//!
//! - Events of a partition that was lost are not delivered, but for those under way.
//! - Where the store repeats no event, those that came before another process took the partition are
//!   taken by this one, and those behind them by the other.

use std::collections::BTreeSet;

use super::Run;
use crate::Error;
use crate::watch::checkpoint;
use crate::watch::dispatch::job::JobSource;
use crate::watch::membership::{Assignment, Notice, Workload};
use crate::watch::purpose::other_purpose;

// === impl Run ===

impl Run {
    /// More events than this are not of the moment in which a partition is handed over.
    const HANDED_OVER: usize = 65_536;

    /// Renews the lease when it is due.
    pub(super) fn renew(&mut self) -> Result<(), Error> {
        let has_work = self.has_work();
        let Some(membership) = &mut self.membership else {
            return Ok(());
        };
        let notices = membership.tick(Workload {
            has_work,
            drained: self.checkpoint.drained(),
        });
        self.notices(notices)
    }

    pub(super) fn notices(&mut self, notices: Vec<Notice>) -> Result<(), Error> {
        for notice in notices {
            match notice {
                Notice::Assigned(assignment) => self.assigned(assignment)?,
                Notice::HandedOver(partitions) => self.hand_over(&partitions)?,
                Notice::Abandoned(partitions) => {
                    let trigger = &*self.trigger;
                    tracing::warn!(trigger, "no other process has taken over all events yet");
                    self.hand_over(&partitions)?;
                }
                Notice::Lost(partitions) => self.lose(&partitions),
                Notice::Refused => return Err(other_purpose(&self.trigger)),
                Notice::Admitted | Notice::Left => {}
            }
        }
        Ok(())
    }

    fn assigned(&mut self, assignment: Assignment) -> Result<(), Error> {
        let mut lost = assignment.lost;
        let is_resumable = self.checkpoint.is_resumable();
        if assignment.was_evicted {
            let trigger = &*self.trigger;
            tracing::warn!(
                trigger,
                "others evicted this process, as its lease expired; it starts over"
            );
            lost.extend(self.checkpoint.held());
        } else if is_resumable {
            lost.extend(&assignment.acquired);
        } else {
            lost.extend(&self.checkpoint.idle_draining() - &assignment.acquired);
        }
        self.lose(&lost);
        self.advance();
        if !assignment.draining.is_empty() {
            for partition in &assignment.draining {
                self.checkpoint.drain(*partition);
            }
            self.intake.remove(&assignment.draining);
            self.intake.drop_unused();
        }
        if !assignment.acquired.is_empty() {
            tracing::info!(
                trigger = &*self.trigger,
                partitions = assignment.acquired.len(),
                "delivering the events of more partitions"
            );
            if is_resumable {
                self.checkpoint.acquire(assignment.acquired);
            } else {
                self.acquire_lossy(&assignment.acquired, &assignment.orphaned);
            }
        }
        // Only now, as what is in the watch may be of partitions that were just acquired.
        self.hand_over(&assignment.handed_over)
    }

    fn acquire_lossy(&mut self, acquired: &BTreeSet<u8>, orphaned: &BTreeSet<u8>) {
        for partition in acquired {
            self.checkpoint.hold_or_resume(*partition);
        }
        self.intake.replays().look_again();
        if self.intake.extend(acquired) && !orphaned.is_empty() {
            self.intake.gap(
                "no process took these events for a while, and this store does not repeat them",
            );
            let orphaned: Vec<u8> = orphaned.iter().copied().collect();
            let epochs = self.checkpoint.epochs(&orphaned);
            self.intake.read_again(epochs);
        }
    }

    /// Goes on from the positions of partitions that were acquired.
    pub(super) fn acquired(&mut self, acquired: checkpoint::Acquired) {
        let (begun, dropped) = self.checkpoint.acquired(acquired);
        let partitions: Vec<u8> = begun.iter().map(|begun| begun.partition).collect();
        let mut stands = Vec::new();
        for begun in begun {
            self.intake
                .join(begun.partition, begun.token, begun.is_gap, &mut stands);
        }
        self.intake.drop_unused();
        if !stands.is_empty() {
            let epochs = self.checkpoint.epochs(&partitions);
            self.intake.open(stands, false, epochs);
        }
        self.drop_partitions(dropped);
        self.intake.replays().look_again();
    }

    pub(super) fn drop_partitions(&mut self, dropped: BTreeSet<u8>) {
        if let Some(membership) = &mut self.membership
            && !dropped.is_empty()
        {
            membership.drop_partitions(dropped);
        }
    }

    /// Gives up partitions that another process has.
    pub(super) fn lose(&mut self, lost: &BTreeSet<u8>) {
        let mut held = BTreeSet::new();
        for partition in lost {
            if self.checkpoint.lose(*partition) {
                held.insert(*partition);
            }
        }
        if held.is_empty() {
            return;
        }
        self.intake.remove(&held);
        let replays = self.intake.replays();
        self.dispatch.forget(|job| {
            let is_lost = held.contains(&job.ticket.partition);
            if let (true, JobSource::Replay(id)) = (is_lost, &job.source) {
                replays.forget(id);
            }
            is_lost
        });
    }

    /// Takes no more events of partitions that another process takes them of now.
    ///
    /// What is in the watch by now may have come before that, so it is taken yet. The other one has
    /// left in its own watch what came since before it took the partition.
    fn hand_over(&mut self, partitions: &BTreeSet<u8>) -> Result<(), Error> {
        if partitions.is_empty() {
            return Ok(());
        }
        for _ in 0..Self::HANDED_OVER {
            let Some((index, event)) = self.intake.next_now() else {
                break;
            };
            self.event(index, event)?;
        }
        for partition in partitions {
            self.checkpoint.drain(*partition);
        }
        self.intake.remove(partitions);
        Ok(())
    }
}
