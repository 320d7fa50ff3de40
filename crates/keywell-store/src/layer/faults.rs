/// The rates of faults, and the seed of their order. By default there are none, and every answer
/// comes later nevertheless.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Determines the faults, together with the order of the operations.
    pub seed: u64,
    /// Rates for get, exists, list, `get_many` and opening a watch.
    pub reads: Rates,
    /// Rates for set and delete, and their batches.
    pub writes: Rates,
    /// Rates for swap and increment.
    pub atomics: Rates,
}

/// The probability of each fault, from 0 to 1.
///
/// An operation meets at most one of `refuse`, `lose_request`, `lose_answer` and `late`, so their
/// sum must not exceed 1. `delay` and `duplicate` are independent of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Delays the request and the answer, each by a random number of polls, so that operations
    /// overtake each other.
    pub delay: f64,
    /// Answers [`Unavailable`](crate::Error::Unavailable) and sends nothing.
    pub refuse: f64,
    /// Loses the request and answers [`Ambiguous`](crate::Error::Ambiguous). A read answers
    /// `Unavailable` instead, here and below.
    pub lose_request: f64,
    /// Sends the request, loses the answer and answers `Ambiguous`.
    pub lose_answer: f64,
    /// Answers `Ambiguous` and sends the request before a later operation. Requests not yet sent
    /// when the layer is dropped are lost.
    pub late: f64,
    /// Sends the request twice and returns the second answer.
    ///
    /// Harmless for reads only. A repeated set overwrites one that came in between, and a repeated
    /// delete removes it: such histories are not linearizable, and the checker must reject them.
    pub duplicate: f64,
}

// === impl Faults ===

impl Faults {
    /// Only delays: the bucket stays correct and gets slower.
    pub fn delays(seed: u64) -> Self {
        let rates = Rates {
            delay: 0.5,
            ..Rates::default()
        };
        Self {
            seed,
            reads: rates,
            writes: rates,
            atomics: rates,
        }
    }

    /// Every fault of a bad network that a linearizable store must withstand.
    pub fn harsh(seed: u64) -> Self {
        let writes = Rates {
            delay: 0.5,
            refuse: 0.05,
            lose_request: 0.02,
            lose_answer: 0.05,
            late: 0.04,
            duplicate: 0.0,
        };
        let reads = Rates {
            duplicate: 0.05,
            ..writes
        };
        Self {
            seed,
            reads,
            writes,
            atomics: writes,
        }
    }
}
