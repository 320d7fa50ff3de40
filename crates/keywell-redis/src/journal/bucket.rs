use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::try_join_all;
use keywell_store::{
    Answer, Batching, Bucket, BucketName, Capabilities, Cas, Change, Cursor, Durability, Entry,
    Error, Expected, Filter, Invalid, List, Listing, Page, Part, Promptness, Result, Set, Since,
    StoreId, Swap, Transacting, Version, Watch, Watching, reserved,
};

use super::limits::LIMITS;
use super::page::{self, Range};
use super::shard::Shard;
use super::tails::Tails;
use super::{transact, watch};
use crate::distinct::{self, Distinct};

/// A bucket of the journal layout.
#[derive(Clone, Debug)]
pub(crate) struct JournalBucket {
    pub(super) store: StoreId,
    pub(super) name: BucketName,
    pub(super) shards: Arc<[Arc<Shard>]>,
    pub(super) tails: Arc<Tails>,
    pub(super) watching: Watching,
    /// What cursors and tokens are good for.
    pub(super) scope: Arc<str>,
}

/// Which shard has a key: XXH3 of its bytes (64 bits, seed 0), modulo the number of shards. Data
/// that is stored depends on it.
fn shard_of(key: &str, shards: usize) -> usize {
    let hash = twox_hash::XxHash3_64::oneshot(key.as_bytes());
    usize::try_from(hash % shards as u64).expect("it is less than the number of shards")
}

fn check_keys(keys: &[&str]) -> Result<()> {
    LIMITS.check_batch_of(keys)?;
    keys.iter().try_for_each(|key| LIMITS.check_length(key))
}

fn value_too_large(error: Error) -> Error {
    match error {
        Error::Invalid(Invalid::BatchTooLarge { bytes, max }) => {
            Invalid::ValueTooLarge { bytes, max }.into()
        }
        error => error,
    }
}

// === impl JournalBucket ===

impl JournalBucket {
    fn shard(&self, key: &str) -> Arc<Shard> {
        self.shards[shard_of(key, self.shards.len())].clone()
    }

    /// What goes to each shard, in the order given, for those that anything goes to.
    fn split<T>(
        &self,
        all: impl Iterator<Item = T>,
        key: impl Fn(&T) -> &str,
    ) -> Vec<(Arc<Shard>, Vec<T>)> {
        let mut each: Vec<Vec<T>> = self.shards.iter().map(|_| Vec::new()).collect();
        for one in all {
            let at = shard_of(key(&one), each.len());
            each[at].push(one);
        }
        let shards = self.shards.iter().cloned().zip(each);
        shards.filter(|(_, some)| !some.is_empty()).collect()
    }

    fn read_many(
        &self,
        keys: &[&str],
        max: usize,
        with_expiry: bool,
    ) -> Answer<Vec<Option<Entry>>> {
        if let Err(error) = check_keys(keys) {
            return error.into();
        }
        let Distinct { keys, places } = Distinct::of(keys);
        let asked = keys.iter().enumerate();
        let asked = asked.map(|(at, key)| (at, (*key).to_owned()));
        let (split, count) = (self.split(asked, |(_, key)| key), keys.len());
        Answer::later(async move {
            let each = split.into_iter().map(|(shard, some)| async move {
                let keys: Vec<&str> = some.iter().map(|(_, key)| &**key).collect();
                let found = shard.get(&keys, max, with_expiry).await?;
                let at = some.into_iter().map(|(at, _)| at);
                Ok::<_, Error>(at.zip(found).collect::<Vec<_>>())
            });
            let mut entries = vec![None; count];
            for (at, entry) in try_join_all(each).await?.into_iter().flatten() {
                entries[at] = entry;
            }
            distinct::spread(&entries, &places, max)
        })
    }
}

impl Bucket for JournalBucket {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            cas: Cas::ByVersion,
            increment: true,
            list: Listing::Ordered,
            batch: if self.shards.len() == 1 {
                Batching::Atomic
            } else {
                Batching::Sequential
            },
            watch: self.watching,
            ttl: true,
            transact: transact::transacting(self.shards.len()),
            durability: Durability::Process,
            ..Capabilities::of(LIMITS)
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        if let Err(error) = LIMITS.check_length(key) {
            return error.into();
        }
        let (shard, key) = (self.shard(key), key.to_owned());
        Answer::later(async move {
            let read = shard
                .get(&[&key], max, false)
                .await
                .map_err(value_too_large)?;
            Ok(read.into_iter().next().flatten())
        })
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        if let Err(error) = LIMITS.check_length(key) {
            return error.into();
        }
        let (shard, key) = (self.shard(key), key.to_owned());
        Answer::later(async move { shard.exists(&key).await })
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let ttl = match LIMITS
            .check_entry(key, &value)
            .and_then(|()| how.ttl_millis())
        {
            Ok(ttl) => ttl,
            Err(error) => return error.into(),
        };
        let (shard, entries) = (self.shard(key), [(key.to_owned(), value)]);
        Answer::later(async move { shard.set(&entries, ttl).await })
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.delete_many(&[key])
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let checked = match &change {
            Change::Set(value, how) => LIMITS
                .check_entry(key, value)
                .and_then(|()| how.ttl_millis()),
            Change::Delete => LIMITS.check_length(key).map(|()| None),
        };
        let ttl = match checked {
            Ok(ttl) => ttl,
            Err(error) => return error.into(),
        };
        let (shard, key) = (self.shard(key), key.to_owned());
        Answer::later(async move { shard.swap(&key, &expected, &change, ttl).await })
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let ttl = match LIMITS.check_length(key).and_then(|()| created.ttl_millis()) {
            Ok(ttl) => ttl,
            Err(error) => return error.into(),
        };
        let (shard, key) = (self.shard(key), key.to_owned());
        Answer::later(async move { shard.increment(&key, delta, ttl).await })
    }

    /// All of a shard at one instant.
    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.read_many(keys, max, false)
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.read_many(keys, max, true)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if let Err(error) = LIMITS.check_entries(&entries) {
            return error.into();
        }
        let places = entries.iter().enumerate();
        let last: HashMap<&str, usize> = places.map(|(at, (key, _))| (*key, at)).collect();
        let entries = entries.iter().enumerate();
        let standing = entries.filter(|(at, (key, _))| last.get(key) == Some(at));
        let standing = standing.map(|(_, (key, value))| ((*key).to_owned(), value.clone()));
        let split = self.split(standing, |(key, _)| key);
        Answer::later(async move {
            for (at, (shard, entries)) in split.into_iter().enumerate() {
                let set = shard.set(&entries, None).await;
                set.map_err(|error| if at > 0 { error.of_a_part() } else { error })?;
            }
            Ok(())
        })
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        if let Err(error) = check_keys(keys) {
            return error.into();
        }
        let split = self.split(keys.iter().map(|key| (*key).to_owned()), |key| key);
        Answer::later(async move {
            for (at, (shard, keys)) in split.into_iter().enumerate() {
                let deleted = shard.delete(&keys).await;
                deleted.map_err(|error| if at > 0 { error.of_a_part() } else { error })?;
            }
            Ok(())
        })
    }

    fn admit(&self, part: Part) -> Result<Part> {
        if transact::transacting(self.shards.len()) == Transacting::None {
            return Err(Error::Unsupported("transactions"));
        }
        LIMITS.check_entry(&part.key, part.value().unwrap_or_default())?;
        Ok(part.of(self.store, self.name.clone()))
    }

    fn list(&self, request: List) -> Answer<Page> {
        let range = match Range::of(&request, &self.scope) {
            Ok(range) => range,
            Err(error) => return error.into(),
        };
        let (shards, scope) = (self.shards.clone(), self.scope.clone());
        let bucket = request.values.map(|max| (self.clone(), max));
        Answer::later(async move {
            let most = request.page_keys();
            let each = shards.iter().map(|shard| shard.list(&range, most));
            let runs = try_join_all(each).await?;
            let page = page::join(runs, &request, &scope);
            let Some((bucket, max)) = bucket else {
                return Ok(page);
            };
            let seal = |key: &str| Cursor::seal(&scope, &request.prefix, key.as_bytes());
            page.read(&bucket, max, seal).await
        })
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let (shards, tails) = (self.shards.clone(), self.tails.clone());
        let scope = self.scope.clone();
        match (self.watching, since) {
            (Watching::None, _) => Error::Unsupported("watching").into(),
            (Watching::Resumable, since) => {
                Answer::later(async move { watch::open(shards, tails, scope, filter, since).await })
            }
            (_, Since::Now) => reserved::live(move || {
                let (shards, tails, scope) = (shards.clone(), tails.clone(), scope.clone());
                Answer::later(watch::open(
                    shards,
                    tails,
                    scope,
                    filter.clone(),
                    Since::Now,
                ))
            }),
            (_, Since::After(_)) => Error::Invalid(Invalid::Token).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_in_its_shard() {
        // XXH3 of "", "a" and "abc" is 2d06800538d394c2, e6c632b61e964e1f and 78af5f94892f3950.
        let places = ["", "a", "abc"].map(|key| shard_of(key, 64));
        assert_eq!(places, [0xc2 % 64, 0x1f, 0x50 % 64]);
    }
}
