use std::ops::RangeInclusive;

use super::entry::Element;
use super::origin::Dot;

/// The elements of an entry by the writes that made them, in order. Nearly all entries have one, which
/// takes a tenth of the memory that a node of a tree would.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Vec<(Dot, Element)>")]
pub(crate) struct Elements(Vec<(Dot, Element)>);

// === impl Elements ===

impl Elements {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, dot: &Dot) -> Option<&Element> {
        self.place(dot).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn contains_key(&self, dot: &Dot) -> bool {
        self.place(dot).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Dot, &Element)> {
        self.0.iter().map(|(dot, element)| (dot, element))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Dot> {
        self.0.iter().map(|(dot, _)| dot)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Element> {
        self.0.iter().map(|(_, element)| element)
    }

    /// Those of the writes from one to another, both included.
    pub(crate) fn range(
        &self,
        dots: RangeInclusive<Dot>,
    ) -> impl Iterator<Item = (&Dot, &Element)> {
        let elements = self.iter().skip_while({
            let first = *dots.start();
            move |(dot, _)| **dot < first
        });
        elements.take_while(move |(dot, _)| **dot <= *dots.end())
    }

    pub(crate) fn insert(&mut self, dot: Dot, element: Element) {
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

    pub(crate) fn remove(&mut self, dot: &Dot) -> Option<Element> {
        let at = self.place(dot).ok()?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&Dot, &mut Element) -> bool) {
        self.0.retain_mut(|(dot, element)| is_kept(dot, element));
    }

    #[cfg(test)]
    pub(crate) fn pop_first(&mut self) -> Option<(Dot, Element)> {
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

/// What others send may be in any order, and name a write twice.
impl From<Vec<(Dot, Element)>> for Elements {
    fn from(elements: Vec<(Dot, Element)>) -> Self {
        let mut elements = Self(elements);
        elements.settle();
        elements
    }
}

impl<const N: usize> From<[(Dot, Element); N]> for Elements {
    fn from(elements: [(Dot, Element); N]) -> Self {
        Vec::from(elements).into()
    }
}

impl Extend<(Dot, Element)> for Elements {
    fn extend<I: IntoIterator<Item = (Dot, Element)>>(&mut self, elements: I) {
        self.0.extend(elements);
        self.settle();
    }
}

impl FromIterator<(Dot, Element)> for Elements {
    fn from_iter<I: IntoIterator<Item = (Dot, Element)>>(elements: I) -> Self {
        let elements = elements.into_iter();
        let mut collected = Vec::with_capacity(elements.size_hint().0.max(1));
        collected.extend(elements);
        collected.into()
    }
}

impl IntoIterator for Elements {
    type Item = (Dot, Element);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Elements {
    type Item = (&'a Dot, &'a Element);
    type IntoIter =
        std::iter::Map<std::slice::Iter<'a, (Dot, Element)>, fn(&'a (Dot, Element)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        let pair: fn(&'a (Dot, Element)) -> Self::Item = |(dot, element)| (dot, element);
        self.0.iter().map(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Stamp;
    use super::super::origin::Origin;
    use super::*;

    fn dot(number: u64) -> Dot {
        let origin = Origin {
            node: 1,
            incarnation: 2,
        };
        Dot { origin, number }
    }

    fn element(text: &'static str) -> Element {
        Element::Sum {
            base: None,
            total: i128::from(text.len() as u64),
            micros: 0,
        }
    }

    #[test]
    fn elements_are_in_order_and_each_write_is_there_once() {
        let mut elements: Elements = [(dot(5), element("a"))].into();
        elements.extend([
            (dot(3), element("ab")),
            (dot(9), element("")),
            (dot(5), element("abc")),
        ]);
        let numbers = |elements: &Elements| elements.keys().map(|dot| dot.number).collect();
        let all: Vec<u64> = numbers(&elements);
        assert_eq!(all, [3, 5, 9]);
        assert_eq!(elements.get(&dot(5)), Some(&element("abc")));
        let some = elements.range(dot(4)..=dot(9)).map(|(dot, _)| dot.number);
        assert_eq!(some.collect::<Vec<_>>(), [5, 9]);
        assert_eq!(elements.remove(&dot(3)), Some(element("ab")));
        assert_eq!(elements.remove(&dot(4)), None);
        elements.retain(|dot, _| dot.number == 9);
        assert_eq!((elements.len(), elements.contains_key(&dot(5))), (1, false));
    }

    #[test]
    fn what_is_sent_out_of_order_is_put_in_order() {
        let stamp = Stamp {
            micros: 1,
            origin: dot(7).origin,
        };
        let sent = vec![
            (dot(7), Element::Member(stamp, "x".to_owned())),
            (dot(2), element("ab")),
            (dot(7), element("a")),
        ];
        let bytes = postcard::to_allocvec(&sent).expect("it is encoded");
        let read: Elements = postcard::from_bytes(&bytes).expect("it is decoded");
        assert_eq!(read.len(), 2);
        assert_eq!(read.get(&dot(2)), Some(&element("ab")));
        assert_eq!(read.get(&dot(7)), Some(&element("a")));
        assert!(read.keys().is_sorted());
    }
}
