//! Listing by `SCAN`.
//!
//! `SCAN` gives a key that is there throughout at least once, and more than once while its table
//! grows or shrinks; its cursors are worth nothing to another listing. So a listing goes through all
//! of the keys and keeps the smallest ones behind the page before: no repeats, in order, with
//! cursors that need no memory anywhere. What a pass found beyond its page is kept for a while
//! ([`Windows`]), so that not every page needs a pass.
//!
//! Nor do cursors of `SCAN` mean anything to another server, which hashes keys by another seed. So a
//! pass uses one connection to each primary ([`Pinned`]), starts over when one is lost, and first asks a
//! cluster for its primaries.

use std::collections::BTreeSet;

use keywell_store::{BucketName, Cursor, Error, List, Page, Result, reserved};
use redis::Value;

use super::glob::literal;
use super::names::{Keys, bucket_of};
use super::windows::Windows;
use crate::link::{Link, Pinned, Route, unexpected};
use crate::wire::{command, text};

/// How many keys the server looks at in one step: about a millisecond.
const STEP: &[u8] = b"2000";

/// How often a pass is begun, where connections are lost on the way.
const PASSES: usize = 3;

/// A page of the keys of a bucket.
pub(crate) async fn page(
    link: &Link,
    windows: &Windows,
    keys: &Keys,
    request: &List,
) -> Result<Page> {
    let scope = keys.scope();
    let behind = match &request.cursor {
        None => None,
        Some(cursor) => Some(cursor.position(&scope, &request.prefix)?),
    };
    let limit = request.page_keys();
    if let Some(last) = &behind
        && let Some(found) = windows.find(&scope, &request.prefix, last, limit)
    {
        let page = cut(found, request, &scope);
        if !page.keys.is_empty() && are_there(link, keys, &page.keys).await? {
            return Ok(page);
        }
        // Some were deleted meanwhile: look for what is there now.
    }
    let pattern = pattern(&format!("{}{}", keys.prefix(), request.prefix));
    let smallest = scan(link, &pattern, |smallest: &mut Smallest, full| {
        let key = keys.key(full);
        let is_behind = |key: &&str| {
            behind
                .as_ref()
                .is_none_or(|last| key.as_bytes() > &last[..])
        };
        if let Some(key) = key.filter(is_behind) {
            smallest.offer(key);
        }
    })
    .await?;
    let found: Vec<String> = smallest.keys.into_iter().collect();
    let is_whole = !smallest.left_out;
    let page = cut(found.iter().take(limit + 1).cloned(), request, &scope);
    if found.len() > page.keys.len() && !link.is_cluster() {
        windows.keep(scope, request.prefix.clone(), found, is_whole);
    }
    Ok(page)
}

/// Whether all of them are still there.
async fn are_there(link: &Link, keys: &Keys, page: &[String]) -> Result<bool> {
    let mut exists = text("EXISTS");
    for key in page {
        exists.arg(keys.full(key));
    }
    let reply = link.read(Route::Any, &exists).await?;
    Ok(matches!(reply, Value::Int(found) if usize::try_from(found) == Ok(page.len())))
}

/// The smallest keys of a pass, within a bound.
#[derive(Default)]
struct Smallest {
    keys: BTreeSet<String>,
    bytes: usize,
    left_out: bool,
}

impl Smallest {
    const MAX_BYTES: usize = 8 << 20;
    const MAX_KEYS: usize = 50_000;

    fn offer(&mut self, key: &str) {
        if self.left_out && self.keys.last().is_some_and(|last| key >= last.as_str()) {
            return;
        }
        if self.keys.insert(key.to_owned()) {
            self.bytes += key.len();
        }
        while self.keys.len() > Self::MAX_KEYS || self.bytes > Self::MAX_BYTES {
            self.bytes -= self.keys.pop_last().map_or(0, |last| last.len());
            self.left_out = true;
        }
    }
}

/// A page of the first of these; those that do not fit say that it is not the last.
fn cut(found: impl IntoIterator<Item = String>, request: &List, scope: &str) -> Page {
    let mut bytes = 0;
    let mut keys = Vec::new();
    let mut is_last = true;
    for key in found {
        bytes += key.len();
        if request.is_full(keys.len(), bytes) {
            is_last = false;
            break;
        }
        keys.push(key);
    }
    let last = keys.last().filter(|_| !is_last);
    let cursor = last.map(|last| Cursor::seal(scope, &request.prefix, last.as_bytes()));
    Page {
        keys,
        entries: Vec::new(),
        cursor,
    }
}

/// The names of the buckets that have a key.
pub(crate) async fn names_of_buckets(link: &Link) -> Result<Vec<BucketName>> {
    let names = scan(link, b"*:*", |names: &mut BTreeSet<BucketName>, full| {
        names.extend(bucket_of(full));
    });
    Ok(names.await?.into_iter().collect())
}

/// The names of the buckets that have a key in the flat layout.
pub(crate) async fn names_of_flat_buckets(link: &Link, prefix: &str) -> Result<Vec<BucketName>> {
    let all = reserved::buckets()
        .into_iter()
        .chain([BucketName::default()]);
    let buckets = all
        .map(|name| Ok((Keys::new(&name, Some(prefix))?, name)))
        .collect::<Result<Vec<_>>>()?;
    let pattern = pattern(prefix);
    let names = scan(link, &pattern, |names: &mut BTreeSet<BucketName>, full| {
        let bucket = buckets.iter().find(|(keys, _)| keys.key(full).is_some());
        names.extend(bucket.map(|(_, name)| name.clone()));
    });
    Ok(names.await?.into_iter().collect())
}

fn pattern(beginning: &str) -> Vec<u8> {
    let mut pattern = literal(beginning);
    pattern.push(b'*');
    pattern
}

/// Collects the names of all strings that match; a name may come more than once.
///
/// # Errors
///
/// [`Error::Unavailable`] also where the connection is lost in each of [`PASSES`] passes.
async fn scan<T: Default>(link: &Link, pattern: &[u8], found: impl Fn(&mut T, &[u8])) -> Result<T> {
    for _ in 0..PASSES {
        let mut all = T::default();
        if pass(link, pattern, |name| found(&mut all, name)).await? {
            return Ok(all);
        }
    }
    let problem = "the connection was lost again and again while keys were listed";
    Err(Error::Unavailable(problem.into()))
}

/// Goes through all names; whether it came to the end. What a server says where to go on means
/// nothing to another, which hashes its keys in another way: it would leave out some of them.
async fn pass(link: &Link, pattern: &[u8], mut found: impl FnMut(&[u8])) -> Result<bool> {
    for primary in link.present_primaries().await? {
        let server = link.pinned_at(&primary).await?;
        let mut cursor = b"0".to_vec();
        loop {
            let Some(step) = step(&server, &cursor, pattern).await? else {
                return Ok(false);
            };
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
    Ok(true)
}

struct Step {
    cursor: Vec<u8>,
    names: Vec<Value>,
}

async fn step(server: &Pinned, cursor: &[u8], pattern: &[u8]) -> Result<Option<Step>> {
    let scan = command(&[
        b"SCAN", cursor, b"MATCH", pattern, b"COUNT", STEP, b"TYPE", b"string",
    ]);
    let Some(reply) = server.read(&scan).await? else {
        return Ok(None);
    };
    if let Value::Array(parts) = reply {
        if let Ok([Value::BulkString(cursor), Value::Array(names)]) = <[Value; 2]>::try_from(parts)
        {
            return Ok(Some(Step { cursor, names }));
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
        let limited = |limit: usize| List {
            limit,
            ..List::default()
        };
        let whole = cut(keys(3, 4), &limited(3), "s");
        assert_eq!((whole.keys.len(), whole.cursor), (3, None));
        let short = cut(keys(4, 4), &limited(3), "s");
        assert_eq!(short.keys.len(), 3);
        assert_eq!(short.cursor.unwrap().position("s", "").unwrap(), b"0002");
        let heavy = cut(keys(1000, 1024), &limited(1000), "s");
        assert_eq!(heavy.keys.len(), 256);
        assert!(heavy.cursor.is_some());
    }
}
