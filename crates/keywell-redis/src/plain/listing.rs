//! Listing by `SCAN`.
//!
//! `SCAN` gives a key that is there throughout at least once, and more than once while its table
//! grows or shrinks; its cursors are worth nothing to another listing. So a page is made by going
//! through all of the keys and keeping the smallest ones behind the page before: no repeats, in
//! order, with cursors that need no memory anywhere. A page costs a pass over the database, in
//! steps of [`STEP`] keys between which the server serves others.

use std::collections::BTreeSet;

use keywell_store::{BucketName, Cursor, List, MAX_PAGE_BYTES, Page, Result};
use redis::Value;

use super::glob::literal;
use super::names::{Keys, bucket_of};
use crate::link::{Link, Place, unexpected};
use crate::wire::command;

/// How many keys the server looks at in one step: about a millisecond.
const STEP: &[u8] = b"2000";

/// A page of the keys of a bucket.
pub(crate) async fn page(link: &Link, keys: &Keys, request: &List) -> Result<Page> {
    let scope = keys.scope();
    let behind = match &request.cursor {
        None => None,
        Some(cursor) => Some(cursor.position(&scope, &request.prefix)?),
    };
    let limit = request.page_keys();
    let mut smallest: BTreeSet<String> = BTreeSet::new();
    let pattern = pattern(&format!("{}{}", keys.prefix(), request.prefix));
    scan(link, &pattern, |full| {
        let Some(key) = keys.key(full) else { return };
        let is_behind = behind
            .as_ref()
            .is_none_or(|last| key.as_bytes() > &last[..]);
        let is_room = smallest.len() <= limit;
        if !is_behind || (!is_room && smallest.last().is_some_and(|last| key >= last.as_str())) {
            return;
        }
        smallest.insert(key.to_owned());
        if smallest.len() > limit + 1 {
            smallest.pop_last();
        }
    })
    .await?;
    Ok(cut(smallest, limit, &scope, &request.prefix))
}

fn cut(found: BTreeSet<String>, limit: usize, scope: &str, prefix: &str) -> Page {
    let total = found.len();
    let mut bytes = 0;
    let keys: Vec<String> = found
        .into_iter()
        .take(limit)
        .take_while(|key| {
            let is_first = bytes == 0;
            bytes += key.len();
            is_first || bytes <= MAX_PAGE_BYTES
        })
        .collect();
    let last = keys.last().filter(|_| keys.len() < total);
    let cursor = last.map(|last| Cursor::seal(scope, prefix, last.as_bytes()));
    Page { keys, cursor }
}

/// The names of the buckets that have a key.
pub(crate) async fn names_of_buckets(link: &Link) -> Result<Vec<BucketName>> {
    let mut names = BTreeSet::new();
    scan(link, b"*:*", |full| {
        names.extend(bucket_of(full));
    })
    .await?;
    Ok(names.into_iter().collect())
}

fn pattern(beginning: &str) -> Vec<u8> {
    let mut pattern = literal(beginning);
    pattern.push(b'*');
    pattern
}

/// Goes through the names of all strings that match, some of them more than once.
async fn scan(link: &Link, pattern: &[u8], mut found: impl FnMut(&[u8])) -> Result<()> {
    for place in link.places().await? {
        let mut cursor = b"0".to_vec();
        loop {
            let step = step(link, &place, &cursor, pattern).await?;
            for name in &step.names {
                if let Value::BulkString(name) = name {
                    found(name);
                }
            }
            if step.cursor == b"0" {
                break;
            }
            cursor = step.cursor;
        }
    }
    Ok(())
}

struct Step {
    cursor: Vec<u8>,
    names: Vec<Value>,
}

async fn step(link: &Link, place: &Place, cursor: &[u8], pattern: &[u8]) -> Result<Step> {
    let scan = command(&[
        b"SCAN", cursor, b"MATCH", pattern, b"COUNT", STEP, b"TYPE", b"string",
    ]);
    let reply = link.read_at(place, &scan).await?;
    if let Value::Array(parts) = reply {
        if let Ok([Value::BulkString(cursor), Value::Array(names)]) = <[Value; 2]>::try_from(parts)
        {
            return Ok(Step { cursor, names });
        }
        return Err(unexpected("SCAN", &Value::Nil));
    }
    Err(unexpected("SCAN", &reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_where_keys_or_bytes_end() {
        let keys = |count: usize, bytes: usize| -> BTreeSet<String> {
            (0..count).map(|n| format!("{n:0bytes$}")).collect()
        };
        let whole = cut(keys(3, 4), 3, "s", "");
        assert_eq!((whole.keys.len(), whole.cursor), (3, None));
        let short = cut(keys(4, 4), 3, "s", "");
        assert_eq!(short.keys.len(), 3);
        assert_eq!(short.cursor.unwrap().position("s", "").unwrap(), b"0002");
        let heavy = cut(keys(1000, 1024), 1000, "s", "");
        assert_eq!(heavy.keys.len(), 256);
        assert!(heavy.cursor.is_some());
    }
}
