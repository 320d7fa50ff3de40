use std::time::Duration;

use crate::{Located, Place};

/// Changes of the keys of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchPlan {
    /// Its name, by which it finds where it was after a restart.
    pub name: Option<Located<String>>,
    /// The component, by its name in the plan.
    pub component: String,
    /// The store of the bucket, by its name in the plan.
    pub store: String,
    /// The bucket, by the component's name for it, which is granted.
    pub bucket: Located<String>,
    /// Which changes: `SET@key`, `DEL@key`, each text one or several separated by commas.
    pub on: Vec<Located<String>>,
    /// How many deliveries may run at once.
    pub parallel: Option<u32>,
    /// How often a delivery that failed is tried again.
    pub retries: Option<u32>,
    /// How long the first wait before another try is.
    pub backoff: Option<Duration>,
    /// How long a delivery may take.
    pub deadline: Option<Duration>,
    /// How often a component's own writes may call it again, one after the other.
    pub hops: Option<u32>,
    /// The store that keeps its positions, by its name in the plan, where that is not the watched
    /// one. Dead letters are kept there too, unless `dead_letters` says otherwise.
    pub positions: Option<String>,
    /// Where deliveries go that failed for good.
    pub dead_letters: Option<DeadLettersPlan>,
    /// Whether the trigger is left out where the component does not export the watcher, rather than an
    /// error.
    pub is_optional: bool,
    /// Where the trigger begins.
    pub place: Place,
}

/// Where deliveries go that failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLettersPlan {
    /// The store, by its name in the plan; without one, the watched store.
    pub store: Option<String>,
    /// The bucket in the store.
    pub bucket: Located<String>,
}

// === impl WatchPlan ===

impl WatchPlan {
    /// Changes in the default bucket, delivered as is usual: `on` is `SET@key`, `DEL@key`, or several
    /// of these separated by commas.
    pub fn new(
        component: impl Into<String>,
        store: impl Into<String>,
        on: impl Into<String>,
    ) -> Self {
        Self {
            name: None,
            component: component.into(),
            store: store.into(),
            bucket: "default".to_owned().into(),
            on: vec![on.into().into()],
            parallel: None,
            retries: None,
            backoff: None,
            deadline: None,
            hops: None,
            positions: None,
            dead_letters: None,
            is_optional: false,
            place: Place::default(),
        }
    }

    pub(super) fn forget_places(&mut self) {
        self.place = Place::default();
        let dead_letters = self.dead_letters.iter_mut();
        let dead_letters = dead_letters.map(|dead| &mut dead.bucket);
        let texts = self.name.iter_mut().chain(&mut self.on).chain(dead_letters);
        for text in texts.chain([&mut self.bucket]) {
            text.place = Place::default();
        }
    }
}
