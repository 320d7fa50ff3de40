use std::net::SocketAddr;

use crate::cluster::follows;
use crate::error::{Error, Result};
use crate::redis::Redis;
use crate::resp::Reply;
use crate::wait::until;

/// A primary and a replica, watched by sentinels: each a real server.
#[derive(Debug)]
pub struct Sentinels {
    sentinels: Vec<Redis>,
    servers: [Redis; 2],
}

// === impl Sentinels ===

impl Sentinels {
    /// The name by which the sentinels know the primary.
    pub const SERVICE: &str = "keywell";

    /// Starts one primary, one replica, and so many sentinels (1 or 3); a majority of them decides.
    ///
    /// A primary that is silent for half a second is taken for dead.
    pub async fn start(sentinels: usize) -> Result<Self> {
        let primary = Redis::start().await?;
        let port = primary.addr().port();
        let replica = Redis::builder()
            .config(format!("replicaof 127.0.0.1 {port}"))
            .start()
            .await?;
        follows(&replica).await?;
        let service = Self::SERVICE;
        let quorum = sentinels / 2 + 1;
        let mut builder = Redis::builder()
            .config(format!(
                "sentinel monitor {service} 127.0.0.1 {port} {quorum}"
            ))
            .config(format!("sentinel down-after-milliseconds {service} 500"))
            .config(format!("sentinel failover-timeout {service} 3000"));
        builder.is_sentinel = true;
        let mut started = Vec::new();
        for _ in 0..sentinels {
            started.push(builder.clone().start().await?);
        }
        let all = Self {
            sentinels: started,
            servers: [primary, replica],
        };
        all.agree().await?;
        Ok(all)
    }

    /// Where the sentinels listen.
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.sentinels.iter().map(Redis::addr).collect()
    }

    /// The sentinels.
    pub fn sentinels(&self) -> &[Redis] {
        &self.sentinels
    }

    /// The two servers; the first one was the primary at the start.
    pub fn servers(&self) -> &[Redis; 2] {
        &self.servers
    }

    /// The server that the first sentinel takes for the primary.
    pub async fn primary(&self) -> Result<&Redis> {
        let command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::SERVICE];
        let addr = self.sentinels[0].command(&command).await?;
        let port = addr.items().get(1).map(Reply::text).unwrap_or_default();
        let mut servers = self.servers.iter();
        let primary = servers.find(|server| server.addr().port().to_string() == port);
        primary.ok_or_else(|| Error::Protocol(format!("{addr:?}")))
    }

    /// Has the sentinels make the replica the primary, and waits until it is.
    pub async fn fail_over(&self) -> Result<()> {
        let old = self.primary().await?.addr();
        until("a sentinel to begin the failover", || async {
            let answer = self.sentinels[0].command(&["SENTINEL", "FAILOVER", Self::SERVICE]);
            answer.await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
        self.promoted(old).await
    }

    /// Waits until another server than that at `old` is the primary, as happens a second or so after
    /// the primary was killed.
    pub async fn promoted(&self, old: SocketAddr) -> Result<()> {
        until("another primary", || async {
            let primary = self.primary().await.map_err(|error| error.to_string())?;
            if primary.addr() == old {
                return Err(format!("it is still {old}"));
            }
            let role = primary.command(&["ROLE"]).await;
            let role = role.map_err(|error| error.to_string())?;
            match role.items().first().map(Reply::text).as_deref() {
                Some("master") => Ok(()),
                _ => Err(format!("{role:?}")),
            }
        })
        .await
    }

    /// Waits until every sentinel knows the others and the replica.
    async fn agree(&self) -> Result<()> {
        until("the sentinels to agree", || async {
            for sentinel in &self.sentinels {
                let quorum = ["SENTINEL", "CKQUORUM", Self::SERVICE];
                let quorum = sentinel.command(&quorum).await;
                quorum.map_err(|error| error.to_string())?;
                let others = ["SENTINEL", "SENTINELS", Self::SERVICE];
                let others = sentinel.command(&others).await;
                let others = others.map_err(|error| error.to_string())?;
                if others.items().len() + 1 != self.sentinels.len() {
                    return Err(format!("{} others", others.items().len()));
                }
                let replicas = ["SENTINEL", "REPLICAS", Self::SERVICE];
                let replicas = sentinel.command(&replicas).await;
                let replicas = replicas.map_err(|error| error.to_string())?;
                let field = |name: &str| {
                    let fields = replicas.items().first()?.items();
                    let pair = fields.chunks(2).find(|pair| pair[0].text() == name)?;
                    pair.get(1).map(Reply::text)
                };
                let flags = field("flags");
                let link = field("master-link-status");
                if flags.as_deref() != Some("slave") || link.as_deref() != Some("ok") {
                    return Err(format!("its replica is {flags:?}, its link {link:?}"));
                }
            }
            Ok(())
        })
        .await
    }
}
