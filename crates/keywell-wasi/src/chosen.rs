/// One of a component's links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkNumber(u32);

/// An interface whose calls can have another link than those of the others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Linked {
    Store,
    Atomics,
    Batch,
    /// `keywell:keyvalue/store`, by which buckets of that package are opened.
    Own,
}

/// The links that the interfaces use, in one instance.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chosen([LinkNumber; 4]);

// === impl LinkNumber ===

impl LinkNumber {
    /// The one without a name.
    pub(crate) const UNNAMED: Self = Self(0);
    /// One of a name that the component has no link of.
    pub(crate) const ABSENT: Self = Self(u32::MAX);

    /// The one at an index of those with a name.
    pub(crate) fn named(index: usize) -> Self {
        u32::try_from(index + 1).map_or(Self::ABSENT, Self)
    }

    /// Its index among those with a name.
    pub(crate) fn index(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }
}

// === impl Linked ===

impl Linked {
    /// The interface of a name without a version, if it is one of these.
    pub(crate) fn of(interface: &str) -> Option<Self> {
        match interface {
            "wasi:keyvalue/store" => Some(Self::Store),
            "wasi:keyvalue/atomics" => Some(Self::Atomics),
            "wasi:keyvalue/batch" => Some(Self::Batch),
            "keywell:keyvalue/store" => Some(Self::Own),
            _ => None,
        }
    }
}

// === impl Chosen ===

impl Chosen {
    pub(crate) fn of(&self, interface: Linked) -> LinkNumber {
        self.0[interface as usize]
    }

    pub(crate) fn choose(&mut self, interface: Linked, link: LinkNumber) {
        self.0[interface as usize] = link;
    }
}
