use std::sync::Arc;

use bytes::Bytes;
use keywell_conformance::{isolation, store};
use keywell_memory::MemoryStore;
use keywell_store::layer::{Grant, Granted};
use keywell_store::{Answer, Bucket, BucketName, Entry, Set, Store, Version};

use crate::bug::{Bug, Caught, Inner};

/// Rewrites keys.
struct Rewrites(fn(&str) -> String);

impl Bug for Rewrites {
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        inner.get_within(&(self.0)(key), max)
    }
    fn exists(&self, inner: &Inner, key: &str) -> Answer<bool> {
        inner.exists(&(self.0)(key))
    }
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        inner.set(&(self.0)(key), value, how)
    }
    fn delete(&self, inner: &Inner, key: &str) -> Answer<()> {
        inner.delete(&(self.0)(key))
    }
}

#[tokio::test]
async fn keys_that_are_rewritten_are_caught() {
    Caught::with(Rewrites(|key| key.trim().to_owned()))
        .by(store::a_key_may_hold_spaces_and_quotes)
        .await;
    Caught::with(Rewrites(str::to_lowercase))
        .by(store::keys_are_compared_byte_by_byte)
        .await;
    Caught::with(Rewrites(|key| {
        key.split('\0').next().unwrap_or_default().to_owned()
    }))
    .by(store::a_key_may_hold_a_nul)
    .await;
    Caught::with(Rewrites(|key| key.chars().take(255).collect()))
        .by(store::a_key_of_the_longest_length_is_a_key)
        .await;
    Caught::with(Rewrites(|key| key.replace("//", "/")))
        .by(store::a_key_is_no_path)
        .await;
    Caught::with(Rewrites(|key| key.replace(['\r', '\n'], " ")))
        .by(store::a_key_may_hold_control_characters)
        .await;
    Caught::with(Rewrites(|key| key.replace("%2F", "/").replace("%25", "%")))
        .by(store::a_key_may_hold_punctuation)
        .await;
    Caught::with(Rewrites(|key| key.replace("e\u{301}", "é")))
        .by(store::a_key_may_be_of_any_script)
        .await;
    Caught::with(Rewrites(|key| key.replace("NULL", "null")))
        .by(store::a_key_is_no_query)
        .await;
}

/// Treats a star in a deleted key as a wildcard.
struct GlobDelete;

impl Bug for GlobDelete {
    fn delete(&self, inner: &Inner, key: &str) -> Answer<()> {
        let Some(prefix) = key.strip_suffix('*') else {
            return inner.delete(key);
        };
        let request = keywell_store::List {
            prefix: prefix.to_owned(),
            ..Default::default()
        };
        let inner = inner.clone();
        inner.clone().list(request).then(move |page| {
            let keys: Vec<&str> = page.keys.iter().map(String::as_str).collect();
            inner.delete_many(&keys)
        })
    }
}

#[tokio::test]
async fn a_delete_by_pattern_is_caught() {
    Caught::with(GlobDelete)
        .by(store::a_delete_takes_no_other_key_with_it)
        .await;
}

/// Joins the name of the bucket and the key, in one bucket.
struct Joined(MemoryStore, &'static str);

impl Store for Joined {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let prefix = format!("{name}{}", self.1);
        self.0.open(&BucketName::default()).map(|inner| {
            let grant = Grant {
                prefix,
                ..Grant::default()
            };
            Arc::new(Granted::new(inner, grant)) as Arc<dyn Bucket>
        })
    }
}

#[tokio::test]
async fn names_that_collide_with_keys_are_caught() {
    for joint in [":", "/", ".", ""] {
        let caught = Caught::in_store(Joined(MemoryStore::new(), joint));
        if !joint.is_empty() {
            caught
                .by(isolation::names_and_keys_that_collide_when_joined_stay_apart)
                .await;
        }
        caught
            .by(isolation::a_listing_has_its_own_bucket_only)
            .await;
    }
}

/// Opens one bucket for all names.
struct NamesIgnored(MemoryStore);

impl Store for NamesIgnored {
    fn open(&self, _: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.0.open(&BucketName::default())
    }
}

#[tokio::test]
async fn buckets_that_are_one_are_caught() {
    let caught = Caught::in_store(NamesIgnored(MemoryStore::new()));
    caught.by(isolation::two_buckets_share_no_keys).await;
    caught
        .by(isolation::counters_of_two_buckets_count_apart)
        .await;
    caught.by(isolation::a_deletion_leaves_other_buckets).await;
    caught.by(isolation::batches_keep_to_their_bucket).await;
    caught
        .by(isolation::names_of_buckets_are_compared_byte_by_byte)
        .await;
}

/// Gives each handle data of its own.
struct PrivateHandles;

impl Store for PrivateHandles {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        MemoryStore::new().open(name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_with_data_of_its_own_is_caught() {
    use keywell_conformance::concurrency;
    let caught = Caught::in_store(PrivateHandles);
    caught.by(store::two_handles_show_the_same_data).await;
    caught.by(store::a_handle_outlives_the_others).await;
    caught
        .by(concurrency::a_bucket_opened_by_32_tasks_is_one)
        .await;
}
