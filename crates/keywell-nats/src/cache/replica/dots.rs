use std::ops::RangeInclusive;

use super::origin::{Dot, Origin};

/// Writes, as they are sent: runs of consecutive ones cost 2 bytes or little more each.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Dots(Vec<(Origin, Vec<Run>)>);

/// Consecutive writes of one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Run {
    /// How far the first is behind the last of the run before, or behind 0.
    gap: u64,
    /// How many follow the first.
    more: u64,
}

/// What bounds the dots of a message.
pub(crate) struct Budget {
    bytes: usize,
    dots: usize,
    last: Option<Dot>,
}

/// No message has more dots. What a stranger sends may be a run without an end.
const MOST: usize = 1 << 20;
/// About what an origin needs in a message.
const ORIGIN: usize = 20;
/// About what a run needs.
const RUN: usize = 6;

// === impl Dots ===

impl Dots {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Dot> {
        let dots = self.runs().flat_map(|run| {
            let (origin, last) = (run.start().origin, run.end().number);
            (run.start().number..=last).map(move |number| Dot { origin, number })
        });
        dots.take(MOST)
    }

    /// The first and the last of consecutive ones.
    pub(crate) fn runs(&self) -> impl Iterator<Item = RangeInclusive<Dot>> {
        self.0.iter().flat_map(|(origin, runs)| {
            let dot = |number| Dot {
                origin: *origin,
                number,
            };
            runs.iter().scan(0_u64, move |end, run| {
                let first = end.checked_add(run.gap)?;
                *end = first.checked_add(run.more)?;
                Some(dot(first)..=dot(*end))
            })
        })
    }

    /// About how many bytes a message has with them.
    pub(crate) fn bytes(&self) -> usize {
        let each = self.0.iter();
        each.map(|(_, runs)| ORIGIN + RUN * runs.len()).sum()
    }
}

impl FromIterator<Dot> for Dots {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut dots: Vec<Dot> = dots.into_iter().collect();
        dots.sort_unstable();
        dots.dedup();
        let mut this = Self::default();
        let mut end = 0;
        for Dot { origin, number } in dots {
            if this.0.last().is_none_or(|(last, _)| *last != origin) {
                this.0.push((origin, Vec::new()));
                end = 0;
            }
            let Some((_, runs)) = this.0.last_mut() else {
                continue;
            };
            match runs.last_mut() {
                Some(run) if number == end + 1 => run.more += 1,
                _ => runs.push(Run {
                    gap: number - end,
                    more: 0,
                }),
            }
            end = number;
        }
        this
    }
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            bytes,
            dots: MOST,
            last: None,
        }
    }

    /// Counts a dot, unless there is no room for it, or was none for one before.
    pub(crate) fn take(&mut self, dot: Dot) -> bool {
        let bytes = self.last.replace(dot).map_or(0, |last| {
            if last.origin != dot.origin {
                ORIGIN + RUN
            } else if last.number.checked_add(1) == Some(dot.number) {
                0
            } else {
                RUN
            }
        });
        match self.bytes.checked_sub(bytes) {
            Some(left) if self.dots > 0 => {
                self.bytes = left;
                self.dots -= 1;
                true
            }
            _ => {
                self.dots = 0;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(node: u64, number: u64) -> Dot {
        let incarnation = 1;
        Dot {
            origin: Origin { node, incarnation },
            number,
        }
    }

    #[test]
    fn what_is_sent_arrives() {
        let mut all: Vec<Dot> = [9, 1, 2, 3, 300, 8, 1].map(|number| dot(2, number)).into();
        all.extend([dot(1, 0), dot(1, 5), dot(3, u64::MAX)]);
        let dots: Dots = all.iter().copied().collect();
        all.sort_unstable();
        all.dedup();
        assert!(dots.iter().eq(all));
        assert_eq!(dots.0[1].1.len(), 3);
    }

    #[test]
    fn a_run_without_an_end_has_one() {
        let origin = dot(1, 1).origin;
        let run = |gap, more| Run { gap, more };
        let endless = Dots(vec![(origin, vec![run(1, u64::MAX - 1), run(1, 1)])]);
        assert_eq!(endless.iter().count(), MOST);
        let overflow = Dots(vec![(origin, vec![run(2, u64::MAX)])]);
        assert_eq!(overflow.iter().count(), 0);
    }

    #[test]
    fn consecutive_writes_cost_little() {
        let dots: Dots = (1..=100_000).map(|number| dot(1, number)).collect();
        let bytes = postcard::to_allocvec(&dots).expect("it is encoded");
        assert!(bytes.len() < 16, "{}", bytes.len());
    }
}
