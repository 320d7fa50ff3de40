//! Which listener is the source of a slot: the one that emits the events of its keys.
//!
//! A slot has at most one source at a time. Each loss of a source begins an epoch of the slot, and
//! while a [`SourceGuard`] is held no slot loses its source.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};

use crate::link::Primary;

/// The sources of a cluster's slots.
#[derive(Debug, Default)]
pub(in crate::watch) struct SlotSources(Mutex<HashMap<u16, Source>>);

#[derive(Debug, Default)]
struct Source {
    primary: Option<Primary>,
    /// How often the slot has lost a source.
    epoch: u64,
}

/// Who is the source of a slot, as one listener sees it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// There is no source.
    Vacant,
    Own,
    Other(Primary),
}

/// Keeps all sources as they are while it is held.
pub(super) struct SourceGuard<'a>(
    #[expect(dead_code, reason = "it is held to be dropped")] MutexGuard<'a, HashMap<u16, Source>>,
);

// === impl SlotSources ===

impl SlotSources {
    /// How often a slot has lost its source.
    pub(super) fn epoch(&self, slot: u16) -> u64 {
        let sources = self.0.lock();
        sources.get(&slot).map_or(0, |source| source.epoch)
    }

    /// Who is the source of a slot, and in which epoch. A slot without one gets `first`.
    pub(super) fn claim(&self, slot: u16, own: &Primary, first: Option<&Primary>) -> (Claim, u64) {
        let mut sources = self.0.lock();
        let source = sources.entry(slot).or_default();
        if source.primary.is_none() {
            source.primary = first.cloned();
        }
        let claim = match &source.primary {
            None => Claim::Vacant,
            Some(primary) if primary == own => Claim::Own,
            Some(primary) => Claim::Other(primary.clone()),
        };
        (claim, source.epoch)
    }

    /// Keeps `own` the source of a slot while the guard is held; `None` if it is not the source, or
    /// the epoch is over.
    pub(super) fn hold(&self, slot: u16, own: &Primary, epoch: u64) -> Option<SourceGuard<'_>> {
        let sources = self.0.lock();
        let is_own = sources
            .get(&slot)
            .is_some_and(|source| source.epoch == epoch && source.primary.as_ref() == Some(own));
        is_own.then(|| SourceGuard(sources))
    }

    /// Transfers a slot from its source `own` to another, or to the first that claims it.
    pub(super) fn transfer(&self, slot: u16, own: &Primary, to: Option<Primary>) {
        let mut sources = self.0.lock();
        if let Some(source) = sources.get_mut(&slot)
            && source.primary.as_ref() == Some(own)
        {
            source.primary = to;
            source.epoch += 1;
        }
    }

    /// Takes all slots from a source.
    pub(in crate::watch) fn release_all(&self, primary: &Primary) {
        for source in self.0.lock().values_mut() {
            if source.primary.as_ref() == Some(primary) {
                source.primary = None;
                source.epoch += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Address;

    fn node(port: u16) -> Primary {
        let host = "h".to_owned();
        Primary::Node(Address::Tcp { host, port })
    }

    #[test]
    fn a_slot_has_one_source_until_that_one_transfers_it() {
        let sources = SlotSources::default();
        let (a, b) = (node(1), node(2));
        assert_eq!(sources.claim(7, &a, None), (Claim::Vacant, 0));
        assert_eq!(sources.claim(7, &a, Some(&a)), (Claim::Own, 0));
        let other = Claim::Other(a.clone());
        assert_eq!(sources.claim(7, &b, Some(&b)), (other, 0));
        sources.transfer(7, &b, None);
        assert_eq!(sources.epoch(7), 0, "b is not its source");
        sources.transfer(7, &a, Some(b.clone()));
        assert_eq!(sources.claim(7, &b, None), (Claim::Own, 1));
        sources.release_all(&b);
        assert_eq!(sources.claim(7, &b, None), (Claim::Vacant, 2));
        assert_eq!(sources.epoch(8), 0);
        assert!(sources.hold(7, &b, 2).is_none(), "it is vacant");
        assert_eq!(sources.claim(7, &a, Some(&a)), (Claim::Own, 2));
        assert!(sources.hold(7, &a, 1).is_none(), "the epoch is over");
        assert!(sources.hold(7, &a, 2).is_some());
    }
}
