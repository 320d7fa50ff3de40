use super::key::{Key, Kind, Section};

/// `[component.NAME.links.LINK]`.
pub static LINK: Section = Section {
    heading: "[component.NAME.links.LINK]",
    keys: &[
        Key::new(
            "store",
            Kind::Name,
            "none",
            "a store in which it has every bucket, by its name",
        ),
        Key::new(
            "every-bucket",
            Kind::TextOrTable(&GRANT),
            "none",
            "in place of `store`: the bucket that every name not in `buckets` stands for",
        ),
        Key::new(
            "buckets",
            Kind::Map(&Kind::TextOrTable(&GRANT)),
            "none",
            "a table of buckets by the component's names for them",
        ),
    ],
    others: None,
    help: "What a component reaches by `wasi:keyvalue` once it has chosen a link by its name.",
};

/// `[component.NAME.buckets.BUCKET]`.
pub static GRANT: Section = Section {
    heading: "[component.NAME.buckets.BUCKET]",
    keys: &[
        Key::new(
            "store",
            Kind::Name,
            "the `store` beside `buckets`, or the only one",
            "the store of the bucket, by its name",
        ),
        Key::new(
            "bucket",
            Kind::Text,
            "the component's name for it; `default` in `every-bucket`",
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
