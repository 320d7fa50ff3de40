//! How a [`Run`] hands shares over where no event is told again: what it gives away it goes on
//! delivering until another has it.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use futures::FutureExt as _;

use crate::Error;
use crate::watch::run::Run;

/// How far this process is in leaving the others, while it goes on taking events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    Not,
    /// It is to tell the others that it leaves, and to be through with that by then.
    Asked(Instant),
    /// The others take over what it held.
    Told(Instant),
    /// What comes from now on is theirs.
    Done,
}

// === impl Run ===

impl Run {
    /// Others know that this process leaves.
    pub(crate) fn departed(&mut self, has_others: bool) -> Result<(), Error> {
        if let Some(shared) = &mut self.shared
            && let Parting::Asked(until) = shared.parting
        {
            shared.parting = Parting::Told(until);
        }
        if has_others {
            // It may hold nothing that they could take.
            self.hand_over(&[])
        } else {
            self.hand_over_rest()
        }
    }

    /// Takes no more events of shares that another takes them of now.
    ///
    /// What is in the watch by now may have come before that, so it is taken yet. The other one has
    /// left in its own watch what came since before it took the share.
    pub(crate) fn hand_over(&mut self, shares: &[u8]) -> Result<(), Error> {
        if !shares.is_empty() {
            self.drain()?;
        }
        for share in shares {
            if let Some(held) = self.partitions.get_mut(share) {
                held.is_leaving = true;
            }
            for source in self.sources.iter_mut() {
                source.partitions.retain(|held| held != share);
            }
        }
        let is_through = self.partitions.values().all(|held| held.is_leaving);
        if let Some(shared) = &mut self.shared
            && let (Parting::Told(_), true) = (shared.parting, is_through)
        {
            shared.parting = Parting::Done;
        }
        Ok(())
    }

    /// Takes no more events of any share, whoever has them now.
    pub(crate) fn hand_over_rest(&mut self) -> Result<(), Error> {
        let rest: Vec<u8> = self.partitions.keys().copied().collect();
        self.hand_over(&rest)?;
        if let Some(shared) = &mut self.shared {
            shared.parting = Parting::Done;
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

    /// More events than this are not of the moment in which a share is handed over.
    const DRAINED: usize = 65_536;
}
