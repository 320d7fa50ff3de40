//! A cache in the memory of every process, replicated over plain NATS.
//!
//! Every call is answered at once from this process's copy. A write shows here at once, and in the
//! other processes when its message arrives. Lost messages are made good: each process says at
//! intervals what it has, in 16 bytes, and one that lacks something asks for it.
//!
//! What this guarantees is written in [`replica`]. What it does not do: there is no compare-and-swap,
//! no time to live and no watch; an acknowledged write is lost if its process ends before another has
//! it; the data lives as long as one process does.

mod bucket;
mod collecting;
mod connection;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod key;
mod node;
mod options;
mod outgoing;
mod provider;
mod replica;
mod shown;
mod store;
mod wire;

pub use options::CacheOptions;
pub use provider::CacheProvider;
pub use store::CacheStore;
