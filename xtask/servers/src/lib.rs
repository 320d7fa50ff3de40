//! Starts real servers for Keywell's tests, demonstration and benchmark: [`Redis`] by itself, as a
//! [`Cluster`] or behind [`Sentinels`], with [`Tls`] material made for the run, a [`Proxy`] that
//! breaks connections where a test wants them broken, [`Nats`] by itself or as a [`NatsCluster`],
//! [`Etcd`] by itself or as an [`EtcdCluster`], [`Memcached`], [`Postgres`], [`Ministack`] and
//! [`Dynalite`], which emulate DynamoDB, a [`Registry`] of images, and a [`Stub`] that answers what no
//! real server would. A [`Port`] is for what a test starts by itself. With the features of these names,
//! `Cosmos` is an emulator of Azure Cosmos DB and `Firestore` a fake of Firestore.
//!
//! ```no_run
//! # async fn example() -> keywell_servers::Result<()> {
//! let redis = keywell_servers::Redis::start().await?;
//! redis.cli(&["set", "k", "v"]).await?;
//! redis.freeze()?; // connected, and silent
//! redis.thaw()?;
//! redis.kill().await?; // as `kill -9` does
//! redis.restart().await?; // on the same port
//! # Ok(()) }
//! ```
//!
//! Servers listen on free ports of the loopback device, keep their data in temporary folders, and end
//! with their handles, or with the process that has them, however that ends. Which program is run:
//! see [`program`].
//!
//! # What it does not do
//!
//! It imitates no server but Firestore; emulators are programs and parts of others. Where one is not
//! installed, starting it is an error that says what to install. It needs Unix.

#![forbid(unsafe_code)]

mod builder;
mod chosen;
mod cluster;
#[cfg(feature = "cosmos")]
mod cosmos;
mod dynamodb;
mod emulator;
mod error;
mod etcd;
#[cfg(feature = "firestore")]
mod firestore;
mod memcached;
mod nats;
mod port;
mod postgres;
mod process;
pub mod program;
mod proxy;
mod redis;
mod registry;
pub mod resp;
mod sentinel;
mod shared;
mod slot;
mod stub;
mod tls;
mod wait;

pub use builder::Builder;
pub use cluster::Cluster;
#[cfg(feature = "cosmos")]
pub use cosmos::{Cosmos, CosmosAnswer, CosmosRequest};
pub use dynamodb::{Dynalite, Ministack, SharedMinistack};
pub use error::{Error, Result};
pub use etcd::{Etcd, EtcdCluster};
#[cfg(feature = "firestore")]
pub use firestore::{Firestore, FirestoreDefect};
pub use memcached::Memcached;
pub use nats::{Nats, NatsBuilder, NatsCluster};
pub use port::Port;
pub use postgres::{Databases, Postgres, PostgresBuilder, SharedPostgres};
pub use proxy::{Proxy, Towards};
pub use redis::Redis;
pub use registry::Registry;
pub use sentinel::Sentinels;
pub use slot::SlotMove;
pub use stub::{Stub, StubAnswer, StubRequest};
pub use tls::Tls;
