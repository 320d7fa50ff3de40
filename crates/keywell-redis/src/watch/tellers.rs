use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};

use crate::link::Place;

/// Who tells of which slot of a cluster; [`super`] says what that is good for.
#[derive(Debug, Default)]
pub(super) struct Tellers(Mutex<HashMap<u16, Teller>>);

#[derive(Debug, Default)]
struct Teller {
    place: Option<Place>,
    /// How often somebody ceased to tell of it.
    term: u64,
}

/// Who tells of a slot, as one listener sees it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Nobody,
    Own,
    Other(Place),
}

/// While it is there, nobody ceases to tell.
pub(super) struct Held<'a>(
    #[expect(dead_code, reason = "it is there to be dropped")] MutexGuard<'a, HashMap<u16, Teller>>,
);

// === impl Tellers ===

impl Tellers {
    /// How often a slot's teller has ceased to be it.
    pub(super) fn term(&self, slot: u16) -> u64 {
        let tellers = self.0.lock();
        tellers.get(&slot).map_or(0, |teller| teller.term)
    }

    /// Who tells of a slot, and since which term: `first` if nobody did.
    pub(super) fn standing(
        &self,
        slot: u16,
        own: &Place,
        first: Option<&Place>,
    ) -> (Standing, u64) {
        let mut tellers = self.0.lock();
        let teller = tellers.entry(slot).or_default();
        if teller.place.is_none() {
            teller.place = first.cloned();
        }
        let standing = match &teller.place {
            None => Standing::Nobody,
            Some(place) if place == own => Standing::Own,
            Some(place) => Standing::Other(place.clone()),
        };
        (standing, teller.term)
    }

    /// Lets nobody else become a slot's teller while this is held; none if `own` is not it, or no longer
    /// in this term.
    pub(super) fn hold(&self, slot: u16, own: &Place, term: u64) -> Option<Held<'_>> {
        let tellers = self.0.lock();
        let is_own = tellers
            .get(&slot)
            .is_some_and(|teller| teller.term == term && teller.place.as_ref() == Some(own));
        is_own.then(|| Held(tellers))
    }

    /// Its teller leaves a slot to another, or to whoever comes first.
    pub(super) fn pass(&self, slot: u16, own: &Place, to: Option<Place>) {
        let mut tellers = self.0.lock();
        if let Some(teller) = tellers.get_mut(&slot)
            && teller.place.as_ref() == Some(own)
        {
            teller.place = to;
            teller.term += 1;
        }
    }

    /// Somebody tells of nothing any more.
    pub(super) fn leave(&self, place: &Place) {
        for teller in self.0.lock().values_mut() {
            if teller.place.as_ref() == Some(place) {
                teller.place = None;
                teller.term += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Address;

    fn node(port: u16) -> Place {
        let host = "h".to_owned();
        Place::Node(Address::Tcp { host, port })
    }

    #[test]
    fn a_slot_has_one_teller_until_that_one_leaves_it() {
        let tellers = Tellers::default();
        let (a, b) = (node(1), node(2));
        assert_eq!(tellers.standing(7, &a, None), (Standing::Nobody, 0));
        assert_eq!(tellers.standing(7, &a, Some(&a)), (Standing::Own, 0));
        let other = Standing::Other(a.clone());
        assert_eq!(tellers.standing(7, &b, Some(&b)), (other, 0));
        tellers.pass(7, &b, None);
        assert_eq!(tellers.term(7), 0, "it is not b's to leave");
        tellers.pass(7, &a, Some(b.clone()));
        assert_eq!(tellers.standing(7, &b, None), (Standing::Own, 1));
        tellers.leave(&b);
        assert_eq!(tellers.standing(7, &b, None), (Standing::Nobody, 2));
        assert_eq!(tellers.term(8), 0);
        assert!(tellers.hold(7, &b, 2).is_none(), "it is nobody's");
        assert_eq!(tellers.standing(7, &a, Some(&a)), (Standing::Own, 2));
        assert!(tellers.hold(7, &a, 1).is_none(), "in another term");
        assert!(tellers.hold(7, &a, 2).is_some());
    }
}
