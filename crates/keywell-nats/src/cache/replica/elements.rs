use std::ops::RangeInclusive;

use super::origin::Dot;

/// The elements of an entry by the writes that made them, in order. Nearly all entries have one, which
/// takes a tenth of the memory that a node of a tree would.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(
    from = "Vec<(Dot, E)>",
    bound(deserialize = "E: serde::Deserialize<'de>")
)]
pub(crate) struct Elements<E>(Vec<(Dot, E)>);

// === impl Elements ===

impl<E> Elements<E> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The element of an entry that has one alone.
    pub(crate) fn only(&self) -> Option<&E> {
        match &*self.0 {
            [(_, only)] => Some(only),
            _ => None,
        }
    }

    pub(crate) fn get(&self, dot: &Dot) -> Option<&E> {
        self.place(dot).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn contains_key(&self, dot: &Dot) -> bool {
        self.place(dot).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Dot, &E)> {
        self.0.iter().map(|(dot, element)| (dot, element))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Dot> {
        self.0.iter().map(|(dot, _)| dot)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &E> {
        self.0.iter().map(|(_, element)| element)
    }

    /// Those of the writes from one to another, both included.
    pub(crate) fn range(&self, dots: RangeInclusive<Dot>) -> impl Iterator<Item = (&Dot, &E)> {
        let elements = self.iter().skip_while({
            let first = *dots.start();
            move |(dot, _)| **dot < first
        });
        elements.take_while(move |(dot, _)| **dot <= *dots.end())
    }

    pub(crate) fn insert(&mut self, dot: Dot, element: E) {
        match self.place(&dot) {
            Ok(at) => self.0[at].1 = element,
            Err(at) => {
                // An entry that has one element seldom gets a second.
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (dot, element));
            }
        }
    }

    pub(crate) fn remove(&mut self, dot: &Dot) -> Option<E> {
        let at = self.place(dot).ok()?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&Dot, &mut E) -> bool) {
        self.0.retain_mut(|(dot, element)| is_kept(dot, element));
    }

    #[cfg(test)]
    pub(crate) fn pop_first(&mut self) -> Option<(Dot, E)> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Puts them in order. Of several of one write the last one stays.
    fn settle(&mut self) {
        if self.0.is_sorted_by(|(one, _), (other, _)| one < other) {
            return;
        }
        self.0.sort_by_key(|(dot, _)| *dot);
        self.0.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                std::mem::swap(later, kept);
            }
            is_same
        });
    }

    /// Where a write is, or would be.
    fn place(&self, dot: &Dot) -> Result<usize, usize> {
        self.0.binary_search_by(|(held, _)| held.cmp(dot))
    }
}

impl<E> Default for Elements<E> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What others send may be in any order, and name a write twice.
impl<E> From<Vec<(Dot, E)>> for Elements<E> {
    fn from(elements: Vec<(Dot, E)>) -> Self {
        let mut elements = Self(elements);
        elements.settle();
        elements
    }
}

impl<E, const N: usize> From<[(Dot, E); N]> for Elements<E> {
    fn from(elements: [(Dot, E); N]) -> Self {
        Vec::from(elements).into()
    }
}

impl<E> Extend<(Dot, E)> for Elements<E> {
    fn extend<I: IntoIterator<Item = (Dot, E)>>(&mut self, elements: I) {
        self.0.extend(elements);
        self.settle();
    }
}

impl<E> FromIterator<(Dot, E)> for Elements<E> {
    fn from_iter<I: IntoIterator<Item = (Dot, E)>>(elements: I) -> Self {
        let elements = elements.into_iter();
        let mut collected = Vec::with_capacity(elements.size_hint().0.max(1));
        collected.extend(elements);
        collected.into()
    }
}

impl<E> IntoIterator for Elements<E> {
    type Item = (Dot, E);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, E> IntoIterator for &'a Elements<E> {
    type Item = (&'a Dot, &'a E);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (Dot, E)>, fn(&'a (Dot, E)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        let pair: fn(&'a (Dot, E)) -> Self::Item = |(dot, element)| (dot, element);
        self.0.iter().map(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::super::origin::Origin;
    use super::*;

    fn dot(number: u64) -> Dot {
        let origin = Origin {
            node: 1,
            incarnation: 2,
        };
        Dot { origin, number }
    }

    #[test]
    fn elements_are_in_order_and_each_write_is_there_once() {
        let mut elements: Elements<&str> = [(dot(5), "a")].into();
        elements.extend([(dot(3), "ab"), (dot(9), ""), (dot(5), "abc")]);
        let numbers = |elements: &Elements<&str>| elements.keys().map(|dot| dot.number).collect();
        let all: Vec<u64> = numbers(&elements);
        assert_eq!(all, [3, 5, 9]);
        assert_eq!(elements.get(&dot(5)), Some(&"abc"));
        let some = elements.range(dot(4)..=dot(9)).map(|(dot, _)| dot.number);
        assert_eq!(some.collect::<Vec<_>>(), [5, 9]);
        assert_eq!(elements.remove(&dot(3)), Some("ab"));
        assert_eq!(elements.remove(&dot(4)), None);
        elements.retain(|dot, _| dot.number == 9);
        assert_eq!((elements.len(), elements.contains_key(&dot(5))), (1, false));
    }

    #[test]
    fn what_is_sent_out_of_order_is_put_in_order() {
        let sent = vec![(dot(7), "x"), (dot(2), "ab"), (dot(7), "a")];
        let bytes = postcard::to_allocvec(&sent).expect("it is encoded");
        let read: Elements<String> = postcard::from_bytes(&bytes).expect("it is decoded");
        assert_eq!(read.len(), 2);
        assert_eq!(read.get(&dot(2)), Some(&"ab".to_owned()));
        assert_eq!(read.get(&dot(7)), Some(&"a".to_owned()));
        assert!(read.keys().is_sorted());
    }
}
