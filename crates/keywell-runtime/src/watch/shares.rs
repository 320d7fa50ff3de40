use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keywell_store::BoxFuture;

use crate::Error;
use crate::watch::checkpoint::positions::Position;
use crate::watch::checkpoint::progress::Partition;
use crate::watch::handover::Parting;
use crate::watch::intake::sources::Stand;
use crate::watch::membership::group::{Group, Heard, Shares};
use crate::watch::run::{Opening, Reopened, Run};

/// The part that this process has in a trigger that several run.
pub(crate) struct Shared {
    /// Not here while it is renewed.
    group: Option<Group>,
    renewing: Option<BoxFuture<Renewal>>,
    /// When to renew though there is no work; never, where nobody else is there.
    renew_at: Option<Instant>,
    /// From when on there is no work without a renewal.
    stale_at: Instant,
    period: Duration,
    valid_until: Option<Instant>,
    has_joined: bool,
    /// What is to be given away with the next renewal, though events of it go on coming.
    surplus: Vec<u8>,
    pub(crate) parting: Parting,
    claims: Arc<AtomicBool>,
}

/// What became of the part that this process has.
pub(crate) enum News {
    Renewed(Box<Renewal>),
    /// Others have written something.
    Heard(Heard),
}

/// A renewal of the lease that has ended.
pub(crate) struct Renewal {
    group: Group,
    ended: keywell_store::Result<Outcome>,
}

enum Outcome {
    Renewed(Shares, Vec<(u8, Position)>),
    /// Whether there are others.
    Departed(bool),
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(group: Group) -> Self {
        Self {
            period: group.period(),
            claims: group.claims(),
            group: Some(group),
            renewing: None,
            renew_at: Some(Instant::now()),
            stale_at: Instant::now(),
            valid_until: None,
            has_joined: false,
            surplus: Vec::new(),
            parting: Parting::Not,
        }
    }

    /// Whether this process knows which shares are its own.
    pub(crate) fn has_joined(&self) -> bool {
        self.has_joined
    }

    /// Whether what is held is surely held by nobody else.
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        // What is still to be delivered by one that has left, nobody else has heard as its own.
        let has_left = matches!(self.parting, Parting::Told(_) | Parting::Done);
        has_left || self.valid_until.is_some_and(|until| now < until)
    }

    /// Has the others told that this process leaves, and goes on taking events until they have its
    /// shares.
    pub(crate) fn part(&mut self, now: Instant) {
        // Whoever does not hear it sees it when it renews, and the dead are found dead by then.
        self.parting = Parting::Asked(now + 3 * self.period);
        self.renew_at = Some(now);
    }

    /// Until when events are taken for others who are about to.
    pub(crate) fn parts_until(&self) -> Option<Instant> {
        match self.parting {
            Parting::Asked(until) | Parting::Told(until) => Some(until),
            Parting::Not | Parting::Done => None,
        }
    }

    /// Whether events stay in the watch, since they may be of shares that are about to be this
    /// process's.
    pub(crate) fn claims(&self) -> Arc<AtomicBool> {
        self.claims.clone()
    }

    /// When the lease is to be renewed.
    pub(crate) fn due(&self, has_work: bool) -> Option<Instant> {
        let works_until = has_work.then_some(self.stale_at);
        let due = match self.parting {
            Parting::Not => self.renew_at.into_iter().chain(works_until).min(),
            Parting::Asked(_) => self.renew_at,
            Parting::Told(_) | Parting::Done => None,
        };
        due.filter(|_| self.renewing.is_none())
    }

    /// Has the lease renewed at once, unless that was only just done: what disturbs again and again
    /// must not keep the store busy.
    pub(crate) fn hurry(&mut self) {
        let soonest = self.stale_at.checked_sub(self.period / 16 * 15);
        let now = Instant::now();
        self.renew_at = Some(soonest.map_or(now, |soonest| now.max(soonest)));
    }

    /// Waits for the end of the renewal that is under way, or until others have done what is a
    /// reason for one.
    pub(crate) async fn news(shared: &mut Option<Self>) -> News {
        match shared {
            Some(Self {
                renewing: Some(renewing),
                ..
            }) => News::Renewed(Box::new(renewing.await)),
            Some(Self {
                group: Some(group), ..
            }) => News::Heard(group.disturbed().await),
            _ => std::future::pending().await,
        }
    }

    /// Gives back all, for others to take at once.
    pub(crate) async fn leave(mut self) {
        if let Some(renewing) = self.renewing.take() {
            self.group = Some(renewing.await.group);
        }
        if let Some(mut group) = self.group.take()
            && let Err(error) = group.leave().await
        {
            tracing::warn!(%error, "cannot leave the group; others take over when the lease ends");
        }
    }
}

// === impl Run ===

impl Run {
    /// Begins to renew the lease when it is time.
    pub(crate) fn renew(&mut self, now: Instant) {
        let is_resumable = self.trigger.positions.is_some();
        let has_work = self.has_work();
        let Some(shared) = &mut self.shared else {
            return;
        };
        if shared.due(has_work).is_none_or(|due| now < due) {
            return;
        }
        let Some(mut group) = shared.group.take() else {
            return;
        };
        if let Parting::Asked(_) = shared.parting {
            shared.renew_at = None;
            shared.renewing = Some(Box::pin(async move {
                let ended = group.depart().await.map(Outcome::Departed);
                Renewal { group, ended }
            }));
            return;
        }
        shared.stale_at = now + shared.period;
        shared.renew_at = Some(shared.stale_at);
        let is_done =
            |held: &Partition| held.is_leaving && held.is_idle() && held.unstored().is_none();
        let held = self.partitions.values();
        let (leaving, holding): (Vec<u8>, Vec<u8>) = if is_resumable {
            let leaving = held.filter(|held| is_done(held)).map(|held| held.number);
            (leaving.collect(), self.partitions.keys().copied().collect())
        } else {
            let holding = held.filter(|held| !held.is_leaving);
            let holding = holding.map(|held| held.number).collect();
            (shared.surplus.clone(), holding)
        };
        let positions = self.trigger.positions.clone();
        let start = self.trigger.start.clone();
        shared.renewing = Some(Box::pin(async move {
            let ended = async {
                let renewed = group.renew(&leaving).await?;
                // What was given back may have come back at once, and is begun anew then.
                let is_new = |share: &&u8| {
                    let came_back = is_resumable && leaving.contains(share);
                    renewed.was_buried || !holding.contains(share) || came_back
                };
                let new = renewed.held.iter().filter(is_new);
                let taken = new.map(|share| {
                    let (positions, start, share) = (&positions, &start, *share);
                    async move {
                        match positions {
                            Some(positions) => {
                                let taken = positions.take(share, start.as_ref()).await;
                                taken.map(|position| (share, position))
                            }
                            None => Ok((share, Position::none())),
                        }
                    }
                });
                let taken: Vec<_> = futures::future::join_all(taken).await;
                // What cannot be read now is tried again at the next renewal.
                let taken = taken.into_iter().filter_map(|taken| {
                    let problem = "cannot read the position of a share";
                    let taken = taken.inspect_err(|error| tracing::warn!(%error, problem));
                    taken.ok()
                });
                let taken = taken.collect();
                Ok(Outcome::Renewed(renewed, taken))
            };
            let ended = ended.await;
            Renewal { group, ended }
        }));
    }

    pub(crate) fn shares_changed(&mut self, news: News) -> Result<(), Error> {
        match news {
            News::Renewed(renewal) => self.renewed(*renewal),
            News::Heard(Heard { taken, is_reason }) => {
                if let Some(shared) = &mut self.shared
                    && is_reason
                    && shared.parting == Parting::Not
                {
                    shared.hurry();
                }
                self.hand_over(&taken)
            }
        }
    }

    fn renewed(&mut self, renewal: Renewal) -> Result<(), Error> {
        let Renewal { group, ended } = renewal;
        let Some(shared) = &mut self.shared else {
            return Ok(());
        };
        shared.renewing = None;
        shared.claims.store(false, Ordering::Relaxed);
        shared.valid_until = group.valid_until();
        shared.group = Some(group);
        let (renewed, taken) = match ended {
            Ok(Outcome::Renewed(renewed, taken)) => {
                shared.has_joined = true;
                (renewed, taken)
            }
            Ok(Outcome::Departed(has_others)) => return self.departed(has_others),
            Err(error) => {
                tracing::warn!(trigger = &*self.trigger.name, %error, "the lease cannot be renewed; trying again");
                let again = Instant::now() + shared.period / 4;
                (shared.renew_at, shared.stale_at) = (Some(again), again);
                return Ok(());
            }
        };
        if renewed.is_refused {
            return Err(self.trigger.is_about_something_else());
        }
        let is_resumable = self.is_resumable();
        // What was heard before it was given away is still delivered.
        let is_given = [&*renewed.offered, &*renewed.taken].concat();
        let stays = |held: &Partition| {
            !is_resumable
                && (is_given.contains(&held.number) || (held.is_leaving && !held.is_idle()))
        };
        let gone: Vec<u8> = self
            .partitions
            .values()
            .filter(|held| {
                renewed.was_buried || !(renewed.held.contains(&held.number) || stays(held))
            })
            .map(|held| held.number)
            .collect();
        if renewed.was_buried {
            tracing::warn!(
                trigger = &*self.trigger.name,
                "others took this process for dead; it begins anew"
            );
        }
        for share in gone {
            self.lose(share);
        }
        self.pass();
        if is_resumable {
            for share in &renewed.surplus {
                self.leave_share(*share);
            }
        }
        self.take_shares(taken, &renewed.missed);
        // Only now, as what is in the watch may be of shares that were just taken.
        self.hand_over(&renewed.taken)?;
        let holds_all = renewed.held.iter().all(|share| {
            let held = self.partitions.get(share);
            held.is_some_and(|held| !held.is_leaving)
        });
        let Some(shared) = &mut self.shared else {
            return Ok(());
        };
        if renewed.is_alone && holds_all {
            shared.renew_at = None;
        }
        if !is_resumable {
            if !renewed.surplus.is_empty() {
                shared.renew_at = Some(Instant::now());
            }
            shared.surplus = renewed.surplus;
        }
        if let Parting::Asked(_) = shared.parting {
            shared.renew_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Takes no further events of a share, so that it can be given away when those under way are
    /// through.
    fn leave_share(&mut self, share: u8) {
        if let Some(held) = self.partitions.get_mut(&share) {
            held.is_leaving = true;
        }
        for source in self.sources.iter_mut() {
            source.partitions.retain(|held| *held != share);
        }
        self.sources.drop_unused();
    }

    fn take_shares(&mut self, taken: Vec<(u8, Position)>, missed: &[u8]) {
        if taken.is_empty() {
            return;
        }
        let trigger = self.trigger.name.clone();
        tracing::info!(
            trigger = &*trigger,
            shares = taken.len(),
            "delivering more shares of the events"
        );
        let is_resumable = self.trigger.positions.is_some();
        let mut lossy = Vec::new();
        let mut stands: Vec<Stand> = Vec::new();
        for (number, position) in taken {
            match self.partitions.get_mut(&number) {
                // It comes back before all of it was delivered.
                Some(held) if !is_resumable => held.is_leaving = false,
                _ => self.hold(number, position.token.clone(), position.version),
            }
            let reached = position.token.as_ref();
            if let Some(reached) = reached.and_then(|token| self.sources.at(token)) {
                reached.partitions.push(number);
            } else if is_resumable {
                let missed = position.token.is_none() && position.is_known;
                Stand::add(&mut stands, position.token, missed, number);
            } else {
                lossy.push(number);
            }
        }
        if is_resumable {
            self.sources.drop_unused();
        }
        if !stands.is_empty() {
            self.open(stands, false);
        }
        self.look_for_replays();
        if lossy.is_empty() {
            return;
        }
        // One that is being opened again is for all shares, and reads named keys itself.
        let Some(source) = self.sources.iter_mut().next() else {
            return;
        };
        source.partitions.extend(&lossy);
        lossy.retain(|share| missed.contains(share));
        if !lossy.is_empty() {
            self.gap("nobody took these events for a while, and this store tells none again");
            let opener = self.trigger.opener.clone();
            let partitions = self.holdings_of(&lossy);
            let began = self.told.now();
            self.openings.push(Box::pin(async move {
                let present = opener.present_at_length().await;
                Opening {
                    partitions,
                    ended: present.map(|present| Reopened::Present(present, began)),
                }
            }));
        }
    }
}
