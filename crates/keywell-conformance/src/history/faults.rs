/// How often what goes wrong, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Faults {
    /// Decides everything, together with the order of the operations.
    pub seed: u64,
    /// Of get, exists and list, of batches of them, and of opening a watch.
    pub reads: Rates,
    /// Of set and delete, and of batches of them.
    pub writes: Rates,
    /// Of swap and increment.
    pub atomics: Rates,
}

/// How often what goes wrong, each from 0 (never) to 1 (always). Of refusals and losses at most one
/// befalls an operation, and their rates add up; delays and duplicates come on top.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// The request waits before it reaches the bucket, and the answer on its way back, each for a
    /// random number of turns of the executor. Operations overtake each other by it.
    pub delay: f64,
    /// [`Unavailable`](keywell_store::Error::Unavailable): nothing is sent.
    pub refuse: f64,
    /// The request is lost: [`Ambiguous`](keywell_store::Error::Ambiguous), and it never happens. A
    /// read is `Unavailable` instead, here and below.
    pub lose_request: f64,
    /// The answer is lost: it is done, and `Ambiguous`.
    pub lose_answer: f64,
    /// `Ambiguous`, and the request arrives later, at one of the operations after it. What has not
    /// arrived when the layer is dropped is lost.
    pub late: f64,
    /// The request arrives twice, and the second answer counts.
    ///
    /// A transport may do this to reads and to nothing else. A set that arrives again after
    /// somebody else's overwrites that, and a delete removes it: neither is linearizable, and with
    /// this above zero for writes a checker that accepts the history is broken.
    pub duplicate: f64,
}

// === impl Faults ===

impl Faults {
    /// Only delays: the bucket is as good as before, and slower.
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

    /// Everything that a linearizable store's clients can meet on a bad network.
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
