/// A process that takes part in a cache, from its start to its end. A process that starts again is
/// another incarnation of the same node.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub(crate) struct Origin {
    /// The node. Unique among the nodes of a cache.
    pub(crate) node: u64,
    /// Greater than that of each earlier incarnation of the node.
    pub(crate) incarnation: u64,
}

/// The name of one write: the `number`th of its origin, from 1.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub(crate) struct Dot {
    /// The process that wrote.
    pub(crate) origin: Origin,
    /// Which of its writes.
    pub(crate) number: u64,
}

// === impl Origin ===

impl Origin {
    /// The end of the incarnations of its node.
    pub(crate) fn last(self) -> Self {
        Self {
            incarnation: u64::MAX,
            ..self
        }
    }
}

// === impl Dot ===

impl Dot {
    /// About what it needs in a message.
    pub(crate) const BYTES: usize = 24;

    /// The last that its origin may have.
    pub(crate) fn last(self) -> Self {
        Self {
            number: u64::MAX,
            ..self
        }
    }

    /// The next in order, if there is one.
    pub(crate) fn next(self) -> Option<Self> {
        if let Some(number) = self.number.checked_add(1) {
            return Some(Self { number, ..self });
        }
        let Origin { node, incarnation } = self.origin;
        let origin = match incarnation.checked_add(1) {
            Some(incarnation) => Origin { node, incarnation },
            None => Origin {
                node: node.checked_add(1)?,
                incarnation: 0,
            },
        };
        Some(Self { origin, number: 0 })
    }

    /// No write is before it.
    pub(crate) const FIRST: Self = Self {
        origin: Origin {
            node: 0,
            incarnation: 0,
        },
        number: 0,
    };
}
