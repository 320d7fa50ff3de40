use foldhash::fast::RandomState;
use parking_lot::{RwLock, RwLockWriteGuard};

use crate::key::{HashedKey, STRIPES};
use crate::padded::Padded;
use crate::stripe::Stripe;

/// The keys of a bucket, spread over stripes by their hash.
///
/// A read or write of one key locks one stripe for some tens of nanoseconds. Several stripes are always
/// locked in order.
pub(crate) struct Stripes {
    all: Box<[Padded<RwLock<Stripe>>; STRIPES]>,
    hasher: RandomState,
}

/// Several stripes, locked for writing.
pub(crate) struct LockedStripes<'a> {
    set: u64,
    guards: Vec<RwLockWriteGuard<'a, Stripe>>,
}

// === impl Stripes ===

impl Stripes {
    /// Hashes a key.
    pub(crate) fn hashed<'a>(&self, key: &'a str) -> HashedKey<'a> {
        HashedKey::new(&self.hasher, key)
    }

    /// The stripe of a key.
    pub(crate) fn of(&self, key: HashedKey<'_>) -> &RwLock<Stripe> {
        &self.all[key.stripe()]
    }

    /// The stripe at a position, modulo the number of stripes.
    pub(crate) fn at(&self, position: usize) -> &RwLock<Stripe> {
        &self.all[position % STRIPES]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &RwLock<Stripe>> {
        self.all.iter().map(|stripe| &**stripe)
    }

    /// Waits until all writes in progress are done.
    pub(crate) fn settle(&self) {
        for stripe in self.iter() {
            drop(stripe.write());
        }
    }

    /// Locks the stripes of some keys for writing.
    pub(crate) fn lock<'a>(
        &self,
        keys: impl IntoIterator<Item = HashedKey<'a>>,
    ) -> LockedStripes<'_> {
        let set = keys
            .into_iter()
            .fold(0_u64, |set, key| set | (1 << key.stripe()));
        let mut guards = Vec::with_capacity(set.count_ones() as usize);
        let mut left = set;
        while left != 0 {
            guards.push(self.at(left.trailing_zeros() as usize).write());
            left &= left - 1;
        }
        LockedStripes { set, guards }
    }
}

impl Default for Stripes {
    fn default() -> Self {
        let hasher = RandomState::default();
        let stripe = |_| Padded(RwLock::new(Stripe::new(hasher.clone())));
        Self {
            all: Box::new(std::array::from_fn(stripe)),
            hasher,
        }
    }
}

// === impl LockedStripes ===

impl LockedStripes<'_> {
    /// The stripe of a key. It must be one of the keys that were locked.
    pub(crate) fn of(&mut self, key: HashedKey<'_>) -> &mut Stripe {
        let lower = self.set & ((1 << key.stripe()) - 1);
        &mut self.guards[lower.count_ones() as usize]
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stripe> {
        self.guards.iter_mut().map(|stripe| &mut **stripe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_over_all_stripes() {
        let stripes = Stripes::default();
        let mut hit = [0_u32; STRIPES];
        for number in 0..6400 {
            hit[stripes.hashed(&format!("key-{number}")).stripe()] += 1;
        }
        assert!(hit.iter().all(|&keys| (30..300).contains(&keys)), "{hit:?}");
    }

    #[test]
    fn each_locked_stripe_is_found_again() {
        let stripes = Stripes::default();
        let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let mut locked = stripes.lock(names.iter().map(|name| stripes.hashed(name)));
        for name in &names {
            let key = stripes.hashed(name);
            locked.of(key).put(key, name.clone().into(), None, |_, _| 1);
        }
        drop(locked);
        for name in &names {
            let key = stripes.hashed(name);
            let stripe = stripes.of(key).read();
            assert_eq!(stripe.find(key).expect("it was put there").value, name);
        }
    }
}
