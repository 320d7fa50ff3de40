use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt as _};
use keywell_store::{Error, Event, Filter, Result, Since, Watch};

use super::follower::Follower;
use super::position::Position;
use super::reached::Reached;
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
    let mut tailed = Vec::with_capacity(shards.len());
    let mut positions = Vec::with_capacity(shards.len());
    for (at, shard) in shards.iter().enumerate() {
        let asked = asked.as_ref().map(|asked| asked[at]);
        let last = shard.begin(asked).await?;
        tailed.push((shard.clone(), sound(&tails, shard, last).await?));
        positions.push(asked.unwrap_or(last));
    }
    let filter = Arc::new(filter);
    let reached = Arc::new(Reached::new(positions.clone(), scope));
    let followers = tailed.into_iter().zip(positions).enumerate();
    let followers = followers.map(|(at, ((shard, tail), position))| {
        let (filter, reached) = (filter.clone(), reached.clone());
        Follower::new(shard, tail, filter, position, at, reached)
    });
    let events = events(followers.collect(), reached.clone());
    Ok(Watch::new(Some(reached.token()), events).reaching(move || reached.token()))
}

/// The tail of a shard, unless it is at a place that the server has lost since and the tail is yet to
/// notice: then a new one, so that no watch that begins now is affected by what was lost.
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

/// The events of all shards, each as it comes, until the first error. The token of each is for that
/// shard at the event, and the others as delivered.
fn events(
    followers: Vec<Follower>,
    reached: Arc<Reached>,
) -> impl Stream<Item = Result<Event>> + Send + 'static {
    let each = followers.into_iter().map(|follower| {
        let records = stream::unfold(follower, async |mut follower| {
            let next = follower.next().await;
            Some((next, follower))
        });
        records.boxed()
    });
    stream::select_all(each).scan(Some(reached), |open, next| {
        let event = match (open.as_ref(), next) {
            (None, _) => None,
            (Some(reached), Ok(record)) => Some(Ok(record.event(reached.token()))),
            (Some(_), Err(error)) => {
                *open = None;
                Some(Err(error))
            }
        };
        std::future::ready(event)
    })
}
