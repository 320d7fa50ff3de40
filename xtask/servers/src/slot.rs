use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::redis::Redis;
use crate::wait::until;

/// A slot on its way from one primary to another. Each step is a state in which a cluster may be for
/// long: after [`Cluster::move_slot`] the old owner answers for keys that it has, and redirects by `ASK`
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

    /// Moves the remaining keys, and sets the new owner of the slot on every primary.
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

// === impl Cluster ===

impl Cluster {
    /// Begins to move a slot; see [`SlotMove`].
    pub async fn move_slot<'a>(
        &'a self,
        slot: u16,
        from: &'a Redis,
        to: &'a Redis,
    ) -> Result<SlotMove<'a>> {
        SlotMove::begin(self, slot, from, to).await
    }

    /// Lets the nodes move a slot with all its keys by themselves, and waits until they have. From
    /// Valkey 9 and Redis 8.4 on; where the server cannot, nothing happens, and this says so by
    /// `false`.
    pub async fn hand_over(&self, slot: u16, from: &Redis, to: &Redis) -> Result<bool> {
        let (number, id) = (slot.to_string(), Self::id(to).await?);
        let is_unknown = |answer: &Result<_>| {
            matches!(answer, Err(Error::Refused(error))
                if error.to_lowercase().contains("unknown subcommand"))
        };
        let export = ["MIGRATESLOTS", "SLOTSRANGE", &number, &number, "NODE", &id];
        let mut answer = from.command(&[&["CLUSTER"], &export[..]].concat()).await;
        if is_unknown(&answer) {
            let import = ["CLUSTER", "MIGRATION", "IMPORT", &number, &number];
            answer = to.command(&import).await;
        }
        if is_unknown(&answer) {
            return Ok(false);
        }
        answer?;
        until("the slot to be handed over", || async {
            let owner = self.owner(slot).await;
            match owner.map_err(|error| error.to_string())?.addr() {
                addr if addr == to.addr() => Ok(()),
                addr => Err(format!("{addr} has it")),
            }
        })
        .await?;
        self.settle().await?;
        Ok(true)
    }
}
