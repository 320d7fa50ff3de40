use std::sync::Arc;

use keywell_store::{BucketName, Store};
use keywell_wasi::reserved;

use super::subscriptions::Subscriptions;

/// What a trigger watches, and where it keeps what it must not forget.
#[derive(Clone)]
pub struct WatchTarget {
    /// What the component is called in logs and dead letters: its file's name, say.
    pub component: String,
    /// The watched bucket, by the name that the component is granted it under. The component is
    /// handed this bucket with each event, and sees events as the grant shows them.
    pub bucket: BucketName,
    /// The trigger's name, 1 to 128 bytes without control characters and `/`. Triggers of one name
    /// on one store share its events, also between processes. `None` makes one of the names of the
    /// component and of the bucket.
    pub name: Option<String>,
    /// Which changes it is about.
    pub subscriptions: Subscriptions,
    /// Where positions and shares are kept: a bucket of the store that is watched.
    pub state: BucketName,
    /// Where events go that cannot be delivered; `None` is the bucket of that name in the store
    /// that is watched.
    pub dead_letters: (Option<Arc<dyn Store>>, BucketName),
}

// === impl WatchTarget ===

impl WatchTarget {
    /// The bucket that keeps positions, unless said otherwise. No component can open this one; one
    /// of another name is protected by what is granted alone.
    pub const STATE: &str = reserved::TRIGGERS;
    /// The bucket that keeps dead letters, unless said otherwise; as [`STATE`](Self::STATE).
    pub const DEAD_LETTERS: &str = reserved::DEAD_LETTERS;

    /// Watches a bucket, with the usual buckets in the same store for positions and dead letters.
    pub fn new(component: &str, bucket: BucketName, subscriptions: Subscriptions) -> Self {
        let usual = |name| BucketName::parse(name).expect("the usual names are names of buckets");
        Self {
            component: component.to_owned(),
            bucket,
            name: None,
            subscriptions,
            state: usual(Self::STATE),
            dead_letters: (None, usual(Self::DEAD_LETTERS)),
        }
    }

    /// Whether a trigger may be called so.
    ///
    /// # Errors
    ///
    /// What a name is made of, for the person who chose this one.
    pub fn check_name(name: &str) -> Result<(), &'static str> {
        let is_fine = !name.is_empty()
            && name.len() <= 128
            && !name.contains(|char: char| char == '/' || char.is_control());
        if is_fine {
            return Ok(());
        }
        Err("a trigger's name is 1 to 128 bytes, without `/` and control characters")
    }

    /// The trigger's name.
    pub fn name(&self) -> String {
        let made = || format!("{}:{}", self.component, self.bucket).replace('/', "_");
        self.name.clone().unwrap_or_else(made)
    }
}
