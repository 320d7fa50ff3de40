use std::sync::Arc;

use keywell_store::{Error, Filter, Result, Since, Watch, feed};

use super::feed::ShardFeed;
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
    let mut feeds = Vec::with_capacity(shards.len());
    for (at, shard) in shards.iter().enumerate() {
        let asked = asked.as_ref().map(|asked| asked[at]);
        let last = shard.begin(asked).await?;
        let tail = sound(&tails, shard, last).await?;
        let feed = ShardFeed::new(shard.clone(), tail, filter.clone());
        feeds.push((feed, asked.unwrap_or(last)));
    }
    let token = move |positions: &[Position]| Position::token(positions, &scope);
    Ok(feed::follow(feeds, token))
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
