use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use keywell_store::layer::{Grant, Granted, Limited, Limits};
use keywell_store::reserved::is_reserved;
use keywell_store::{Answer, Bucket, BucketName, Error, Promptness, Store};
use parking_lot::RwLock;

use crate::chosen::LinkNumber;
use crate::cursors::Cursors;
use crate::opened::Opened;

/// What one component may open: which bucket names, in which stores, with which rights and limits.
///
/// Shared by all instances of the component. What is not granted is `access-denied`, whether or not
/// it exists, and so are the [`reserved`](crate::reserved) buckets, whatever is granted.
///
/// A component may have other grants [beside](Grants::with_link) these, and choose between them by
/// the names of links.
pub struct Grants {
    named: HashMap<BucketName, Granting>,
    rest: Option<Granting>,
    layer: Option<Arc<Layer>>,
    /// Whether the component is linked as if no store answered at once.
    waits: bool,
    opened: RwLock<HashMap<Box<str>, Arc<Opened>, RandomState>>,
    /// Which of the component's links this is.
    link: LinkNumber,
    /// The component's other links, by name.
    links: Vec<(String, Arc<Self>)>,
    pub(crate) cursors: Cursors,
    /// See [`Grants::largest_value`].
    largest_value: OnceLock<usize>,
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

/// What has a store in the place of another one.
type Replace<'a> = dyn FnMut(&Arc<dyn Store>) -> Arc<dyn Store> + 'a;

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
    /// How many opened buckets are kept for the next instance. Buckets past this number are opened
    /// again by each instance.
    const KEPT_OPEN: usize = 1024;

    /// Grants nothing yet; see [`Grants::with`].
    pub fn none() -> Self {
        Self {
            named: HashMap::new(),
            rest: None,
            layer: None,
            waits: false,
            opened: RwLock::default(),
            link: LinkNumber::UNNAMED,
            links: Vec::new(),
            cursors: Cursors::default(),
            largest_value: OnceLock::new(),
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

    /// Grants every name that is not granted by itself: each of them is this one bucket in the
    /// store.
    #[must_use]
    pub fn with_every_name(
        mut self,
        store: Arc<dyn Store>,
        bucket: BucketName,
        grant: Grant,
        limits: Limits,
    ) -> Self {
        self.rest = Some(Granting {
            store,
            bucket: Some(bucket),
            grant,
            limits,
        });
        self
    }

    /// Has other grants beside these, which an instance chooses by the name of their link
    /// ([`Keyvalue::choose_link`](crate::Keyvalue::choose_link)). Of two of one name the later
    /// counts, and links that `grants` have themselves are of no use.
    #[must_use]
    pub fn with_link(mut self, name: impl Into<String>, mut grants: Self) -> Self {
        let name = name.into();
        let known = self.links.iter().position(|(known, _)| *known == name);
        grants.link = LinkNumber::named(known.unwrap_or(self.links.len()));
        match known {
            Some(known) => self.links[known].1 = Arc::new(grants),
            None => self.links.push((name, Arc::new(grants))),
        }
        self
    }

    /// The same grants for other instances, with a layer around every bucket of a store, beneath
    /// what is granted of it, by every link.
    #[must_use]
    pub fn layered(
        &self,
        layer: impl Fn(&Origin, Arc<dyn Bucket>) -> Arc<dyn Bucket> + Send + Sync + 'static,
    ) -> Self {
        let layer: Arc<Layer> = Arc::new(layer);
        self.layered_by(&layer)
    }

    fn layered_by(&self, added: &Arc<Layer>) -> Self {
        let layer = match (self.layer.clone(), added.clone()) {
            (None, added) => added,
            (Some(inner), added) => {
                Arc::new(move |origin: &Origin, bucket| added(origin, inner(origin, bucket)))
            }
        };
        let links = self.links.iter();
        let links = links.map(|(name, grants)| (name.clone(), Arc::new(grants.layered_by(added))));
        Self {
            named: self.named.clone(),
            rest: self.rest.clone(),
            layer: Some(layer),
            waits: self.waits,
            link: self.link,
            links: links.collect(),
            ..Self::none()
        }
    }

    /// The same grants for a component that is replayed, with others in place of the stores, by every
    /// link. The numbers of its cursors are the same in each process.
    #[must_use]
    pub fn replayed(&self, mut store: impl FnMut(&Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        self.replayed_by(&mut store)
    }

    fn replayed_by(&self, store: &mut Replace<'_>) -> Self {
        let mut over = |granting: &Granting| Granting {
            store: store(&granting.store),
            ..granting.clone()
        };
        let named = self.named.iter();
        let named = named.map(|(name, granting)| (name.clone(), over(granting)));
        let named = named.collect();
        let rest = self.rest.as_ref().map(over);
        let links = self.links.iter();
        let links = links.map(|(name, grants)| (name.clone(), Arc::new(grants.replayed_by(store))));
        Self {
            named,
            rest,
            layer: self.layer.clone(),
            waits: true,
            link: self.link,
            links: links.collect(),
            cursors: Cursors::replayed(),
            ..Self::none()
        }
    }

    /// Where the bucket is that the component knows by a name; `None` if it is not granted.
    pub fn origin(&self, name: &BucketName) -> Option<Origin> {
        self.granting(name).map(|granting| granting.origin(name))
    }

    /// Whether the component may write to the bucket that it knows by a name.
    pub(crate) fn is_writable(&self, name: &BucketName) -> bool {
        let granting = self.granting(name);
        granting.is_some_and(|granting| !granting.grant.read_only)
    }

    /// Opens a bucket as the component would.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] if it is not granted or reserved, and what its store says.
    pub fn bucket(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.open_anew(name)
            .map(|(bucket, _)| -> Arc<dyn Bucket> { Arc::new(bucket) })
    }

    /// Whether every granted store answers at once, by every link, and so how [`link`](crate::link)
    /// links. What is recorded waits.
    pub fn promptness(&self) -> Promptness {
        let mut grantings = self.named.values().chain(&self.rest);
        let mut links = self.links.iter();
        if !self.waits
            && grantings.all(|granting| granting.store.promptness() == Promptness::AtOnce)
            && links.all(|(_, grants)| grants.promptness() == Promptness::AtOnce)
        {
            Promptness::AtOnce
        } else {
            Promptness::Waits
        }
    }

    /// The largest value, in bytes, that can be in one of the buckets.
    pub(crate) fn largest_value(&self) -> usize {
        *self.largest_value.get_or_init(|| {
            let grantings = self.named.values().chain(&self.rest);
            let own = grantings.map(|granting| granting.limits.value_bytes);
            let linked = self.links.iter().map(|(_, grants)| grants.largest_value());
            own.chain(linked)
                .max()
                .unwrap_or(Limits::default().value_bytes)
        })
    }

    /// The link of a name, if there is one.
    pub(crate) fn number(&self, name: &str) -> Option<LinkNumber> {
        let index = self.links.iter().position(|(known, _)| known == name)?;
        Some(LinkNumber::named(index))
    }

    /// What is granted by another link than that without a name.
    pub(crate) fn by(&self, link: LinkNumber) -> Option<&Arc<Self>> {
        let (_, grants) = self.links.get(link.index()?)?;
        Some(grants)
    }

    pub(crate) fn open(self: &Arc<Self>, name: &str) -> Answer<Arc<Opened>> {
        if let Some(bucket) = self.opened.read().get(name) {
            return Answer::now(bucket.clone());
        }
        let parsed = match BucketName::parse(name) {
            Ok(parsed) => parsed,
            Err(error) => return error.into(),
        };
        let grants = self.clone();
        let name = name.into();
        self.open_anew(&parsed)
            .map(move |(bucket, store)| grants.keep(name, bucket, store))
    }

    fn open_anew(&self, name: &BucketName) -> Answer<(Limited, Arc<dyn Store>)> {
        let granting = self.granting(name);
        let Some(granting) = granting.filter(|granting| granting.is_open(name)) else {
            return Error::AccessDenied("this bucket is not granted".into()).into();
        };
        let store = granting.store.clone();
        let opened = granting.clone().open(name, self.layer.clone());
        opened.map(|bucket| (bucket, store))
    }

    fn granting(&self, name: &BucketName) -> Option<&Granting> {
        self.named.get(name).or(self.rest.as_ref())
    }

    fn keep(&self, name: Box<str>, bucket: Limited, store: Arc<dyn Store>) -> Arc<Opened> {
        let bucket = Arc::new(Opened {
            bucket,
            store,
            name: name.clone(),
            link: self.link,
        });
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

    fn open(self, asked: &BucketName, layer: Option<Arc<Layer>>) -> Answer<Limited> {
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
            Limited::new(bucket, limits)
        })
    }
}
