/// How often things happened, so that the seeds prove that they cover them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Occurred {
    pub(super) fewest_nodes: usize,
    pub(super) most_nodes: usize,
    pub(super) lost: u64,
    pub(super) repeated: u64,
    /// Messages that overtook an earlier one on the same way.
    pub(super) overtaking: u64,
    /// Messages that a partition kept away.
    pub(super) cut: u64,
    /// Partitions with deletes on both sides.
    pub(super) deletes_apart: u64,
    pub(super) restarts: u64,
    /// Nodes whose clock is an hour ahead.
    pub(super) hour_ahead: u64,
}

// === impl Occurred ===

impl Occurred {
    /// Of several histories.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            fewest_nodes: self.fewest_nodes.min(other.fewest_nodes),
            most_nodes: self.most_nodes.max(other.most_nodes),
            lost: self.lost + other.lost,
            repeated: self.repeated + other.repeated,
            overtaking: self.overtaking + other.overtaking,
            cut: self.cut + other.cut,
            deletes_apart: self.deletes_apart + other.deletes_apart,
            restarts: self.restarts + other.restarts,
            hour_ahead: self.hour_ahead + other.hour_ahead,
        }
    }

    /// Whether everything did.
    pub(super) fn is_all(self) -> bool {
        let counts = [
            self.lost,
            self.repeated,
            self.overtaking,
            self.cut,
            self.deletes_apart,
            self.restarts,
            self.hour_ahead,
        ];
        // Seeds from a random one on may have none with 20, which few histories have.
        let nodes = self.fewest_nodes == 3 && self.most_nodes > 10;
        nodes && counts.iter().all(|count| *count > 0)
    }
}
