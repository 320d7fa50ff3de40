use std::time::{Duration, Instant};

use keywell_store::BoxFuture;

use super::group::{Group, Shares};
use super::positions::Position;
use super::run::{Opening, Reopened, Run};
use super::sources::Stand;

/// The part that this process has in a trigger that several run.
pub(super) struct Shared {
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
}

/// What became of the part that this process has.
pub(super) enum News {
    Renewed(Box<Renewal>),
    /// Others have done what is a reason to renew.
    Disturbed,
}

/// A renewal of the lease that has ended.
pub(super) struct Renewal {
    group: Group,
    ended: keywell_store::Result<(Shares, Vec<(u8, Position)>)>,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(group: Group) -> Self {
        Self {
            period: group.period(),
            group: Some(group),
            renewing: None,
            renew_at: Some(Instant::now()),
            stale_at: Instant::now(),
            valid_until: None,
            has_joined: false,
        }
    }

    /// Whether this process knows which shares are its own.
    pub(super) fn has_joined(&self) -> bool {
        self.has_joined
    }

    /// Whether what is held is surely held by nobody else.
    pub(super) fn is_valid(&self, now: Instant) -> bool {
        self.valid_until.is_some_and(|until| now < until)
    }

    /// When the lease is to be renewed.
    pub(super) fn due(&self, has_work: bool) -> Option<Instant> {
        let works_until = has_work.then_some(self.stale_at);
        let due = self.renew_at.into_iter().chain(works_until).min();
        due.filter(|_| self.renewing.is_none())
    }

    /// Has the lease renewed at once, unless that was only just done: what disturbs again and again
    /// must not keep the store busy.
    pub(super) fn hurry(&mut self) {
        let soonest = self.stale_at.checked_sub(self.period / 16 * 15);
        let now = Instant::now();
        self.renew_at = Some(soonest.map_or(now, |soonest| now.max(soonest)));
    }

    /// Waits for the end of the renewal that is under way, or until others have done what is a
    /// reason for one.
    pub(super) async fn news(shared: &mut Option<Self>) -> News {
        match shared {
            Some(Self {
                renewing: Some(renewing),
                ..
            }) => News::Renewed(Box::new(renewing.await)),
            Some(Self {
                group: Some(group), ..
            }) => {
                group.disturbed().await;
                News::Disturbed
            }
            _ => std::future::pending().await,
        }
    }

    /// Gives back all, for others to take at once.
    pub(super) async fn leave(mut self) {
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
    pub(super) fn renew(&mut self, now: Instant) {
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
        shared.stale_at = now + shared.period;
        shared.renew_at = Some(shared.stale_at);
        let is_done = |held: &super::partition::Partition| {
            held.is_leaving && held.is_idle() && (!is_resumable || held.unstored().is_none())
        };
        let leaving: Vec<u8> = self
            .partitions
            .values()
            .filter(|held| is_done(held))
            .map(|held| held.number)
            .collect();
        let holding: Vec<u8> = self.partitions.keys().copied().collect();
        let positions = self.trigger.positions.clone();
        let start = self.trigger.start.clone();
        shared.renewing = Some(Box::pin(async move {
            let ended = async {
                let renewed = group.renew(&leaving).await?;
                // What was given back may have come back at once, and is begun anew then.
                let is_new = |share: &&u8| {
                    renewed.was_buried || !holding.contains(share) || leaving.contains(share)
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
                Ok((renewed, taken.collect()))
            };
            let ended = ended.await;
            Renewal { group, ended }
        }));
    }

    pub(super) fn shares_changed(&mut self, news: News) {
        match news {
            News::Renewed(renewal) => self.renewed(*renewal),
            News::Disturbed => {
                if let Some(shared) = &mut self.shared {
                    shared.hurry();
                }
            }
        }
    }

    fn renewed(&mut self, renewal: Renewal) {
        let Renewal { group, ended } = renewal;
        let Some(shared) = &mut self.shared else {
            return;
        };
        shared.renewing = None;
        shared.valid_until = group.valid_until();
        shared.group = Some(group);
        let (renewed, taken) = match ended {
            Ok(ended) => {
                shared.has_joined = true;
                ended
            }
            Err(error) => {
                tracing::warn!(trigger = &*self.trigger.name, %error, "the lease cannot be renewed; trying again");
                let again = Instant::now() + shared.period / 4;
                (shared.renew_at, shared.stale_at) = (Some(again), again);
                return;
            }
        };
        let gone: Vec<u8> = self
            .partitions
            .keys()
            .copied()
            .filter(|share| renewed.was_buried || !renewed.held.contains(share))
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
        for share in &renewed.surplus {
            self.leave_share(*share);
        }
        self.take_shares(taken, renewed.is_known);
        let holds_all = renewed.held.iter().all(|share| {
            let held = self.partitions.get(share);
            held.is_some_and(|held| !held.is_leaving)
        });
        if let Some(shared) = &mut self.shared
            && renewed.is_alone
            && holds_all
        {
            shared.renew_at = None;
        }
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
        if self.trigger.positions.is_some() {
            self.sources.drop_unused();
        }
    }

    fn take_shares(&mut self, taken: Vec<(u8, Position)>, is_known: bool) {
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
            self.hold(number, position.token.clone(), position.version);
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
        if is_known {
            self.gap(
                "another process delivered these events before, and this store tells none again",
            );
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
