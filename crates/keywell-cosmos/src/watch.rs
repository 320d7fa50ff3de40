//! Watches of a bucket: the change feed of its partition, which is asked again and again.
//!
//! In the mode of latest versions, the service keeps the feed without an end, with the last state of
//! each document that changed, in the order of these changes. So a watch misses no last state, and
//! may miss those in between. Deletions are tombstones, which are in the feed for as long as they are
//! kept: a token that is older is refused as compacted.
//! The end of a time to live is not in the feed.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use azure_data_cosmos::CosmosError;
use azure_data_cosmos::feed::{ContinuationToken, FeedPage, FeedScope};
use azure_data_cosmos::models::ChangeFeedItem;
use azure_data_cosmos::options::{ChangeFeedOptions, ChangeFeedStartFrom, MaxItemCountHint};
use futures::StreamExt as _;
use keywell_client::Backoff;
use keywell_store::backend::Watcher;
use keywell_store::feed::{self, Chunk, Feed};
use keywell_store::{Cursor, Error, Event, Filter, Invalid, Result, ResumeToken, Since, Watch};

use crate::backing::Backing;
use crate::document::{Stored, now};
use crate::fault;
use crate::names;

/// What tokens are sealed as, beside cursors.
const TOKEN: &str = "\0watch";
/// How many changes are read at the same time. Each may be two megabytes.
const CHANGES: NonZeroU32 = NonZeroU32::new(16).expect("it is not 0");
/// For how long a position stands where nothing changes. It has the time for tombstones in it.
const FRESH: u64 = 60_000;

type Changes = Vec<ChangeFeedItem<Stored>>;

/// A place in the feed of a bucket.
#[derive(Clone, Debug, PartialEq)]
struct Position {
    /// When everything before it had been read, in milliseconds since 1970.
    at: u64,
    /// The service's own mark.
    mark: Arc<str>,
}

/// Reads the changes of a bucket.
struct CosmosFeed {
    backing: Arc<Backing>,
    filter: Filter,
    backoff: Backoff,
    /// Whether the last read failed.
    has_failed: bool,
}

// === impl Backing ===

impl Watcher for Backing {
    async fn watch(self: Arc<Self>, filter: Filter, since: Since) -> Result<Watch> {
        let backing = self;
        let scope = backing.scope.clone();
        let feed = CosmosFeed {
            backing,
            filter,
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
            has_failed: false,
        };
        let position = match since {
            Since::Now => feed.read(None).await?.1,
            Since::After(token) => {
                let position = read_token(&token, &scope)?;
                feed.check_history(&position)?;
                position
            }
        };
        let token = move |positions: &[Position]| write_token(&positions[0], &scope);
        Ok(feed::follow([(feed, position)], token))
    }
}

fn write_token(position: &Position, scope: &str) -> ResumeToken {
    let mut bytes = position.at.to_be_bytes().to_vec();
    bytes.extend(position.mark.bytes());
    String::from(Cursor::seal(scope, TOKEN, &bytes)).into()
}

fn read_token(token: &ResumeToken, scope: &str) -> Result<Position> {
    let refused = || Error::Invalid(Invalid::Token);
    let cursor = Cursor::from(token.as_str().to_owned());
    let bytes = cursor.position(scope, TOKEN).map_err(|_| refused())?;
    let (at, mark) = bytes.split_first_chunk().ok_or_else(refused)?;
    let mark = std::str::from_utf8(mark).map_err(|_| refused())?;
    Ok(Position {
        at: u64::from_be_bytes(*at),
        mark: mark.into(),
    })
}

// === impl CosmosFeed ===

impl CosmosFeed {
    /// Whether the tombstones behind a position are all kept.
    fn check_history(&self, position: &Position) -> Result<()> {
        let kept = self.backing.items.account.options.tombstones;
        if u128::from(now().saturating_sub(position.at)) >= kept.as_millis() {
            return Err(Invalid::Compacted.into());
        }
        Ok(())
    }

    /// Some of the changes behind a position, or those from now on, and where they end.
    async fn read(&self, position: Option<&Position>) -> Result<(Changes, Position)> {
        let items = &self.backing.items;
        let at = now();
        let asked = Box::pin(async {
            let mut options = ChangeFeedOptions::default()
                .with_operation_options(items.account.reading())
                .with_max_item_count(MaxItemCountHint::Limit(CHANGES));
            if let Some(position) = position {
                let mark = ContinuationToken::from_string(position.mark.to_string());
                options = options.with_continuation_token(mark);
            }
            let scope = FeedScope::partition(items.partition());
            let container = &items.account.container;
            let start = ChangeFeedStartFrom::Now;
            let mut pages = container
                .query_change_feed::<Stored>(scope, start, Some(options))
                .await?;
            let page = pages.next().await.transpose()?;
            let mark = pages.to_continuation_token()?;
            let changes = page.map_or_else(Vec::new, FeedPage::into_items);
            Ok::<_, CosmosError>((changes, mark))
        });
        let (changes, mark) = items
            .account
            .answer(asked)
            .await?
            .map_err(fault::of_reading)?;
        let position = Position {
            at,
            mark: mark.as_str().into(),
        };
        Ok((changes, position))
    }

    /// What a watch delivers of a change.
    fn event(&self, stored: &Stored) -> Option<Event> {
        let key = names::key(&stored.id).filter(|key| self.filter.matches(key))?;
        if stored.is_void() {
            return None;
        }
        if stored.is_gone() {
            return Some(Event::Delete {
                key,
                expired: false,
                token: None,
            });
        }
        let Some(value) = stored.written() else {
            tracing::warn!("a document of {key:?} is not of Keywell's form; no event of it");
            return None;
        };
        Some(Event::Set {
            key,
            value,
            version: Some(stored.version()),
            token: None,
        })
    }
}

impl Feed for CosmosFeed {
    type Position = Position;

    async fn after(&mut self, position: &Position) -> Result<Chunk<Position>> {
        self.check_history(position)?;
        let none = Chunk {
            events: VecDeque::new(),
            upto: position.clone(),
        };
        let (changes, upto) = match self.read(Some(position)).await {
            Ok(read) => read,
            Err(error) if error.may_pass() => {
                self.backing.items.account.check_open()?;
                tracing::warn!("a watch of Cosmos DB goes on after an error: {error}");
                self.has_failed = true;
                return Ok(none);
            }
            Err(error) => return Err(error),
        };
        self.has_failed = false;
        self.backoff.reset();
        if changes.is_empty() && upto.at.saturating_sub(position.at) < FRESH {
            return Ok(none);
        }
        let current = changes.iter().filter_map(ChangeFeedItem::current);
        let mut events: VecDeque<_> = current.filter_map(|stored| self.event(stored)).collect();
        let last = events.pop_back().map(|event| (upto.clone(), event));
        // The service's mark is behind all of a page; before it, the page is read again.
        let before = events.into_iter().map(|event| (position.clone(), event));
        Ok(Chunk {
            events: before.chain(last).collect(),
            upto,
        })
    }

    async fn wait(&mut self, _: &Position) -> Result<()> {
        if self.has_failed {
            self.backoff.pause().await;
        } else {
            // Nothing wakes it: the service does not say that something changed.
            let poll = self.backing.items.account.options.poll;
            Backoff::new(poll, poll).pause().await;
        }
        Ok(())
    }
}
