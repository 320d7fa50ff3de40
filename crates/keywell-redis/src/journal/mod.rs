//! The journal layout: versions, an ordered index and a history, beside values that any program can
//! read.
//!
//! # What is in Redis
//!
//! `P` is the prefix, `:keywell:` unless `prefix=` is set. `B` is the bucket, its `%`, `:`, `{` and
//! `}` written as `%25`, `%3A`, `%7B` and `%7D`; of a bucket with several shards it is followed by
//! `:` and the shard, as in `orders:2/8`.
//!
//! | Name | Type | Holds |
//! |---|---|---|
//! | `P{B}=KEY` | string | the value, with the time to live of the key |
//! | `P{B}:versions` | hash | key to version: number and nonce of the write, `1795266603405660-9c…` |
//! | `P{B}:index` | sorted set | the keys, all with score 0, and so in the order of their bytes |
//! | `P{B}:due` | sorted set | the keys with a time to live, by the millisecond in which it ends |
//! | `P{B}:stream` | stream | the latest events; the id is the number of the event, and `-0` |
//! | `P{B}:meta` | hash | `epoch` of the journal, `seq` and `nonce` of the last event, and two sums of bytes |
//! | `Pbuckets` | hash | every bucket that was ever written to, and its number of shards |
//!
//! An event has the fields `op` (`set`, `del`, `exp`), `key`, `value`, `nonce`, `prev` and `bytes`.
//! All but the last row are of one hash tag, `B`, and so of one slot of a cluster. To remove a
//! bucket, delete all of its names. `XRANGE ':keywell:{orders}:stream' - + COUNT 10` shows what
//! happened first among the events that are kept.
//!
//! # One step each
//!
//! A mutation is one script (`lua/`) and one round trip. It ends expired keys, checks, writes the
//! value, and appends to the stream. A script that fails half-way is not rolled back, so everything
//! that can be refused (no memory, a type that another program put there) comes first.
//!
//! Numbers of events are without gaps. They begin with the microseconds of the server's clock, so
//! that a new journal continues behind the one before. A server that comes back with less than it
//! acknowledged, or a replica that takes over, may give a number twice; so each write has 64 random
//! bits besides, its nonce, and each event has that of the event before it in `prev`. A reader of
//! the stream knows by these that nothing is missing between two events, and a version is the
//! number and the nonce: none is ever used for two writes.
//!
//! # Times to live
//!
//! Redis expires a value in the millisecond that `due` has too. Index, version and stream follow in
//! the next mutation, listing or watch of the shard, which sweeps a bounded number of expired keys,
//! and the keys that it names in any case: a set of an expired key emits the expiry first. An
//! expired key is in no answer, whether or not it was swept. While a shard is watched, its reader
//! sleeps until the next key expires, and sweeps.
//!
//! # Watching
//!
//! A watched shard has one reader with a connection of its own, which waits in `XREAD` and keeps
//! the latest events, 4 MiB of them at most, for all watches of the shard ([`tail`]). A watch that
//! is further behind reads the stream itself, a bounded piece at a time: a slow watch costs no
//! memory, and finds what the stream still holds. A token is the position in each shard: epoch,
//! number and nonce. One of another bucket or of a journal that was replaced since is refused as
//! `Token`; one whose next event is no longer kept, or was lost by the server, as `Compacted`. A
//! lost connection is replaced, and the watch continues where it was. Without events, the
//! connection is checked once a minute, and no other command is sent.
//!
//! # What it costs
//!
//! A value is in Redis twice for as long as the stream holds its event. The stream of a shard keeps
//! about `history` events (a node of a hundred more or less), and of those as many as are within
//! `history-bytes`; 0 of either keeps none, and then nothing can be watched. Redis cannot trim a
//! stream by bytes, so each event has the sum of the bytes up to it. The stream of a
//! [reserved](keywell_store::reserved) bucket keeps about 100 events and 1 MiB, for live watches. A
//! bucket that was emptied keeps its meta and its stream until
//! [`Store::forget`](keywell_store::Store::forget).
//!
//! # What it does not do
//!
//! The journal has no writes of other programs to these names: a changed value is read with the old
//! version and delivered to no watch; a deleted one is noticed when the key is next written by a
//! swap, an increment or a delete, and listed until then. For the same reason the server must not
//! evict: `maxmemory-policy` has to be `noeviction`, or one of the `volatile-` ones.

mod bucket;
mod feed;
mod limits;
mod page;
mod position;
mod recent;
mod record;
mod registry;
pub(crate) mod reply;
mod scripts;
mod settings;
mod shard;
mod space;
mod store;
mod tail;
mod tails;
mod transact;
mod watch;

pub(crate) use settings::Settings;
pub(crate) use store::JournalStore;
