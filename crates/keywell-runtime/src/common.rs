use std::sync::Arc;

use crate::outgoing::Client;
use crate::room::Room;
use crate::ticker::Ticker;
use crate::turn::Turns;

/// What all instances of a runtime have in common, whichever component they are of.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) client: Arc<Client>,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) room: Arc<Room>,
    pub(crate) turns: Turns,
}

// === impl Common ===

impl Common {
    /// Room for so many instances.
    pub(crate) fn new(ticker: Arc<Ticker>, instances: u32) -> Self {
        Self {
            client: Arc::default(),
            ticker,
            room: Arc::new(Room::new(instances)),
            turns: Turns::new(),
        }
    }
}
