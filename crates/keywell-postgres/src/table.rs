use keywell_store::{Setting, SettingKind};

/// An hour, in milliseconds.
const HOUR: u64 = 3_600_000;

/// The settings of a store.
pub(crate) const TABLE: &[Setting] = &[
    Setting::new(
        "user",
        SettingKind::Text,
        "none",
        "the role, instead of the one in the URL",
    ),
    Setting::new(
        "password",
        SettingKind::Text,
        "PGPASSWORD, or that of ~/.pgpass",
        "the password, instead of the one in the URL",
    )
    .secret(),
    Setting::new(
        "database",
        SettingKind::Text,
        "the user's name",
        "the database, instead of the one in the URL",
    )
    .selects_keys(),
    Setting::new(
        "schema",
        SettingKind::Text,
        "keywell",
        "the schema that has the tables; each has its own buckets",
    )
    .selects_keys(),
    Setting::new(
        "connections",
        SettingKind::Number(1..=1000),
        "16",
        "how many connections all components share; a watched store has one more",
    ),
    Setting::new(
        "connect-timeout",
        SettingKind::Duration(1..=HOUR),
        "5s",
        "the limit of one attempt to connect, login included",
    ),
    Setting::new(
        "answer-timeout",
        SettingKind::Duration(1..=HOUR),
        "5s",
        "the limit of one answer, the wait for a connection included",
    ),
    Setting::new(
        "tls",
        SettingKind::Boolean,
        "false, but true with another setting of TLS",
        "whether connections are encrypted, and the server's certificate checked",
    ),
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
        "history",
        SettingKind::Number(1..=1 << 50),
        "100000",
        "about how many events are kept for watches that resume",
    ),
    Setting::new(
        "history-bytes",
        SettingKind::Size,
        "64MiB",
        "about how many bytes these events may have together",
    ),
];
