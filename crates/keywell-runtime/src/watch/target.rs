//! What a trigger watches and where it keeps its records.
//!
//! A made name is the same for the same component, bucket and subscriptions, as it ends with their
//! digest, and is a valid name. The purpose of a trigger, which all processes of one name must have in
//! common, is a digest of the bucket in the store, the prefix of the grant, and the subscriptions in
//! canonical form.

use std::sync::Arc;

use keywell_store::{BucketName, Store, reserved};

use crate::watch::digest::digest;
use crate::watch::subscriptions::Subscriptions;

/// What a trigger watches, and where it keeps what it must not forget.
#[derive(Clone)]
pub struct WatchTarget {
    /// What the component is called in logs and dead letters: its file's name, say.
    pub component: String,
    /// The watched bucket, by the name that the component is granted it under. The component is
    /// handed this bucket with each event, and sees events as the grant shows them.
    pub bucket: BucketName,
    /// The trigger's name, 1 to 128 bytes without control characters and `/`. Triggers of one name
    /// on one store share its events, also between processes, so they have to subscribe to the same
    /// changes of the same bucket. `None` makes one of the component's name, the bucket's, and the
    /// subscriptions: another one of these is another trigger, which starts over.
    pub name: Option<String>,
    /// Which changes are delivered.
    pub subscriptions: Subscriptions,
    /// Where positions and the group's record are kept: a bucket of [`positions`](Self::positions), or of the
    /// store that is watched.
    pub state: BucketName,
    /// Another store for these than the one that is watched, which may refuse writes.
    ///
    /// If one process at a time can have that store open, the trigger does not share its events
    /// with others. On a store that cannot resume, processes that do share them hand them over by
    /// records that have no common order with the events: an event that comes just then may be
    /// delivered twice or not at all.
    pub positions: Option<PositionsStore>,
    /// Where events go that cannot be delivered; `None` is the bucket of that name in the store
    /// that has the positions.
    pub dead_letters: (Option<Arc<dyn Store>>, BucketName),
}

/// A store that keeps the positions of triggers on another one.
#[derive(Clone)]
pub struct PositionsStore {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Names the store that is watched, the same in every process: its URL, without secrets.
    /// Triggers of one name share events where they watch the same store.
    pub watched: String,
}

// === impl WatchTarget ===

impl WatchTarget {
    /// The bucket that keeps positions, unless said otherwise. No component can open this one; one
    /// of another name is protected by what is granted alone.
    pub const STATE: &str = reserved::TRIGGERS;
    /// The bucket that keeps dead letters, unless said otherwise; as [`STATE`](Self::STATE).
    pub const DEAD_LETTERS: &str = reserved::DEAD_LETTERS;

    /// The longest name of a trigger, in bytes.
    const NAME_BYTES: usize = 128;
    /// Changes when processes could no longer share events with those of an earlier release.
    const GENERATION: &str = "1";

    /// Watches a bucket, with the usual buckets in the same store for positions and dead letters.
    pub fn new(component: &str, bucket: BucketName, subscriptions: Subscriptions) -> Self {
        let usual = |name| BucketName::parse(name).expect("the usual names are names of buckets");
        Self {
            component: component.to_owned(),
            bucket,
            name: None,
            subscriptions,
            state: usual(Self::STATE),
            positions: None,
            dead_letters: (None, usual(Self::DEAD_LETTERS)),
        }
    }

    /// Whether a trigger may be called so.
    ///
    /// # Errors
    ///
    /// The rule for names, as an error message.
    pub fn check_name(name: &str) -> Result<(), &'static str> {
        let is_fine = !name.is_empty()
            && name.len() <= Self::NAME_BYTES
            && !name.contains(|char: char| char == '/' || char.is_control());
        if is_fine {
            return Ok(());
        }
        Err("a trigger's name is 1 to 128 bytes, without `/` and control characters")
    }

    /// The trigger's name.
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.made_name())
    }

    /// What its records are filed under: its name, and where several watched stores may have their
    /// records in one, which of them it watches.
    pub(crate) fn filed_under(&self, name: &str) -> String {
        match &self.positions {
            None => name.to_owned(),
            Some(positions) => format!("{name}@{}", digest(&[&positions.watched])),
        }
    }

    /// Begins with component and bucket, for readers, and ends with a digest that makes it unique.
    fn made_name(&self) -> String {
        let subscriptions = self.subscriptions.canonical();
        let digest = digest(&[&self.component, self.bucket.as_str(), &subscriptions]);
        let known_by = format!("{}:{}", self.component, self.bucket);
        let is_allowed = |char: char| char != '/' && !char.is_control();
        let known_by: String = known_by
            .chars()
            .map(|char| if is_allowed(char) { char } else { '_' })
            .collect();
        let room = Self::NAME_BYTES - 1 - digest.len();
        format!(
            "{}:{digest}",
            &known_by[..known_by.floor_char_boundary(room)]
        )
    }

    /// What processes of one name have to have in common: `bucket` and `prefix` are those of the store.
    pub(crate) fn purpose(&self, bucket: &str, prefix: &str) -> String {
        let subscriptions = self.subscriptions.canonical();
        digest(&[Self::GENERATION, bucket, prefix, &subscriptions])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(component: &str, bucket: &str, subscriptions: &str) -> WatchTarget {
        let bucket = BucketName::parse(bucket).unwrap();
        let subscriptions = Subscriptions::parse(subscriptions).unwrap();
        WatchTarget::new(component, bucket, subscriptions)
    }

    #[test]
    fn made_names_are_the_same_for_the_same_alone() {
        let made = target("w.wasm", "default", "SET@a:*,DEL@b").name();
        assert!(made.starts_with("w.wasm:default:"), "{made}");
        for same in ["DEL@b, SET@a:*", "SET@a:*,DEL@=b,SET@a:*"] {
            assert_eq!(target("w.wasm", "default", same).name(), made, "{same}");
        }
        for (component, bucket, subscriptions) in [
            ("w.wasm", "default", "SET@a:*"),
            ("w.wasm", "other", "SET@a:*,DEL@b"),
            ("x.wasm", "default", "SET@a:*,DEL@b"),
            ("w.wasm", "default", r"SET@a:\*,DEL@b"),
            ("w.wasm", "default", r"SET@a:*\,DEL@b"),
        ] {
            let other = target(component, bucket, subscriptions).name();
            assert_ne!(other, made, "{component} {bucket} {subscriptions}");
        }
    }

    #[test]
    fn records_in_another_store_are_those_of_one_watched_store() {
        let mut watched = target("w.wasm", "default", "SET@a");
        assert_eq!(watched.filed_under("t"), "t");
        let mut filed = |url: &str| {
            let store: Arc<dyn Store> = Arc::new(keywell_memory::MemoryStore::default());
            let watched_store = url.to_owned();
            watched.positions = Some(PositionsStore {
                store,
                watched: watched_store,
            });
            watched.filed_under("t")
        };
        let one = filed("redis://a");
        assert_eq!(one, filed("redis://a"));
        assert!(one.starts_with("t@") && one != filed("redis://b"), "{one}");
    }

    #[test]
    fn made_names_are_names_whatever_they_are_made_of() {
        let made = target(&"é/\n".repeat(100), "default", "SET@a").name();
        assert!(made.len() <= 128 && !made.contains(['/', '\n']), "{made}");
        let other = target(&"é/\n".repeat(101), "default", "SET@a").name();
        assert_ne!(made, other);
    }
}
