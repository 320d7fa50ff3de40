use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use keywell_store::{Error, Event, Filter, Result, ResumeToken, Since, Watch};

use super::follower::Follower;
use super::position::Position;
use super::shard::Shard;
use super::tail::Tail;
use super::tails::Tails;

/// Opens a watch over all shards of a bucket. `scope` is what its tokens are good for.
pub(crate) async fn open(
    shards: Arc<[Arc<Shard>]>,
    tails: Arc<Tails>,
    scope: Arc<str>,
    filter: Filter,
    since: Since,
) -> Result<Watch> {
    let asked = match &since {
        Since::Now => None,
        Since::After(token) => Some(Position::of_token(token, &scope, shards.len())?),
    };
    let filter = Arc::new(filter);
    let mut followers = Vec::with_capacity(shards.len());
    let mut positions = Vec::with_capacity(shards.len());
    for (at, shard) in shards.iter().enumerate() {
        let asked = asked.as_ref().map(|asked| asked[at]);
        let last = shard.begin(asked).await?;
        let position = asked.unwrap_or(last);
        let tail = sound(&tails, shard, last).await?;
        followers.push(Follower::new(shard.clone(), tail, filter.clone(), position));
        positions.push(position);
    }
    let start = Position::token(&positions, &scope);
    let told = Told { positions, scope };
    Ok(Watch::new(Some(start), told.events(followers)))
}

/// The tail of a shard, unless it is at a place that the server has lost since and the tail is yet to
/// notice: then a new one, so that no watch that begins now is told of what was lost.
async fn sound(tails: &Tails, shard: &Arc<Shard>, last: Position) -> Result<Arc<Tail>> {
    let tail = tails.of(shard, last);
    let mark = tail.marks().borrow().clone();
    let is_sound = match mark {
        Ok(mark) if mark == last => true,
        Ok(mark) => match shard.begin(Some(mark)).await {
            Ok(_) => true,
            Err(Error::Invalid(_)) => false,
            Err(error) => return Err(error),
        },
        Err(_) => false,
    };
    if is_sound {
        return Ok(tail);
    }
    Ok(tails.renew(&tail, shard, last))
}

/// How far a watch has told the events of each shard.
struct Told {
    positions: Vec<Position>,
    scope: Arc<str>,
}

// === impl Told ===

impl Told {
    /// The events of all shards, each as it comes, until the first error.
    fn events(
        self,
        followers: Vec<Follower>,
    ) -> impl futures::Stream<Item = Result<Event>> + Send + 'static {
        let each = followers.into_iter().enumerate().map(|(at, follower)| {
            let records = stream::unfold(follower, async |mut follower| {
                let next = follower.next().await;
                Some((next, follower))
            });
            records.map(move |next| (at, next)).boxed()
        });
        stream::select_all(each).scan(Some(self), |told, (at, next)| {
            let event = match (told.as_mut(), next) {
                (None, _) => None,
                (Some(told), Ok((record, position))) => {
                    Some(Ok(record.event(told.token(at, position))))
                }
                (Some(_), Err(error)) => {
                    *told = None;
                    Some(Err(error))
                }
            };
            std::future::ready(event)
        })
    }

    /// The token for an event of a shard: that shard at the event, and the others as told.
    fn token(&mut self, at: usize, position: Position) -> ResumeToken {
        self.positions[at] = position;
        Position::token(&self.positions, &self.scope)
    }
}
