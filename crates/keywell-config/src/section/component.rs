use super::key::{Key, Kind, Section};
use super::secret::SECRET;

/// `[component.NAME]`.
pub static COMPONENT: Section = Section {
    heading: "[component.NAME]",
    keys: &[
        Key::required(
            "path",
            Kind::Path,
            "the component's file; a relative path starts at the folder of this file",
        ),
        Key::new(
            "env",
            Kind::Map(&Kind::Setting(&SECRET)),
            "none",
            "a table of environment variables; the component has no others",
        ),
        Key::new(
            "config",
            Kind::Map(&Kind::Setting(&SECRET)),
            "none",
            "a table of values that the component reads by `wasi:config`",
        ),
        Key::new(
            "outgoing",
            Kind::Texts,
            "none",
            "a list of hosts that it may send HTTP requests to: `HOST` (port 80 for http, 443 for \
             https), `HOST:PORT`, `HOST:*`, `*.HOST` for all under it, `*` for every one",
        ),
        Key::new(
            "store",
            Kind::Name,
            "none",
            "a store in which it has every bucket, by its name",
        ),
        Key::new(
            "buckets",
            Kind::Map(&Kind::TextOrTable(&GRANT)),
            "none",
            "a table of buckets by the component's names for them: a bucket's name in `store`, or \
             a table as below",
        ),
        Key::new(
            "memory",
            Kind::Size,
            "that of `[limits]`",
            "the most memory of an instance, at most that of `[limits]` if that is given",
        ),
        Key::new(
            "timeout",
            Kind::Duration,
            "that of `[limits]`",
            "how long a request or a delivery may take",
        ),
    ],
    others: None,
    help: "A component, what it sees of the world, and what bounds it.",
};

/// `[component.NAME.buckets.BUCKET]`.
pub static GRANT: Section = Section {
    heading: "[component.NAME.buckets.BUCKET]",
    keys: &[
        Key::new(
            "store",
            Kind::Name,
            "the component's `store`, or the only one",
            "the store of the bucket, by its name",
        ),
        Key::new(
            "bucket",
            Kind::Text,
            "the component's name for it",
            "the bucket's name in the store",
        ),
        Key::new(
            "read-only",
            Kind::Boolean,
            "`false`",
            "whether writes are refused",
        ),
        Key::new(
            "prefix",
            Kind::Text,
            "none",
            "what every key begins with in the store, unseen by the component",
        ),
        Key::new(
            "max-key",
            Kind::Bytes(1..=1024),
            "1024",
            "the most bytes of a key, without the prefix; a longer one is refused, and not seen if \
             others wrote it",
        ),
        Key::new(
            "max-value",
            Kind::Bytes(32..=16 << 20),
            "`16MiB`",
            "the most bytes of a value; a larger one is refused",
        ),
    ],
    others: None,
    help: "A bucket, and what the component may do with it.",
};
