//! The stream of a bucket: how it is created, and what it can do.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keywell_store::{BucketName, Error, Failure, Result};
use serde::Deserialize;
use serde_json::json;

use super::api::{Api, Fault};
use super::names::Names;

/// The most writes of a key that a bucket keeps.
pub(crate) const MAX_HISTORY: u64 = 64;

/// What the description of a stream has the name of its bucket as, where it is named by a hash.
const BUCKET: &str = "keywell-bucket";

/// The server's errors that decide something here.
pub(crate) const NOT_FOUND: u64 = 10_059;
const EXISTS: u64 = 10_058;

/// The API of servers that collect single messages and leave markers for them, NATS 2.11.
const TTL_LEVEL: u32 = 1;
/// The API of servers that store several messages as one, NATS 2.12.
const BATCH_LEVEL: u32 = 2;

/// How a bucket is created. What is given has to hold of one that exists, too.
#[derive(Clone, Debug)]
pub(crate) struct BucketOptions {
    /// Whether one is created where there is none.
    pub(crate) is_created: bool,
    pub(crate) replicas: Option<u32>,
    /// How many writes of a key are kept.
    pub(crate) history: Option<u32>,
    pub(crate) storage: Option<Storage>,
    /// How long any value is kept.
    pub(crate) max_age: Option<Duration>,
    /// How long the server keeps the marker of a value that expired.
    pub(crate) markers: Duration,
}

/// Where the server keeps a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// In files.
    File,
    /// In memory: it is gone with the servers that hold it.
    Memory,
}

/// The stream of a bucket, as it was when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Stream {
    pub(crate) names: Names,
    pub(crate) replicas: u32,
    pub(crate) storage: Storage,
    /// Whether messages can be read directly, from any server that has them.
    pub(crate) is_direct: bool,
    /// Whether values can have a time to live.
    pub(crate) has_ttl: bool,
    /// Whether several messages can be stored as one.
    pub(crate) has_batches: bool,
    /// Whether values can go without a message that says so.
    pub(crate) loses_silently: bool,
    /// How long the message stays that says that a value expired. `None` if none expires.
    pub(crate) markers: Option<Duration>,
    /// The largest message that it takes, if that is less than the server does.
    pub(crate) max_message: Option<usize>,
}

/// A stream's description by the server.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Info {
    config: Config,
    /// When it was created, as the server writes it. One of the same name that was created at
    /// another time is another.
    pub(crate) created: String,
    pub(crate) state: State,
}

/// What is in a stream.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct State {
    pub(crate) messages: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "they are the server's")]
struct Config {
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    max_msgs_per_subject: i64,
    #[serde(default)]
    max_msg_size: i64,
    #[serde(default)]
    max_age: u64,
    #[serde(default)]
    max_msgs: i64,
    #[serde(default)]
    max_bytes: i64,
    #[serde(default)]
    discard: String,
    storage: Storage,
    num_replicas: u32,
    #[serde(default)]
    allow_direct: bool,
    #[serde(default)]
    allow_msg_ttl: bool,
    #[serde(default)]
    subject_delete_marker_ttl: u64,
    #[serde(default)]
    allow_atomic: bool,
    #[serde(default)]
    no_ack: bool,
    #[serde(default)]
    sealed: bool,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

// === impl Config ===

impl Config {
    /// Whether values can expire.
    fn has_times(&self) -> bool {
        self.max_age > 0 || self.allow_msg_ttl
    }

    /// Whether the server removes values without a message, because of their age or for room.
    fn loses_silently(&self) -> bool {
        let is_bounded = self.max_msgs > 0 || self.max_bytes > 0;
        self.has_times() && self.subject_delete_marker_ttl == 0
            || is_bounded && self.discard != "new"
    }
}

// === impl Stream ===

impl Stream {
    /// The stream of a bucket, created where there is none if that is wanted.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchBucket`] where there is none and it is not to be created, and
    /// [`Error::Unavailable`] with the reason where it is not as it is wanted, or no bucket at all.
    pub(crate) async fn open(
        api: &Api,
        bucket: &BucketName,
        wanted: &BucketOptions,
    ) -> Result<Self> {
        let names = Names::of(bucket);
        let info = match info(api, &names).await {
            Ok(info) => info,
            Err(fault) if fault.number() == Some(NOT_FOUND) => {
                if !wanted.is_created {
                    return Err(Error::NoSuchBucket(bucket.to_string()));
                }
                create(api, &names, bucket, wanted).await?
            }
            Err(fault) => return Err(fault.into()),
        };
        Self::of(names, info, bucket, wanted)
    }

    fn of(names: Names, info: Info, bucket: &BucketName, wanted: &BucketOptions) -> Result<Self> {
        let config = info.config;
        let refused = |problem: String| {
            let what = format!("the NATS bucket {bucket} {problem}");
            Err(Error::Unavailable(Failure::new(what)))
        };
        if !config.subjects.contains(&names.all()) || config.no_ack {
            return refused("is no bucket for keys: its stream has other subjects".to_owned());
        }
        if config.sealed {
            return refused("is sealed, and takes no more writes".to_owned());
        }
        let history = u32::try_from(config.max_msgs_per_subject).unwrap_or(u32::MAX);
        let history = if history == 0 { u32::MAX } else { history };
        let differs = |what: &str, has: String, wants: String| {
            refused(format!(
                "has {what} {has}, not {wants}; leave that setting out, or change the bucket"
            ))
        };
        if let Some(wants) = wanted.history.filter(|wants| *wants != history) {
            return differs("a history of", history.to_string(), wants.to_string());
        }
        let replicas = config.num_replicas;
        if let Some(wants) = wanted.replicas.filter(|wants| *wants != replicas) {
            return differs("replicas:", replicas.to_string(), wants.to_string());
        }
        let storage = config.storage;
        if let Some(wants) = wanted.storage.filter(|wants| *wants != storage) {
            return differs("its storage in", storage.to_string(), wants.to_string());
        }
        let max_age = Duration::from_nanos(config.max_age);
        if let Some(wants) = wanted.max_age.filter(|wants| *wants != max_age) {
            let seconds = |age: Duration| format!("{} s", age.as_secs_f64());
            return differs("a time to live of", seconds(max_age), seconds(wants));
        }
        Ok(Self {
            names,
            replicas,
            storage,
            is_direct: config.allow_direct,
            // Without markers, the end of a value would uncover an older one, or go unnoticed.
            has_ttl: config.allow_msg_ttl && config.subject_delete_marker_ttl > 0,
            has_batches: config.allow_atomic,
            loses_silently: config.loses_silently(),
            markers: config
                .has_times()
                .then(|| Duration::from_nanos(config.subject_delete_marker_ttl)),
            max_message: usize::try_from(config.max_msg_size)
                .ok()
                .filter(|bytes| *bytes > 0),
        })
    }

    /// Its present description.
    pub(crate) async fn info(&self, api: &Api) -> Result<Info, Fault> {
        info(api, &self.names).await
    }
}

/// The bucket of a stream, if it is that of one.
pub(crate) async fn bucket_of(api: &Api, stream: &str) -> Option<BucketName> {
    if !Names::is_hashed(stream) {
        return Names::bucket(stream);
    }
    let name = format!("STREAM.INFO.{stream}");
    let info: Info = api.ask(&name, &serde_json::Value::Null).await.ok()?;
    let name = BucketName::parse(info.config.metadata.get(BUCKET)?).ok()?;
    (Names::of(&name).stream() == stream).then_some(name)
}

async fn info(api: &Api, names: &Names) -> Result<Info, Fault> {
    let name = format!("STREAM.INFO.{}", names.stream());
    api.ask(&name, &serde_json::Value::Null).await
}

/// Creates a stream as ADR-8 has it, with what the server can do besides.
async fn create(
    api: &Api,
    names: &Names,
    bucket: &BucketName,
    wanted: &BucketOptions,
) -> Result<Info> {
    let level = api.account().await?.api_level();
    let history = wanted.history.unwrap_or(1);
    let mut config = json!({
        "name": names.stream(),
        "subjects": [names.all()],
        "retention": "limits",
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": nanos(wanted.max_age.unwrap_or_default()),
        "max_msgs_per_subject": history,
        "max_msg_size": -1,
        "discard": "new",
        "storage": wanted.storage.unwrap_or(Storage::File).to_string(),
        "num_replicas": wanted.replicas.unwrap_or(1),
        "allow_rollup_hdrs": true,
        "deny_delete": true,
        "allow_direct": true,
    });
    if Names::is_hashed(names.stream()) {
        config["metadata"] = json!({ BUCKET: bucket.as_str() });
    }
    // Sequences are versions. So a stream that is made again uses none for the second time.
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    config["first_seq"] = json!(u64::try_from(millis).unwrap_or_default());
    if level >= TTL_LEVEL {
        config["allow_msg_ttl"] = json!(true);
        config["subject_delete_marker_ttl"] = json!(nanos(wanted.markers));
    }
    if level >= BATCH_LEVEL {
        config["allow_atomic"] = json!(true);
    }
    let name = format!("STREAM.CREATE.{}", names.stream());
    match api.ask(&name, &config).await {
        Ok(info) => Ok(info),
        // Another process was faster.
        Err(fault) if fault.number() == Some(EXISTS) => Ok(info(api, names).await?),
        Err(fault) => Err(fault.into()),
    }
}

/// A time as servers read it, in nanoseconds.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

// === impl Storage ===

impl std::fmt::Display for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Memory => "memory",
        })
    }
}
