use std::sync::Arc;

use keywell_store::Result;
use redis::{Cmd, Value};

use super::door::Door;
use super::node::Node;
use super::reply::{Effect, Verdict};
use crate::wire::Lane;

/// One connection, for what means something to the server behind it alone, as cursors of `SCAN` do.
/// Another connection may lead to another server: to the replica that took over, to where a name
/// points by now, or to one that was restarted, which hashes its keys by another seed.
pub(crate) struct Pinned {
    door: Arc<Door>,
    /// Keeps the connection, also if the cluster is found to be without it meanwhile.
    _node: Arc<Node>,
    lane: Arc<Lane>,
    connection: u64,
}

// === impl Pinned ===

impl Pinned {
    /// Waits until there is a connection, as any call does.
    pub(super) async fn to(door: Arc<Door>, node: Arc<Node>) -> Result<Self> {
        door.check()?;
        let lane = node.sound_lane();
        lane.ready()
            .await
            .map_err(|lost| Effect::Read.error(lost))?;
        let connection = lane.connection();
        Ok(Self {
            door,
            _node: node,
            lane,
            connection,
        })
    }

    /// Sends a command that changes nothing; `None` where the connection has been lost and there is
    /// another one.
    pub(crate) async fn read(&self, command: &Cmd) -> Result<Option<Value>> {
        self.door.check()?;
        let reply = self.lane.call(command).await;
        // Connections only ever follow one another: if it is the same behind the reply, it was the
        // one that the reply came by.
        if self.lane.connection() != self.connection {
            return Ok(None);
        }
        let reply = reply.map_err(|lost| Effect::Read.error(lost))?;
        Verdict::of(reply).settle().map(Some)
    }
}
