use keywell_store::{Setting, SettingKind};

use crate::journal;

const TIME: SettingKind = SettingKind::Duration(1..=3_600_000);

/// The settings of a store on Redis. The other names of some are those of wasmCloud's provider.
pub(crate) const TABLE: &[Setting] = &[
    Setting::new(
        "layout",
        SettingKind::Choice(&["plain", "flat", "journal"]),
        "plain",
        "how keys are stored: as BUCKET:KEY, as KEY, or with versions and a history",
    )
    .selects_keys(),
    Setting::new(
        "prefix",
        SettingKind::Text,
        "none (flat), `:keywell:` (journal)",
        "what the names of keys begin with; without a `layout`, it selects `layout=flat`",
    )
    .selects_keys(),
    Setting::new(
        "configure-notifications",
        SettingKind::Boolean,
        "false",
        "whether Keywell may set `notify-keyspace-events` where watches need it (plain, flat)",
    ),
    Setting::new(
        "database",
        SettingKind::Number(0..=u32::MAX as u64),
        "0",
        "the number of the database",
    )
    .aliases(&["db"])
    .selects_keys(),
    Setting::new(
        "user",
        SettingKind::Text,
        "none",
        "the user, instead of the one in the URL",
    ),
    Setting::new(
        "password",
        SettingKind::Text,
        "none",
        "the password, instead of the one in the URL",
    )
    .secret(),
    Setting::new(
        "sentinel-user",
        SettingKind::Text,
        "none",
        "the user for sentinels that ask for one",
    ),
    Setting::new(
        "sentinel-password",
        SettingKind::Text,
        "none",
        "the password for sentinels that ask for one",
    )
    .secret(),
    Setting::new(
        "connections",
        SettingKind::Number(1..=64),
        "1",
        "how many connections all components share",
    ),
    Setting::new(
        "share-connections",
        SettingKind::Boolean,
        "false",
        "whether stores of the same URL in this process share them",
    )
    .aliases(&["SHARE_CONNECTIONS_BY_URL"]),
    Setting::new(
        "lazy",
        SettingKind::Boolean,
        "false",
        "connects with the first call; then opening never fails",
    )
    .aliases(&["DISABLE_DEFAULT_CONNECTION"]),
    Setting::new(
        "connect-timeout",
        TIME,
        "3 s",
        "the limit of one attempt to connect, login included",
    )
    .aliases(&["BACKEND_CONNECTION_TIMEOUT_MS"]),
    Setting::new("answer-timeout", TIME, "1 s", "the limit of one answer")
        .aliases(&["response-timeout", "BACKEND_RESPONSE_TIMEOUT_MS"]),
    Setting::new(
        "connect-retries",
        SettingKind::Number(0..=u32::MAX as u64),
        "0",
        "how often opening tries again; an open store tries for ever",
    )
    .aliases(&["BACKEND_RECONNECT_NUM_RETRIES"]),
    Setting::new(
        "reconnect-max-delay",
        TIME,
        "2 s",
        "the longest pause between two attempts",
    )
    .aliases(&["BACKEND_RECONNECT_MAX_DELAY_MS"]),
    Setting::new(
        "watch",
        SettingKind::Boolean,
        "true",
        "whether buckets can be watched",
    )
    .aliases(&["WATCH"]),
    Setting::new(
        "tls-ca",
        SettingKind::Path,
        "the system's",
        "the authorities to trust, a PEM file",
    ),
    Setting::new(
        "tls-certificate",
        SettingKind::Path,
        "none",
        "our certificate chain, a PEM file",
    ),
    Setting::new(
        "tls-key",
        SettingKind::Path,
        "none",
        "the key of our certificate, a PEM file",
    ),
    Setting::new(
        "shards",
        SettingKind::Number(1..=journal::Settings::MAX_SHARDS as u64),
        "1",
        "how many parts a bucket has, each in a slot of its own; it can never be changed (journal)",
    ),
    Setting::new(
        "history",
        SettingKind::Number(0..=journal::Settings::MAX_HISTORY),
        "100000",
        "about how many events each shard keeps for watches; 0 keeps none (journal)",
    ),
    Setting::new(
        "history-bytes",
        SettingKind::Size,
        "64MiB",
        "about how many bytes these events may have in each shard; 0 keeps none (journal)",
    ),
];
