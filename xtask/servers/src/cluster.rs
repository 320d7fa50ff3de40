use std::net::SocketAddr;

use crate::builder::Builder;
use crate::error::Result;
use crate::redis::Redis;
use crate::resp::Reply;
use crate::wait::until;

const SLOTS: usize = 16384;

/// A cluster of real servers. The primaries have equal shares of the slots, in order.
#[derive(Debug)]
pub struct Cluster {
    /// The primaries first, then a replica for each, in the same order, if there are any.
    nodes: Vec<Redis>,
    primaries: usize,
}

// === impl Cluster ===

impl Cluster {
    /// Starts one of so many primaries, each with none or one replica, and waits until every node
    /// says that all is well.
    ///
    /// A node that is silent for a second is taken for dead by the others.
    ///
    /// # Panics
    ///
    /// If there are to be no primaries, or more than one replica each.
    pub async fn start(primaries: usize, replicas: usize) -> Result<Self> {
        Self::start_with(primaries, replicas, Redis::builder()).await
    }

    /// As [`Cluster::start`], each node with these settings.
    ///
    /// # Panics
    ///
    /// As [`Cluster::start`].
    pub async fn start_with(primaries: usize, replicas: usize, node: Builder) -> Result<Self> {
        assert!(primaries > 0 && replicas < 2, "a cluster as documented");
        let node = node
            .config("cluster-enabled yes")
            .config("cluster-config-file nodes.conf")
            .config("cluster-node-timeout 1000")
            .config("cluster-replica-validity-factor 0");
        let mut nodes = Vec::new();
        for _ in 0..primaries * (1 + replicas) {
            nodes.push(node.clone().start().await?);
        }
        let cluster = Self { nodes, primaries };
        cluster.meet().await?;
        cluster.settle().await?;
        Ok(cluster)
    }

    /// The servers that were primaries at the start; see [`Cluster::owner`] for now.
    pub fn primaries(&self) -> &[Redis] {
        &self.nodes[..self.primaries]
    }

    /// The servers that were replicas at the start, in the order of their primaries.
    pub fn replicas(&self) -> &[Redis] {
        &self.nodes[self.primaries..]
    }

    /// Every server.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Where every server listens.
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Redis::addr).collect()
    }

    /// The slot of a key.
    pub async fn slot(&self, key: &str) -> Result<u16> {
        let slot = self.nodes[0].command(&["CLUSTER", "KEYSLOT", key]).await?;
        match slot {
            Reply::Int(slot) => Ok(u16::try_from(slot).unwrap_or_default()),
            other => Err(crate::Error::Protocol(format!("{other:?}"))),
        }
    }

    /// Which node has a slot, as the first node that runs sees it.
    pub async fn owner(&self, slot: u16) -> Result<&Redis> {
        let running = self.nodes.iter().find(|node| node.is_running());
        let running = running.ok_or(crate::Error::NotRunning)?;
        let shares = running.command(&["CLUSTER", "SLOTS"]).await?;
        let share = shares.items().iter().find(|share| {
            matches!(share.items(), [Reply::Int(first), Reply::Int(last), ..]
                if (*first..=*last).contains(&i64::from(slot)))
        });
        let port = share.and_then(|share| share.items().get(2)?.items().get(1));
        let port = port.map(Reply::text).unwrap_or_default();
        let mut nodes = self.nodes.iter();
        let owner = nodes.find(|node| node.addr().port().to_string() == port);
        owner.ok_or_else(|| crate::Error::Protocol(format!("{shares:?}")))
    }

    /// Lets the replica of the primary of this number take over, without loss, and waits until it has.
    pub async fn fail_over(&self, primary: usize) -> Result<()> {
        let replica = &self.replicas()[primary];
        replica.command(&["CLUSTER", "FAILOVER"]).await?;
        self.promoted(primary).await?;
        self.settle().await
    }

    /// Waits until the replica of the primary of this number has taken over, as it does by itself a
    /// few seconds after the primary was killed.
    pub async fn promoted(&self, primary: usize) -> Result<()> {
        let replica = &self.replicas()[primary];
        until("the replica to take over", || async {
            let role = replica.command(&["ROLE"]).await;
            let role = role.map_err(|error| error.to_string())?;
            match role.items().first().map(Reply::text).as_deref() {
                Some("master") => Ok(()),
                _ => Err(format!("{role:?}")),
            }
        })
        .await
    }

    /// Waits until every node that runs sees every slot served and knows the same of who serves it.
    pub async fn settle(&self) -> Result<()> {
        until("the cluster to be well", || async {
            let mut seen: Option<String> = None;
            for node in self.nodes.iter().filter(|node| node.is_running()) {
                let info = node.command(&["CLUSTER", "INFO"]).await;
                let info = info.map_err(|error| error.to_string())?.text();
                let known = format!("cluster_known_nodes:{}", self.nodes.len());
                if !info.contains("cluster_state:ok") || !info.contains(&known) {
                    return Err(info);
                }
                let slots = node.command(&["CLUSTER", "SLOTS"]).await;
                let slots = slots.map_err(|error| error.to_string())?;
                let mut slots: Vec<String> = slots
                    .items()
                    .iter()
                    .map(|share| format!("{:?}", share.items().get(..3)))
                    .collect();
                slots.sort();
                let slots = slots.join("\n");
                if seen.get_or_insert_with(|| slots.clone()) != &slots {
                    return Err("nodes disagree on slots".to_owned());
                }
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn id(node: &Redis) -> Result<String> {
        Ok(node.command(&["CLUSTER", "MYID"]).await?.text())
    }

    async fn meet(&self) -> Result<()> {
        for (number, node) in self.nodes.iter().enumerate() {
            // A distinct epoch for each node avoids collisions. A node accepts it only before it knows
            // other nodes.
            let epoch = (number + 1).to_string();
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch])
                .await?;
        }
        for node in &self.nodes {
            for other in self.addrs() {
                if other != node.addr() {
                    let port = other.port().to_string();
                    node.command(&["CLUSTER", "MEET", "127.0.0.1", &port])
                        .await?;
                }
            }
        }
        for (number, primary) in self.primaries().iter().enumerate() {
            let share = |number| number * SLOTS / self.primaries;
            let slots = share(number)..share(number + 1);
            let slots: Vec<String> = slots.map(|slot| slot.to_string()).collect();
            // Ranges of slots in one word are not in 6.2.
            let mut command = vec!["CLUSTER", "ADDSLOTS"];
            command.extend(slots.iter().map(String::as_str));
            primary.command(&command).await?;
        }
        for (replica, primary) in self.replicas().iter().zip(self.primaries()) {
            let id = Self::id(primary).await?;
            until("the replica to know its primary", || async {
                let answer = replica.command(&["CLUSTER", "REPLICATE", &id]).await;
                answer.map(drop).map_err(|error| error.to_string())
            })
            .await?;
        }
        for replica in self.replicas() {
            follows(replica).await?;
        }
        Ok(())
    }
}

/// Waits until a replica has all that its primary has.
pub(crate) async fn follows(replica: &Redis) -> Result<()> {
    until("the replica to follow", || async {
        let answer = replica.command(&["INFO", "replication"]).await;
        let answer = answer.map_err(|error| error.to_string())?.text();
        if answer.contains("master_link_status:up") {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await
}
