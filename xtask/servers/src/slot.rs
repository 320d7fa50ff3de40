use crate::cluster::Cluster;
use crate::error::Result;
use crate::redis::Redis;

/// A slot on its way from one primary to another. Each step is a state in which a cluster may be for
/// long: after [`SlotMove::begin`] the old owner answers for keys that it has, and redirects by `ASK`
/// for others; only after [`SlotMove::finish`] it redirects by `MOVED`.
#[derive(Debug)]
pub struct SlotMove<'a> {
    cluster: &'a Cluster,
    slot: String,
    from: &'a Redis,
    to: &'a Redis,
}

// === impl SlotMove ===

impl<'a> SlotMove<'a> {
    pub(crate) async fn begin(
        cluster: &'a Cluster,
        slot: u16,
        from: &'a Redis,
        to: &'a Redis,
    ) -> Result<Self> {
        let slot = slot.to_string();
        let ids = (Cluster::id(from).await?, Cluster::id(to).await?);
        to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids.0])
            .await?;
        from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids.1])
            .await?;
        Ok(Self {
            cluster,
            slot,
            from,
            to,
        })
    }

    /// Moves the keys that are there, at most so many, and says how many those were.
    pub async fn move_keys(&self, most: usize) -> Result<usize> {
        let mut from = self.from.connect().await?;
        let count = most.to_string();
        let keys = from
            .command(&["CLUSTER", "GETKEYSINSLOT", &self.slot, &count])
            .await?;
        let keys: Vec<String> = keys.items().iter().map(crate::resp::Reply::text).collect();
        let port = self.to.addr().port().to_string();
        for key in &keys {
            from.command(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"])
                .await?;
        }
        Ok(keys.len())
    }

    /// Moves what is left and tells every primary who has the slot now.
    pub async fn finish(self) -> Result<()> {
        while self.move_keys(1000).await? > 0 {}
        let id = Cluster::id(self.to).await?;
        let command = ["CLUSTER", "SETSLOT", &self.slot, "NODE", &id];
        self.to.command(&command).await?;
        self.from.command(&command).await?;
        for other in self.cluster.primaries() {
            other.command(&command).await?;
        }
        Ok(())
    }
}
