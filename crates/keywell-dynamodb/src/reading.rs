//! Reads, which are consistent: they see every write that was acknowledged before they began.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use keywell_store::backend::Reader;
use keywell_store::{Entry, List, MAX_PAGE_BYTES, Page, Result, ValueBytes};

use crate::backing::Backing;
use crate::condition::{UNENDED, names};
use crate::fault::internal;
use crate::item::{
    Attributes, BUCKET, ENDS, Item, KEY, KEY_BYTES, VALUE, VALUE_BYTES, VERSION, ends, key, now,
    number, primary, text,
};
use crate::link::{Kind, Link};

/// The most keys that one request reads.
const MOST: usize = 100;
/// How many it reads at least, though the caller can hold less.
const FEWEST: usize = 4;

/// What is read of items.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Extent {
    /// All of them.
    Whole,
    /// All but the value.
    Version,
}

// === impl Backing ===

impl Backing {
    /// The item of a key, unless its time has ended.
    pub(crate) async fn item(&self, key: &str) -> Result<Option<Item>> {
        let request = self
            .link
            .client
            .get_item()
            .table_name(&self.link.table)
            .set_key(Some(primary(&self.bucket, key)))
            .consistent_read(true);
        let response = self
            .link
            .get(Kind::Reads, || request.clone().send())
            .await?;
        let item = response.item.map(Item::read).transpose()?;
        Ok(item.and_then(|item| item.live(now())))
    }
}

impl Reader for Backing {
    async fn get(&self, key: &str, max: usize) -> Result<Option<Entry>> {
        let item = self.item(key).await?;
        item.map(|item| item.entry(now())?.within(max)).transpose()
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let request = self
            .link
            .client
            .get_item()
            .table_name(&self.link.table)
            .set_key(Some(primary(&self.bucket, key)))
            .projection_expression("#key, #ends")
            .set_expression_attribute_names(Some(names(&[KEY, ENDS])))
            .consistent_read(true);
        let response = self
            .link
            .get(Kind::Reads, || request.clone().send())
            .await?;
        Ok(response.item.is_some_and(|item| is_live(&item)))
    }

    async fn get_many(&self, keys: Vec<String>, max: usize) -> Result<Vec<Option<Entry>>> {
        let mut bytes = ValueBytes::new(max);
        let mut left = max;
        let mut entries: Vec<Option<Entry>> = Vec::with_capacity(keys.len());
        while entries.len() < keys.len() {
            let count = (left / VALUE_BYTES).clamp(FEWEST, MOST);
            let part = keys[entries.len()..].iter().take(count);
            let asked = part.map(|key| (&*self.bucket, &**key));
            for item in self.link.items(asked, Extent::Whole).await? {
                let entry = item.map(|item| item.entry(now())).transpose()?;
                bytes.add_entry(entry.as_ref())?;
                left = left.saturating_sub(entry.as_ref().map_or(0, |it| it.value.len()));
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// A page of keys, or of entries. What DynamoDB reads for one is 1 MiB of items, so a page may be
    /// short.
    async fn page(&self, request: &List) -> Result<Page> {
        let (prefix, wants_values) = (&request.prefix, request.values.is_some());
        let mut condition = "#bucket = :bucket".to_owned();
        let mut values = Attributes::from([
            (":bucket".to_owned(), text(&self.bucket)),
            (":now".to_owned(), number(now())),
        ]);
        if !prefix.is_empty() {
            condition.push_str(" AND begins_with(#key, :prefix)");
            values.insert(":prefix".to_owned(), text(prefix));
        }
        let (projection, read) = if wants_values {
            let all: &[&str] = &[BUCKET, KEY, VALUE, VERSION, ENDS];
            ("#key, #value, #version, #ends", all)
        } else {
            ("#key, #ends", &[BUCKET, KEY, ENDS] as &[&str])
        };
        let after = match &request.cursor {
            None => None,
            Some(cursor) => {
                let last = cursor.position(&self.scope, prefix)?;
                Some(primary(&self.bucket, &String::from_utf8_lossy(&last)))
            }
        };
        if prefix.len() > KEY_BYTES {
            return Ok(Page::default());
        }
        let limit = i32::try_from(request.page_keys()).unwrap_or(i32::MAX);
        let query = self
            .link
            .client
            .query()
            .table_name(&self.link.table)
            .key_condition_expression(condition)
            .filter_expression(UNENDED)
            .projection_expression(projection)
            .set_expression_attribute_names(Some(names(read)))
            .set_expression_attribute_values(Some(values))
            .set_exclusive_start_key(after)
            .consistent_read(true)
            .limit(limit);
        let response = self.link.get(Kind::Reads, || query.clone().send()).await?;
        let last = response.last_evaluated_key.as_ref().map(key).transpose()?;
        let cursor = last.map(|last| self.seal(prefix, last));
        let items = response.items.unwrap_or_default();
        if let Some(max) = request.values {
            let listed = items.into_iter().map(|item| {
                let item = Item::read(item)?;
                Ok((item.key.clone(), Some(item.entry(now())?)))
            });
            let listed = listed.collect::<Result<Vec<_>>>()?;
            let seal = |last: &str| self.seal(prefix, last);
            return Ok(Page::of_entries(listed, cursor, max, seal));
        }
        let mut page = Page {
            cursor,
            ..Page::default()
        };
        let mut bytes = 0;
        for item in &items {
            let key = key(item)?;
            bytes += key.len();
            if let Some(last) = page.keys.last()
                && bytes > MAX_PAGE_BYTES
            {
                page.cursor = Some(self.seal(prefix, last));
                break;
            }
            page.keys.push(key.to_owned());
        }
        Ok(page)
    }

    fn scope(&self) -> &str {
        &self.scope
    }
}

/// Whether the time of an item has not ended. A time that is no number never ends.
fn is_live(item: &Attributes) -> bool {
    let ends = ends(item).ok().flatten();
    ends.is_none_or(|ends| ends > now())
}

// === impl Link ===

impl Link {
    /// The items of keys, each with its bucket and no two the same: those whose time has not ended,
    /// in the order asked.
    pub(crate) async fn items(
        &self,
        keys: impl IntoIterator<Item = (&str, &str)>,
        extent: Extent,
    ) -> Result<Vec<Option<Item>>> {
        let asked: Vec<(&str, &str)> = keys.into_iter().collect();
        let each = asked.iter();
        let names: Vec<Attributes> = each.map(|(bucket, key)| primary(bucket, key)).collect();
        let mut found = HashMap::with_capacity(names.len());
        for part in names.chunks(MOST) {
            for mut item in self.read_all(part.to_vec(), extent).await? {
                let bucket = match item.remove(BUCKET) {
                    Some(AttributeValue::S(bucket)) => bucket,
                    _ => String::new(),
                };
                let item = Item::read(item)?;
                found.insert((bucket, item.key.clone()), item);
            }
        }
        let now = now();
        let each = asked.into_iter().map(|(bucket, key)| {
            let item = found.remove(&(bucket.to_owned(), key.to_owned()));
            item.and_then(|item| item.live(now))
        });
        Ok(each.collect())
    }

    /// The items of at most as many keys as one request reads. Those that DynamoDB leaves out are
    /// asked for again.
    async fn read_all(&self, keys: Vec<Attributes>, extent: Extent) -> Result<Vec<Attributes>> {
        let (projection, read): (_, &[&str]) = match extent {
            Extent::Whole => (
                "#bucket, #key, #value, #version, #ends",
                &[BUCKET, KEY, VALUE, VERSION, ENDS],
            ),
            Extent::Version => (
                "#bucket, #key, #version, #ends",
                &[BUCKET, KEY, VERSION, ENDS],
            ),
        };
        let mut items = Vec::with_capacity(keys.len());
        let mut left = keys;
        let mut pace = self.pace();
        while !left.is_empty() {
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut left)))
                .consistent_read(true)
                .projection_expression(projection)
                .set_expression_attribute_names(Some(names(read)))
                .build()
                .map_err(internal)?;
            let request = self
                .client
                .batch_get_item()
                .request_items(&self.table, asked);
            let response = self.get(Kind::Reads, || request.clone().send()).await?;
            // By the name of the table, whether or not it was asked for by its ARN.
            let found = response.responses.unwrap_or_default();
            items.extend(found.into_values().flatten());
            let unread = response.unprocessed_keys.unwrap_or_default();
            if let Some(unread) = unread.into_values().next() {
                left = unread.keys;
                pace.pause().await?;
            }
        }
        Ok(items)
    }
}
