use std::sync::Arc;

use keywell_store::{
    BucketName, Making, OpenError, Opening, Provider, Setting, SettingKind, Settings, Store,
    StoreUrl, UrlForm,
};

use super::options::JetStreamOptions;
use super::store::JetStreamStore;
use super::stream::{MAX_HISTORY, Storage};
use crate::login::table as login;
use crate::near::caching::Caching;

/// The provider of buckets in `JetStream`, at `nats://HOST:PORT`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JetStreamProvider;

const MINUTE: u64 = 60_000;
const YEAR: u64 = 366 * 24 * 60 * MINUTE;

const TABLE: &[Setting] = &[
    login::USER,
    login::PASSWORD,
    login::TOKEN,
    login::CREDENTIALS,
    login::JWT,
    login::SEED,
    login::NKEY,
    login::TLS,
    login::TLS_CA,
    login::TLS_CA_PEM,
    login::TLS_CERTIFICATE,
    login::TLS_KEY,
    Setting::new(
        "domain",
        SettingKind::Text,
        "the server's own",
        "the domain of the JetStream",
    )
    .aliases(&["js_domain"])
    .selects_keys(),
    Setting::new(
        "bucket",
        SettingKind::Text,
        "default",
        "the NATS bucket that the default bucket is",
    )
    .selects_keys(),
    Setting::new(
        "create",
        SettingKind::Boolean,
        "true",
        "whether a bucket is created that is opened and not there",
    )
    .aliases(&["enable_bucket_auto_create"]),
    Setting::new(
        "replicas",
        SettingKind::Number(1..=5),
        "1, or as the bucket is",
        "how many servers have a copy of a bucket",
    ),
    Setting::new(
        "history",
        SettingKind::Number(1..=MAX_HISTORY),
        "1, or as the bucket is",
        "how many writes of a key are kept",
    ),
    Setting::new(
        "storage",
        SettingKind::Choice(&["file", "memory"]),
        "`file`, or as the bucket is",
        "where servers keep a bucket",
    ),
    Setting::new(
        "ttl",
        SettingKind::Duration(1000..=100 * YEAR),
        "never, or as the bucket is",
        "after how long any value of a bucket is gone",
    ),
    Setting::new(
        "markers",
        SettingKind::Duration(1000..=YEAR),
        "900s",
        "how long the server keeps a marker where a value expired",
    ),
    Setting::new(
        "cache",
        SettingKind::Choice(&["keys", "all", "off"]),
        "`keys`",
        "what this process keeps of buckets that it reads: keys and versions, values too, or nothing",
    ),
    Setting::new(
        "cache-bytes",
        SettingKind::Size,
        "64MiB",
        "how many bytes of values that were read are kept of each bucket (`cache=keys`)",
    ),
    Setting::new(
        "answer-timeout",
        SettingKind::Duration(100..=10 * MINUTE),
        "5s",
        "how long an answer is waited for",
    ),
];

// === impl JetStreamProvider ===

impl JetStreamProvider {
    fn options(self, url: &StoreUrl) -> Result<JetStreamOptions, OpenError> {
        let provider: &dyn Provider = &self;
        let settings = provider.read_settings(url)?;
        let refused = |problem: &str| OpenError::Place {
            url: provider.shown(url),
            problem: problem.to_owned(),
        };
        let place = url
            .place()
            .strip_prefix("//")
            .ok_or_else(|| refused("is not written nats://HOST:PORT"))?;
        let (userinfo, hosts) = match place.rsplit_once('@') {
            Some((userinfo, hosts)) => (Some(userinfo), hosts),
            None => (None, place),
        };
        let hosts = hosts.strip_suffix('/').unwrap_or(hosts);
        // Each of several servers may be written as a URL, as other clients take them.
        let servers: Vec<&str> = hosts
            .split(',')
            .map(|host| host.trim().trim_start_matches("nats://"))
            .collect();
        if servers.iter().any(|host| host.is_empty()) {
            return Err(refused("names no host; write nats://HOST:PORT"));
        }
        if servers.iter().any(|host| host.contains(['/', '@'])) {
            return Err(refused(
                "has a path; a bucket is named where it is opened, or by the setting bucket",
            ));
        }
        let shown = |error| OpenError::Setting {
            url: provider.shown(url),
            error,
        };
        let mut options = JetStreamOptions::new(servers);
        options.login = login::read(&settings, userinfo).map_err(shown)?;
        read(&mut options, &settings);
        if let Some(bucket) = &options.bucket
            && (bucket.is_empty() || BucketName::parse(bucket).is_err())
        {
            let expected = "the name of a bucket";
            return Err(shown(keywell_store::SettingError::value(
                "bucket", expected,
            )));
        }
        Ok(options)
    }
}

fn read(options: &mut JetStreamOptions, settings: &Settings) {
    let text = |name: &str| settings.text(name).map(str::to_owned);
    options.domain = text("domain").filter(|domain| !domain.is_empty());
    options.bucket = text("bucket");
    options.create = settings.boolean("create").unwrap_or(options.create);
    options.replicas = settings.number("replicas");
    options.history = settings.number("history");
    options.storage = settings.text("storage").map(|storage| match storage {
        "memory" => Storage::Memory,
        _ => Storage::File,
    });
    options.ttl = settings.duration("ttl");
    options.markers = settings.duration("markers").unwrap_or(options.markers);
    let cache = settings.text("cache").and_then(Caching::parse);
    options.cache = cache.unwrap_or_default();
    options.cache_bytes = settings
        .number("cache-bytes")
        .unwrap_or(options.cache_bytes);
    options.answer_timeout = settings
        .duration("answer-timeout")
        .unwrap_or(options.answer_timeout);
}

impl Provider for JetStreamProvider {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn summary(&self) -> &'static str {
        "in key-value buckets of NATS JetStream"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["nats"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "nats://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...]",
            help: "the buckets of a NATS server, or of a cluster that these servers are in",
        }]
    }

    fn settings(&self) -> &'static [Setting] {
        TABLE
    }

    fn check(&self, url: &StoreUrl) -> Result<(), OpenError> {
        self.options(url).map(drop)
    }

    fn open(&self, url: &StoreUrl, making: Making) -> Opening {
        let options = self.options(url);
        let url = (self as &dyn Provider).shown(url);
        Box::pin(async move {
            let mut options = options?;
            if making == Making::Refused {
                options.create = false;
            }
            let opened = JetStreamStore::open(options).await;
            let store = opened.map_err(|source| OpenError::Store { url, source })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
