//! A key-value store on Redis and Valkey: one server, the primary behind sentinels, or a cluster.
//!
//! ```no_run
//! use keywell_redis::{Options, RedisStore};
//! use keywell_store::{BucketName, Set, Store};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! let options = Options::from_url("redis://me:secret@127.0.0.1:6379/0?answer-timeout=2s")?;
//! let store = RedisStore::connect(&options).await?;
//! let orders = store.open(&BucketName::parse("orders")?).await?;
//! orders.set("o-1", "ten apples".into(), Set::default()).await?;
//! // redis-cli GET orders:o-1
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Where it is
//!
//! | URL | What |
//! |---|---|
//! | `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]` | one server |
//! | `redis+unix://[USER:PASSWORD@]/PATH[?db=DATABASE]` | one server, by its socket |
//! | `redis+sentinel://[USER:PASSWORD@]HOST,HOST/SERVICE[/DATABASE]` | the primary that sentinels name |
//! | `redis+cluster://[USER:PASSWORD@]HOST,HOST` | a cluster, some of whose nodes these are |
//!
//! `valkey` may stand for `redis`; `rediss` and `valkeys` are encrypted. A user name without a
//! password is refused; a password alone is written `:PASSWORD@`.
//!
//! Redis 6.2 or newer, and Valkey. The tests were run with Redis 6.2.14, 7.0.15, 8.0.2 and 8.6.3, and
//! with Valkey 8.1.1 and 9.1.2.
//!
//! # Settings
//!
//! They follow the URL's question mark, percent-encoded, or are named configuration
//! ([`Options::from_settings`]). [`RedisProvider`] has their table, with defaults and other names;
//! `keywell stores redis` prints it.
//!
//! # Answers
//!
//! Nothing that writes is sent twice. A write that was certainly not sent is `Unavailable`; one that
//! may have been, and of which nothing was heard in time, is `Ambiguous`. What a server says it did
//! not execute (`MOVED`, `ASK`, `TRYAGAIN`, `LOADING`) is followed up. While there is no connection,
//! and while the server owes an answer for too long, calls fail at once; it comes back by itself. An
//! acknowledged write survives the end of this process; what it survives of the server is the
//! server's configuration. A failover may lose what the old primary acknowledged, as replication
//! is asynchronous. Where an address leads to another server from then on, as those of managed
//! servers do, the store finds it by the first write that the old one refuses as a replica.
//!
//! # The plain layout
//!
//! Key `k` of bucket `b` is the Redis string `b:k`; in bucket names alone, `:` and `%` are written
//! `%3A` and `%25`. Any program can read and write it.
//!
//! - Compare-and-swap compares values: a key that was changed and changed back is taken for
//!   unchanged.
//! - A batch is atomic on one server. On a cluster it is split by slot; if a part of it was, or may
//!   have been, written and another failed, for whatever reason, it is `Ambiguous`.
//! - On one server, a [transaction](keywell_store::Transaction) is one script, over all buckets: at
//!   most 1,000 checks and writes and 64 MiB. Its checks compare values too. On a cluster there is
//!   none.
//! - A listing goes over all keys of the database by `SCAN`, in bounded memory: keys are in order,
//!   none comes twice, and cursors survive anything. A pass takes about a second for each million
//!   keys of the database and yields at most 50,000 keys, or 8 MiB, for the pages that are asked for
//!   within ten seconds; where keys are deleted meanwhile, and on a cluster, each page is a pass. List
//!   large databases seldom, or use the journal layout. A pass whose connection is lost is begun
//!   anew, as where it has come to says nothing to another server; the third time it is
//!   `Unavailable`. While slots of a cluster move, a key on its way can be missed.
//! - A watch hears keyspace events, which are lost while it has no connection: it then delivers a
//!   [`Gap`](keywell_store::Event::Gap), and the present state of keys that it names exactly. Several
//!   writes of a key in a row may be coalesced, and are counted; the value delivered is always the one
//!   behind the events so far. A slow reader delays no other, and receives in the end what
//!   each key has come to, or a gap where there are too many keys. What turns a string into another type in
//!   one step (`SUNIONSTORE` onto it) is not delivered, nor is a value of more than 16 MiB, which hosts do
//!   not write, nor what empties or exchanges a whole database (`FLUSHDB`, `FLUSHALL`, `SWAPDB`): there
//!   are no events of its keys. While slots of a cluster move, by hand or by the cluster, the values of a
//!   key are delivered in the order of its writes, and the last one is the present one; one may be
//!   delivered and counted twice, as both nodes emit it. A node that gets its first slots, or leaves its last
//!   ones, is a gap.
//! - A key at which another program keeps something else than a string: `get` says `Corrupt`,
//!   `get_many` none, `set` replaces it, listings leave it out.
//! - A string of another program whose name is no key (nothing behind the prefix, more than 64 KiB, or no
//!   UTF-8) is in no listing and no watch, and makes no bucket. Hosts leave out what is longer than they
//!   allow, 1 KiB unless configured otherwise, in the same way: exports too have nothing of it.
//!
//! - A watched server is asked once a minute whether it still emits these events. That they were
//!   switched off, and that they are emitted again, is a gap each.
//!
//! # The flat layout
//!
//! `layout=flat`: key `k` is the Redis string `k`, and with `layout=flat&prefix=app:` it is `app:k`.
//! So these are the keys that other programs have. It promises what the plain layout does, for the
//! default bucket. The [reserved](keywell_store::reserved) buckets are beneath `keywell-triggers:` and
//! `keywell-deadletters:`, behind the prefix. The default bucket answers `AccessDenied` for keys that
//! begin so, and leaves them out of listings and watches. No other bucket opens. Everything
//! behind the prefix is seen, and so also what other layouts keep in the same database.
//!
//! # The journal layout
//!
//! `layout=journal`: a value still is a Redis string, `:keywell:{b}=k`, which any program can read and
//! none may write, as the store keeps more beside it.
//!
//! - Compare-and-swap compares versions, which are never used twice, whatever the server loses.
//! - A page of a listing costs what it holds.
//! - A watch loses nothing while the history holds it: it goes on after a lost connection, and
//!   from a token after anything else. What it can no longer deliver in whole ends it as
//!   [`Compacted`](keywell_store::Invalid::Compacted), also where the server lost writes that it had
//!   acknowledged. A slow reader costs nothing. The ends of times to live are delivered in order with
//!   the other events of their key.
//! - A batch is atomic in a bucket of one shard. With `shards=N` a bucket is spread over a cluster; a
//!   batch of which a part was written and another failed is then `Ambiguous`. The number is for
//!   ever: with another one, a bucket that holds something looks empty and refuses writes.
//! - A bucket of one shard has transactions over its keys, as one script: at most 1,000 checks and
//!   writes and 64 MiB. One of several shards has none.
//! - Every mutation is one script, which keeps the server busy for tens of microseconds, and each
//!   value is there twice for as long as the history holds it. The server must evict nothing but
//!   what has a time to live (`maxmemory-policy`), and the account needs `EVAL` and `EVALSHA`.
//! - A watched shard has one connection more, on which it waits; every minute without events it makes sure of it.
//!
//! # What it does not do
//!
//! It reads from primaries only. It asks a cluster for its primaries every five seconds while
//! it is watched in the plain layout, and whenever a call is redirected or finds a node gone; but for that,
//! the question whether events are emitted, and the journal's watches, it sends nothing by itself. So, where there are no sentinels,
//! a store of the journal layout that only watches may take a minute to find that another server has
//! taken over from one that fell silent.

#![forbid(unsafe_code)]

mod batch;
mod distinct;
mod error;
mod journal;
mod link;
mod options;
mod plain;
mod provider;
mod store;
mod transact;
mod watch;
mod wire;

pub use error::OpenError;
pub use options::{Layout, Options};
pub use provider::RedisProvider;
pub use store::RedisStore;
