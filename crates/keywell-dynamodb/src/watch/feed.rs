use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsError;
use aws_sdk_dynamodbstreams::operation::get_shard_iterator::GetShardIteratorError;
use aws_sdk_dynamodbstreams::primitives::DateTime;
use aws_sdk_dynamodbstreams::types::{Record, Shard, ShardIteratorType, StreamStatus};
use bytes::Bytes;
use keywell_client::{Backoff, Deadline};
use keywell_store::feed::{Chunk, Feed};
use keywell_store::{Error, Event, Filter, Invalid, Result};

use super::place::{Place, Position};
use super::record;
use crate::backing::{Backing, is_last, last_key};
use crate::item::{new_version, now, primary, written};
use crate::link::Kind;

/// How long to wait after a reading without records, each of which DynamoDB counts.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(1);
/// How long a new watch may wait for its own mark.
const BEGINNING: Duration = Duration::from_secs(30);

/// How long a stream keeps its records, in milliseconds: a day.
const KEPT: u64 = 24 * 60 * 60 * 1000;

/// Since when the time of a mark has ended, in milliseconds: a day. DynamoDB collects none of which
/// it ended years ago.
const ENDED: u64 = 24 * 60 * 60 * 1000;

/// Reads the changes of a bucket from the shards of a stream.
pub(super) struct StreamFeed {
    backing: Arc<Backing>,
    stream: String,
    filter: Filter,
    /// Where it began.
    beginning: Position,
    /// How far each shard was read.
    position: Position,
    /// Where DynamoDB goes on in a shard; lost when it is too old.
    iterators: BTreeMap<Arc<str>, String>,
    /// Read, and not yet delivered.
    ready: VecDeque<(Position, Event)>,
    backoff: Backoff,
    /// The version of the item that marks the beginning, until it was found.
    mark: Option<Bytes>,
}

/// What a reading found, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// Nothing, and nothing will come: the stream was disabled.
    End,
    Nothing,
    Something,
}

// === impl StreamFeed ===

impl StreamFeed {
    /// Begins now.
    pub(super) async fn begin(
        backing: Arc<Backing>,
        stream: String,
        filter: Filter,
    ) -> Result<Self> {
        let begun = now();
        let mut feed = Self::new(backing, stream, filter, Position::default());
        let is_open = |shard: &Shard| {
            let range = shard.sequence_number_range.as_ref();
            range.is_none_or(|range| range.ending_sequence_number.is_none())
        };
        let (shards, _) = feed.describe().await?;
        let has_child = |shard: &Shard| {
            let mut others = shards.iter();
            others.any(|other| other.parent_shard_id == shard.shard_id)
        };
        // The children of a shard that ended may not be listed yet.
        let last = |shard: &&Shard| is_open(shard) || !has_child(shard);
        let last: Vec<Arc<str>> = shards.iter().filter(last).filter_map(id).collect();
        for shard in &last {
            let iterator = feed.iterator(shard, None).await?;
            feed.iterators.insert(shard.clone(), iterator);
        }
        feed.position = Position::new(last.into_iter().map(|shard| (shard, Place::From(begun))));
        feed.mark().await?;
        Ok(feed)
    }

    /// Goes on behind a position.
    pub(super) async fn resume(
        backing: Arc<Backing>,
        stream: String,
        filter: Filter,
        position: Position,
    ) -> Result<Self> {
        let mut feed = Self::new(backing, stream, filter, position.clone());
        for (shard, place) in position.shards() {
            let iterator = feed.iterator(shard, Some(place)).await?;
            feed.iterators.insert(shard.clone(), iterator);
        }
        Ok(feed)
    }

    fn new(backing: Arc<Backing>, stream: String, filter: Filter, position: Position) -> Self {
        Self {
            backing,
            stream,
            filter,
            beginning: position.clone(),
            position,
            iterators: BTreeMap::new(),
            ready: VecDeque::new(),
            backoff: Backoff::new(SHORTEST, LONGEST),
            mark: None,
        }
    }

    /// Where it began.
    pub(super) fn beginning(&self) -> &Position {
        &self.beginning
    }

    /// Writes the item that marks the beginning, and reads up to it.
    async fn mark(&mut self) -> Result<()> {
        let version = new_version();
        self.mark = version.as_bytes().cloned();
        let (link, key) = (self.backing.link.clone(), last_key());
        // Its time has ended, by the clock of each machine, so no read finds it.
        let ended = now().saturating_sub(ENDED);
        let mark = written(
            &self.backing.bucket,
            &key,
            Bytes::new(),
            &version,
            Some(ended),
        );
        let put = link.client.put_item().table_name(&link.table);
        let put = put.set_item(Some(mark));
        // Whether it is written twice makes no difference.
        link.get(Kind::Reads, || put.clone().send()).await?;
        let deadline = Deadline::after(BEGINNING);
        while self.mark.is_some() {
            if deadline.left().is_zero() {
                let what = "the stream of the table does not show what was just written to it";
                return Err(Error::Unavailable(what.into()));
            }
            if self.read().await? == Found::End {
                return Err(disabled());
            }
        }
        let delete = link.client.delete_item().table_name(&link.table);
        let delete = delete.set_key(Some(primary(&self.backing.bucket, &key)));
        if let Err(error) = link.get(Kind::Reads, || delete.clone().send()).await {
            tracing::debug!("the mark of a watch stays until it is collected: {error}");
        }
        Ok(())
    }

    /// All shards of the stream, and its status.
    async fn describe(&self) -> Result<(Vec<Shard>, Option<StreamStatus>)> {
        let link = &self.backing.link;
        let mut shards = Vec::new();
        let mut after = None;
        loop {
            let request = link.streams.describe_stream().stream_arn(&self.stream);
            let request = request.set_exclusive_start_shard_id(after);
            let described = link.get(Kind::Reads, || request.clone().send()).await?;
            let Some(described) = described.stream_description else {
                return Ok((shards, None));
            };
            shards.extend(described.shards.unwrap_or_default());
            after = described.last_evaluated_shard_id;
            if after.is_none() {
                return Ok((shards, described.stream_status));
            }
        }
    }

    /// Where to go on in a shard behind a place, or at its end.
    async fn iterator(&self, shard: &str, behind: Option<&Place>) -> Result<String> {
        let link = &self.backing.link;
        let request = link.streams.get_shard_iterator();
        let request = request.stream_arn(&self.stream).shard_id(shard);
        let request = match behind {
            None => request.shard_iterator_type(ShardIteratorType::Latest),
            Some(Place::Start) => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Some(Place::At(number)) => request
                .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                .sequence_number(&**number),
            // DynamoDB would begin with the first record that it still has.
            Some(Place::From(time)) if now().saturating_sub(*time) > KEPT => {
                return Err(Invalid::Compacted.into());
            }
            Some(Place::From(time)) => request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(
                    i64::try_from(*time).unwrap_or(i64::MAX),
                )),
            Some(Place::After(number)) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .sequence_number(&**number),
        };
        match link.call(Kind::Reads, || request.clone().send()).await? {
            Ok(found) => found
                .shard_iterator
                .ok_or_else(|| Error::Internal("DynamoDB answers without an iterator".into())),
            Err(
                GetShardIteratorError::ResourceNotFoundException(_)
                | GetShardIteratorError::TrimmedDataAccessException(_),
            ) => Err(Invalid::Compacted.into()),
            Err(error) => Err(link.unexpected(&error)),
        }
    }

    /// Reads every shard once, and waits if there was nothing.
    async fn read(&mut self) -> Result<Found> {
        let places = self.position.clone();
        let mut found = None;
        for (shard, place) in places.shards() {
            found = found.max(Some(self.read_shard(shard, place).await?));
        }
        let found = found.unwrap_or(Found::Nothing);
        match found {
            Found::Something => self.backoff.reset(),
            Found::Nothing => self.backoff.pause().await,
            Found::End => {}
        }
        Ok(found)
    }

    /// Reads some of a shard.
    async fn read_shard(&mut self, shard: &Arc<str>, place: &Place) -> Result<Found> {
        let iterator = match self.iterators.remove(shard) {
            Some(iterator) => iterator,
            None => self.iterator(shard, Some(place)).await?,
        };
        let link = self.backing.link.clone();
        let request = link.streams.get_records().shard_iterator(&iterator);
        let read = match link.call(Kind::Reads, || request.clone().send()).await {
            Ok(Ok(read)) => read,
            // It is 15 minutes old, and another one is made for the place.
            Ok(Err(GetRecordsError::ExpiredIteratorException(_))) => {
                return Ok(Found::Something);
            }
            Ok(Err(
                GetRecordsError::TrimmedDataAccessException(_)
                | GetRecordsError::ResourceNotFoundException(_),
            )) => return Err(Invalid::Compacted.into()),
            Ok(Err(error)) => return Err(link.unexpected(&error)),
            Err(error) => {
                self.iterators.insert(shard.clone(), iterator);
                return Err(error);
            }
        };
        let records = read.records.unwrap_or_default();
        let has_records = !records.is_empty();
        for record in records {
            self.take(shard, record);
        }
        let found = match read.next_shard_iterator {
            Some(next) => {
                self.iterators.insert(shard.clone(), next);
                Found::Nothing
            }
            None => self.descend(shard).await?,
        };
        Ok(if has_records { Found::Something } else { found })
    }

    /// Goes on with the children of a shard that ended. DynamoDB may list them later than the end, so
    /// the shard is kept until then, to be read again behind its last record.
    async fn descend(&mut self, shard: &Arc<str>) -> Result<Found> {
        let (shards, status) = self.describe().await?;
        let is_child = |child: &&Shard| child.parent_shard_id.as_deref() == Some(&**shard);
        let children = shards.iter().filter(is_child);
        let children: Vec<_> = children
            .filter_map(|child| Some((id(child)?, first(child))))
            .collect();
        if !children.is_empty() {
            self.position.replace(shard, children);
            return Ok(Found::Something);
        }
        Ok(match status {
            Some(StreamStatus::Disabled) => Found::End,
            _ => Found::Nothing,
        })
    }

    fn take(&mut self, shard: &Arc<str>, record: Record) {
        if let Some(number) = record::number(&record) {
            self.position.advance(shard, Place::After(number.into()));
        }
        let Some(key) = record::key(&record, &self.backing.bucket) else {
            return;
        };
        if is_last(key) {
            if self.mark.is_some() && record::version(&record) == self.mark.as_deref() {
                // What came before the mark was written before the watch was open.
                self.mark = None;
                self.ready.clear();
                if let Some(time) = record::time(&record) {
                    self.position.begin(time);
                }
                self.beginning = self.position.clone();
            }
            return;
        }
        if !self.filter.matches(key) {
            return;
        }
        let key = key.to_owned();
        if let Some(event) = record::event(record, key) {
            self.ready.push_back((self.position.clone(), event));
        }
    }
}

fn disabled() -> Error {
    let what = "the stream of the table was disabled; enable it, and open the store again";
    Error::Unavailable(what.into())
}

/// The number of a shard.
fn id(shard: &Shard) -> Option<Arc<str>> {
    shard.shard_id.as_deref().map(Into::into)
}

/// The place of the first record of a shard. DynamoDB refuses it once that is gone.
fn first(shard: &Shard) -> Place {
    let range = shard.sequence_number_range.as_ref();
    let number = range.and_then(|range| range.starting_sequence_number.as_deref());
    number.map_or(Place::Start, |number| Place::At(number.into()))
}

impl Feed for StreamFeed {
    type Position = Position;

    async fn after(&mut self, _: &Position) -> Result<Chunk<Position>> {
        Ok(Chunk {
            events: std::mem::take(&mut self.ready),
            upto: self.position.clone(),
        })
    }

    async fn wait(&mut self, _: &Position) -> Result<()> {
        match self.read().await {
            Err(Error::Unavailable(failure)) if !self.backing.link.is_closed() => {
                tracing::debug!("a watch of the bucket is interrupted: {failure}");
                self.backoff.pause().await;
                Ok(())
            }
            Ok(Found::End) => Err(disabled()),
            read => read.map(drop),
        }
    }
}
