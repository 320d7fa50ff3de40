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
//! # URLs
//!
//! | URL | Leads to |
//! |---|---|
//! | `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]` | one server |
//! | `redis+unix://[USER:PASSWORD@]/PATH[?db=DATABASE]` | one server, by its socket |
//! | `redis+sentinel://[USER:PASSWORD@]HOST,HOST/SERVICE[/DATABASE]` | the primary that sentinels name |
//! | `redis+cluster://[USER:PASSWORD@]HOST,HOST` | a cluster, some of whose nodes these are |
//!
//! `valkey` means the same as `redis`; `rediss` and `valkeys` are encrypted. A user name without a
//! password is refused; a password alone is written `:PASSWORD@`.
//!
//! Redis 6.2 or newer, and Valkey. The tests were run with Redis 6.2.14, 7.0.15, 8.0.2 and 8.6.3,
//! and with Valkey 8.1.1 and 9.1.2.
//!
//! # Settings
//!
//! They follow the URL's question mark, percent-encoded, or are named configuration
//! ([`Options::from_settings`]). [`RedisProvider`] has their table, with defaults and other names;
//! `keywell stores redis` prints it.
//!
//! # Answers
//!
//! Nothing that writes is sent twice. A write that was certainly not sent is `Unavailable`; one
//! that may have been sent, and is not answered in time, is `Ambiguous`. A command that the server
//! says it did not execute (`MOVED`, `ASK`, `TRYAGAIN`, `LOADING`) is redirected or retried. While
//! there is no connection, and while a late reply is outstanding, calls fail at once; the store
//! reconnects by itself. An acknowledged write survives the end of this process; which failures of
//! the server it survives depends on the server's configuration. A failover may lose what the old
//! primary acknowledged, as replication is asynchronous. If an address then leads to another
//! server, as those of managed servers do, the store finds that server at the first write that the
//! old one refuses as a replica.
//!
//! # The plain layout
//!
//! Key `k` of bucket `b` is the Redis string `b:k`; in bucket names alone, `:` and `%` are written
//! `%3A` and `%25`. Any program can read and write such keys.
//!
//! - Compare-and-swap compares values: a key that was changed and changed back counts as
//!   unchanged.
//! - A batch is atomic on one server. On a cluster it is split by slot; if one part was, or may
//!   have been, written and another failed for any reason, it is `Ambiguous`.
//! - On one server, a [transaction](keywell_store::Transaction) is one script, over all buckets: at
//!   most 1,000 checks and writes and 64 MiB. Its checks compare values too. On a cluster there is
//!   none.
//! - A listing scans all keys of the database (`SCAN`), in bounded memory. Keys are in order, none
//!   comes twice, and cursors survive restarts of Keywell and of the server. A pass takes about a
//!   second for each million keys of the database. It yields at most 50,000 keys, or 8 MiB, for the
//!   pages that are requested within ten seconds; if keys are deleted meanwhile, and on a cluster,
//!   each page is a pass. List large databases seldom, or use the journal layout. A pass whose
//!   connection is lost starts over, since its cursor means nothing to another server; the third
//!   time it is `Unavailable`. While slots of a cluster move, a key that is being moved can be
//!   missed.
//! - A watch receives keyspace events, which are lost while it has no connection. It then delivers
//!   a [`Gap`](keywell_store::Event::Gap), and the present state of keys that it names exactly.
//!   Consecutive writes of a key may be coalesced, and are counted; a delivered value is always the
//!   one after the events so far. A slow reader delays no other, and receives the last state of
//!   each key in the end, or a gap if there are too many keys. Not delivered are commands that turn
//!   a string into another type in one step (`SUNIONSTORE` onto it), values of more than 16 MiB,
//!   which hosts do not write, and commands that empty or exchange a whole database (`FLUSHDB`,
//!   `FLUSHALL`, `SWAPDB`), which emit no events of its keys. While slots of a cluster move, by
//!   hand or by the cluster, the values of a key are delivered in the order of its writes, and the
//!   last one is the present one; one may be delivered and counted twice, as both nodes emit it. A
//!   node that gets its first slots, or leaves its last ones, is a gap.
//! - If another program keeps something other than a string at a key, `get` answers `Corrupt` and
//!   `get_many` none, `set` replaces it, and listings leave it out.
//! - A string of another program whose name is not a valid key (nothing after the prefix, more than
//!   64 KiB, or not UTF-8) is in no listing and no watch, and makes no bucket. Hosts leave out
//!   names that are longer than they allow, 1 KiB unless configured otherwise, in the same way,
//!   also from exports.
//! - Once a minute, a watched server is asked whether it still emits these events. When they were
//!   switched off and when they are emitted again, watches report a gap.
//!
//! # The flat layout
//!
//! `layout=flat`: key `k` is the Redis string `k`, and with `layout=flat&prefix=app:` it is
//! `app:k`. These are the keys of other programs. The default bucket has the guarantees of the
//! plain layout. The [reserved](keywell_store::reserved::buckets) buckets are beneath their names
//! and a colon, behind the prefix. The default bucket answers `AccessDenied` for such keys, and
//! leaves them out of listings and watches. No other bucket opens. A flat store has every key behind
//! the prefix, and so also what other layouts keep in the same database.
//!
//! # The journal layout
//!
//! `layout=journal`: a value is a Redis string here too, `:keywell:{b}=k`. Any program can read it.
//! No other program may write it, since the store keeps its version and its history beside it.
//!
//! - Compare-and-swap compares versions, which are never used twice, whatever the server loses.
//! - The cost of a page of a listing depends on the keys on it only.
//! - A watch loses nothing that the history still holds: it continues after a lost connection, and
//!   can be resumed from a token after a restart. If events are missing, it ends as
//!   [`Compacted`](keywell_store::Invalid::Compacted), also when the server lost writes that it had
//!   acknowledged. A slow reader costs nothing. The ends of times to live are delivered in order
//!   with the other events of their key.
//! - A batch is atomic in a bucket of one shard. With `shards=N` a bucket is spread over a cluster;
//!   a batch that was written in part is then `Ambiguous`. The number can never be changed: with
//!   another one, a bucket that holds something looks empty and refuses writes.
//! - A bucket of one shard has transactions over its keys, as one script: at most 1,000 checks and
//!   writes and 64 MiB. One of several shards has none.
//! - Every mutation is one script, which keeps the server busy for tens of microseconds, and each
//!   value is there twice for as long as the history holds it. The server must evict nothing but
//!   what has a time to live (`maxmemory-policy`), and the account needs `EVAL` and `EVALSHA`.
//! - A watched shard has one more connection, on which it waits, and which it checks after each
//!   minute without events.
//!
//! # What it does not do
//!
//! It reads from primaries only. It asks a cluster for its primaries every five seconds while it is
//! watched in the plain layout, and whenever a call is redirected or finds a node gone. Apart from
//! that, from the check whether events are emitted, and from the journal's watches, it sends no
//! command on its own. So, without sentinels, a store of the journal layout that only watches may
//! take a minute to notice that another server has replaced one that fell silent.

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
