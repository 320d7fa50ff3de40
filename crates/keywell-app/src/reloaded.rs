use std::collections::BTreeSet;

/// What a reload changed, by the names in the plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Components; one whose bytes, links or bounds are others has changed.
    pub components: Differences,
    /// Stores; one that is opened at another URL has changed.
    pub stores: Differences,
    /// How many triggers run on untouched.
    pub kept: usize,
    /// How many triggers have started, or call another component at the address that they had.
    pub started: usize,
    /// How many triggers have ended without a successor.
    pub ended: usize,
}

/// How the names of two plans differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Names that only the new plan has.
    pub added: Vec<String>,
    /// Names that both have, for something else.
    pub changed: Vec<String>,
    /// Names that only the old plan had.
    pub removed: Vec<String>,
}

// === impl Differences ===

impl Differences {
    /// Compares names; `is_same` is asked for those that are in both plans.
    pub(crate) fn between<'a>(
        old: impl Iterator<Item = &'a String>,
        new: impl Iterator<Item = &'a String>,
        is_same: impl Fn(&str) -> bool,
    ) -> Self {
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.collect(), new.collect());
        let owned = |name: &&String| (*name).clone();
        let both = old.intersection(&new).filter(|name| !is_same(name));
        Self {
            added: new.difference(&old).map(owned).collect(),
            changed: both.map(owned).collect(),
            removed: old.difference(&new).map(owned).collect(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

// === impl Reloaded ===

impl Reloaded {
    /// Whether everything runs on untouched.
    pub fn is_empty(&self) -> bool {
        let triggers = self.started + self.ended;
        triggers == 0 && self.components.is_empty() && self.stores.is_empty()
    }
}
