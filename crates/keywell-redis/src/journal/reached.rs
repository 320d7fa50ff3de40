use std::sync::Arc;

use keywell_store::ResumeToken;
use parking_lot::Mutex;

use super::position::Position;

/// How far a watch has come in each shard: every matching event up to there was delivered.
pub(crate) struct Reached {
    positions: Mutex<Vec<Position>>,
    scope: Arc<str>,
}

// === impl Reached ===

impl Reached {
    /// `scope` is what its tokens are good for.
    pub(crate) fn new(positions: Vec<Position>, scope: Arc<str>) -> Self {
        Self {
            positions: Mutex::new(positions),
            scope,
        }
    }

    pub(crate) fn advance(&self, shard: usize, position: Position) {
        self.positions.lock()[shard] = position;
    }

    pub(crate) fn token(&self) -> ResumeToken {
        Position::token(&self.positions.lock(), &self.scope)
    }
}
