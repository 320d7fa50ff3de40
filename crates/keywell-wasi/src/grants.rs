use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use keywell_store::layer::{Grant, Granted, Limited, Limits};
use keywell_store::reserved::is_reserved;
use keywell_store::{Answer, Bucket, BucketName, Error, Promptness, Store};
use parking_lot::RwLock;

use crate::cursors::Cursors;

/// What one component may open: which bucket names, in which stores, with which rights and limits.
///
/// Shared by all instances of the component. What is not granted is `access-denied`, whether or not
/// it exists, and so are the [`reserved`](crate::reserved) buckets, whatever is granted.
pub struct Grants {
    named: HashMap<BucketName, Granting>,
    rest: Option<Granting>,
    layer: Option<Arc<Layer>>,
    opened: RwLock<HashMap<Box<str>, Arc<Limited>, RandomState>>,
    pub(crate) cursors: Cursors,
}

/// Where a granted bucket is in truth.
#[derive(Clone)]
pub struct Origin {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The bucket's name in it.
    pub bucket: BucketName,
    /// What every key begins with that the component sees; it does not see the prefix.
    pub prefix: String,
}

type Layer = dyn Fn(&Origin, Arc<dyn Bucket>) -> Arc<dyn Bucket> + Send + Sync;

#[derive(Clone)]
struct Granting {
    store: Arc<dyn Store>,
    /// The bucket in the store; `None` for the one of the name that was asked for.
    bucket: Option<BucketName>,
    grant: Grant,
    limits: Limits,
}

// === impl Grants ===

impl Grants {
    /// How many opened buckets are kept for the next instance. Buckets past this number are opened again
    /// by each instance.
    const KEPT_OPEN: usize = 1024;

    /// Grants nothing yet; see [`Grants::with`].
    pub fn none() -> Self {
        Self {
            named: HashMap::new(),
            rest: None,
            layer: None,
            opened: RwLock::default(),
            cursors: Cursors::default(),
        }
    }

    /// Grants every bucket name, each the bucket of that name in one store, with the usual limits.
    pub fn everything_in(store: Arc<dyn Store>) -> Self {
        Self::everything_within(store, Limits::default())
    }

    /// Grants every bucket name, each the bucket of that name in one store.
    pub fn everything_within(store: Arc<dyn Store>, limits: Limits) -> Self {
        let rest = Granting {
            store,
            bucket: None,
            grant: Grant::default(),
            limits,
        };
        Self {
            rest: Some(rest),
            ..Self::none()
        }
    }

    /// Grants one name: to the component it is `name`, and in the store it is `bucket`.
    #[must_use]
    pub fn with(
        mut self,
        name: BucketName,
        store: Arc<dyn Store>,
        bucket: BucketName,
        grant: Grant,
        limits: Limits,
    ) -> Self {
        let granting = Granting {
            store,
            bucket: Some(bucket),
            grant,
            limits,
        };
        self.named.insert(name, granting);
        self
    }

    /// The same grants for other instances, with a layer around every bucket of a store, beneath
    /// what is granted of it.
    #[must_use]
    pub fn layered(
        &self,
        layer: impl Fn(&Origin, Arc<dyn Bucket>) -> Arc<dyn Bucket> + Send + Sync + 'static,
    ) -> Self {
        let layer: Arc<Layer> = match self.layer.clone() {
            None => Arc::new(layer),
            Some(inner) => Arc::new(move |origin, bucket| layer(origin, inner(origin, bucket))),
        };
        Self {
            named: self.named.clone(),
            rest: self.rest.clone(),
            layer: Some(layer),
            ..Self::none()
        }
    }

    /// Where the bucket is that the component knows by a name; `None` if it is not granted.
    pub fn origin(&self, name: &BucketName) -> Option<Origin> {
        self.granting(name).map(|granting| granting.origin(name))
    }

    /// Opens a bucket as the component would.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] if it is not granted or reserved, and what its store says.
    pub fn bucket(self: &Arc<Self>, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.open(name.as_str())
            .map(|bucket| -> Arc<dyn Bucket> { bucket })
    }

    /// Whether every granted store answers at once, and so how [`link`](crate::link) links.
    pub fn promptness(&self) -> Promptness {
        let mut grantings = self.named.values().chain(&self.rest);
        if grantings.all(|granting| granting.store.promptness() == Promptness::AtOnce) {
            Promptness::AtOnce
        } else {
            Promptness::Waits
        }
    }

    pub(crate) fn open(self: &Arc<Self>, name: &str) -> Answer<Arc<Limited>> {
        if let Some(bucket) = self.opened.read().get(name) {
            return Answer::now(bucket.clone());
        }
        let parsed = match BucketName::parse(name) {
            Ok(parsed) => parsed,
            Err(error) => return error.into(),
        };
        let granting = self.granting(&parsed);
        let Some(granting) = granting.filter(|granting| granting.is_open(&parsed)) else {
            return Error::AccessDenied("this bucket is not granted".into()).into();
        };
        let granting = granting.clone();
        let grants = self.clone();
        let name = name.into();
        granting
            .open(&parsed, self.layer.clone())
            .map(move |bucket| grants.keep(name, bucket))
    }

    fn granting(&self, name: &BucketName) -> Option<&Granting> {
        self.named.get(name).or(self.rest.as_ref())
    }

    fn keep(&self, name: Box<str>, bucket: Arc<Limited>) -> Arc<Limited> {
        let mut opened = self.opened.write();
        if opened.len() < Self::KEPT_OPEN {
            return opened.entry(name).or_insert(bucket).clone();
        }
        bucket
    }
}

// === impl Granting ===

impl Granting {
    /// Whether neither the name asked for nor the bucket behind it is reserved.
    fn is_open(&self, asked: &BucketName) -> bool {
        !is_reserved(asked) && !self.bucket.as_ref().is_some_and(is_reserved)
    }

    fn origin(&self, asked: &BucketName) -> Origin {
        Origin {
            store: self.store.clone(),
            bucket: self.bucket.as_ref().unwrap_or(asked).clone(),
            prefix: self.grant.prefix.clone(),
        }
    }

    fn open(self, asked: &BucketName, layer: Option<Arc<Layer>>) -> Answer<Arc<Limited>> {
        let origin = self.origin(asked);
        let Self { grant, limits, .. } = self;
        origin.store.open(&origin.bucket).map(move |bucket| {
            let bucket = match layer {
                Some(layer) => layer(&origin, bucket),
                None => bucket,
            };
            let bucket: Arc<dyn Bucket> = if grant.is_everything() {
                bucket
            } else {
                Arc::new(Granted::new(bucket, grant))
            };
            Arc::new(Limited::new(bucket, limits))
        })
    }
}
