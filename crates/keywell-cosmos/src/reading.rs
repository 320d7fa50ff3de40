//! Reads. They see every write of this process, and those of others soon.

use std::num::NonZeroU32;

use azure_data_cosmos::feed::FeedScope;
use azure_data_cosmos::options::{MaxItemCountHint, QueryOptions};
use azure_data_cosmos::{CosmosError, Query};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use keywell_store::backend::Reader;
use keywell_store::{
    BucketName, Cursor, Entry, Error, Invalid, List, MAX_PAGE_BYTES, MAX_PAGE_KEYS, Page, Result,
    ValueBytes,
};

use crate::account::Account;
use crate::backing::Backing;
use crate::document::now;
use crate::fault;
use crate::names;

/// How many documents are read at the same time. Each may be two megabytes.
const IN_FLIGHT: usize = 8;

/// Of a range of names, those of keys that are there, in order. Text of a caller is in parameters alone.
const FROM: &str = "SELECT VALUE c.id FROM c WHERE c.id >= @from AND c.id < @to \
     AND NOT IS_DEFINED(c.gone) AND (NOT IS_DEFINED(c.expires) OR c.expires > @now) ORDER BY c.id";
/// The same behind a name.
const BEHIND: &str = "SELECT VALUE c.id FROM c WHERE c.id > @from AND c.id < @to \
     AND NOT IS_DEFINED(c.gone) AND (NOT IS_DEFINED(c.expires) OR c.expires > @now) ORDER BY c.id";
/// The buckets that have keys.
const BUCKETS: &str = "SELECT DISTINCT VALUE c.bucket FROM c WHERE NOT IS_DEFINED(c.gone) \
     AND (NOT IS_DEFINED(c.expires) OR c.expires > @now) ORDER BY c.bucket";

// === impl Backing ===

impl Reader for Backing {
    async fn get(&self, key: &str, max: usize) -> Result<Option<Entry>> {
        let stored = self.items.read(&names::id(key)).await?;
        let entry = stored.map(|stored| stored.entry()).transpose()?.flatten();
        entry.map(|entry| entry.within(max)).transpose()
    }

    async fn get_many(&self, keys: Vec<String>, max: usize) -> Result<Vec<Option<Entry>>> {
        let reads: Vec<_> = keys.iter().map(|key| self.get(key, max)).collect();
        let mut reads = stream::iter(reads).buffered(IN_FLIGHT);
        let mut entries: Vec<Option<Entry>> = Vec::with_capacity(keys.len());
        let mut bytes = ValueBytes::new(max);
        while let Some(entry) = reads.next().await {
            let entry = entry?;
            bytes.add_entry(entry.as_ref())?;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// A page of keys, as they are now. A cursor has the name of the last one of the page before.
    async fn page(&self, request: &List) -> Result<Page> {
        let (mut from, to) = names::range(&request.prefix);
        let mut text = FROM;
        if let Some(cursor) = &request.cursor {
            let last = cursor.position(&self.scope, &request.prefix)?;
            from = String::from_utf8(last).map_err(|_| Error::Invalid(Invalid::Cursor))?;
            text = BEHIND;
        }
        let limit = request.page_keys();
        let query = (|| {
            Query::from(text)
                .with_parameter("@from", from)?
                .with_parameter("@to", to)?
                .with_parameter("@now", now())
        })();
        let scope = FeedScope::partition(self.items.partition());
        let account = &self.items.account;
        // One more says whether there is another page.
        let found = names_of(account, query, scope, limit + 1).await?;
        let mut keys: Vec<String> = Vec::with_capacity(found.len().min(limit));
        let mut last: Option<&String> = None;
        let mut bytes = 0;
        let mut has_more = false;
        for id in &found {
            // What another program wrote may be called otherwise, and is no key of ours.
            let key = names::key(id);
            bytes += key.as_ref().map_or(0, String::len);
            if keys.len() == limit || bytes > MAX_PAGE_BYTES && last.is_some() {
                has_more = true;
                break;
            }
            keys.extend(key);
            last = Some(id);
        }
        has_more |= found.len() > limit;
        let cursor = last
            .filter(|_| has_more)
            .map(|last| Cursor::seal(&self.scope, &request.prefix, last.as_bytes()));
        Ok(Page {
            cursor,
            keys,
            ..Page::default()
        })
    }

    fn scope(&self) -> &str {
        &self.scope
    }

    fn seal(&self, prefix: &str, last: &str) -> Cursor {
        Cursor::seal(&self.scope, prefix, names::id(last).as_bytes())
    }
}

/// The buckets of a container that have keys, in order.
pub(crate) async fn buckets(account: &Account) -> Result<Vec<BucketName>> {
    let query = Query::from(BUCKETS).with_parameter("@now", now());
    let scope = FeedScope::full_container();
    let found = names_of(account, query, scope, usize::MAX).await?;
    let names = found.iter().filter_map(|name| BucketName::parse(name).ok());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    Ok(names)
}

/// The first texts that a query finds.
async fn names_of(
    account: &Account,
    query: Result<Query, CosmosError>,
    scope: FeedScope,
    most: usize,
) -> Result<Vec<String>> {
    let asked = Box::pin(async {
        let a_page = u32::try_from(most.min(MAX_PAGE_KEYS + 1)).unwrap_or(u32::MAX);
        let mut options = QueryOptions::default().with_operation_options(account.reading());
        if let Some(a_page) = NonZeroU32::new(a_page) {
            options = options.with_max_item_count(MaxItemCountHint::Limit(a_page));
        }
        let found = account
            .container
            .query_items::<String>(query?, scope, Some(options))
            .await?;
        found.take(most).try_collect().await
    });
    account.answer(asked).await?.map_err(fault::of_reading)
}
