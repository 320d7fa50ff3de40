//! The keys of a `keywell.toml`: the reader takes its known keys from these tables, and what is shown
//! of a file, its schema and its page in the documentation are made from them.

use std::ops::RangeInclusive;

/// A section of the file: a table, or the tables of an array.
#[derive(Debug)]
pub struct Section {
    /// How it is written: `[store.NAME]`.
    pub heading: &'static str,
    /// Its keys, in the order of the documentation.
    pub keys: &'static [Key],
    /// What any other key is; without it, there is none.
    pub others: Option<Kind>,
    /// What it is, as one line.
    pub help: &'static str,
}

/// A key of a section.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Which values it takes.
    pub kind: Kind,
    /// What applies where it is not given, in the words of the documentation; nothing, if it has to
    /// be given or stands for nothing.
    pub default: &'static str,
    /// Whether it has to be given.
    pub is_required: bool,
    /// What it does.
    pub help: &'static str,
}

/// Which values a key takes.
#[derive(Debug)]
pub enum Kind {
    /// A text in quotes.
    Text,
    /// A path; a relative one starts at the folder of the file.
    Path,
    /// The name of a store or component that the file has.
    Name,
    /// An address to listen on.
    Address,
    /// True or false, in quotes or not.
    Boolean,
    /// A whole number in this range, in quotes or not.
    Number(RangeInclusive<u32>),
    /// A size for memory: `256MiB`.
    Size,
    /// A number of bytes in this range, which may have a unit: `64`, `64KiB`.
    Bytes(RangeInclusive<usize>),
    /// A time: `30s`.
    Duration,
    /// A list of texts, or one text.
    Texts,
    /// A text that may be secret, or a table that says where it is found.
    Secret,
    /// A text, a number, true or false, any of them possibly secret, or a table that says where it is found.
    Setting,
    /// A table.
    Table(&'static Section),
    /// A text, or a table with more.
    TextOrTable(&'static Section),
    /// An array of tables.
    Tables(&'static Section),
    /// A table whose keys are names.
    Map(&'static Kind),
}

// === impl Section ===

impl Section {
    /// A key by its name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all keys.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().map(|key| key.name)
    }
}

// === impl Key ===

impl Key {
    const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            default,
            is_required: false,
            help,
        }
    }

    const fn required(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            default: "",
            is_required: true,
            help,
        }
    }
}

// === impl Kind ===

impl Kind {
    /// The sections in it.
    pub fn section(&self) -> Option<&'static Section> {
        match self {
            Self::Table(section) | Self::TextOrTable(section) | Self::Tables(section) => {
                Some(*section)
            }
            Self::Secret | Self::Setting => Some(&SECRET),
            Self::Map(kind) => kind.section(),
            _ => None,
        }
    }

    /// Whether it is a setting, or a table of settings.
    pub(crate) fn is_setting(&self) -> bool {
        matches!(self, Self::Setting)
    }

    /// Whether a value that is no table may be secret.
    pub fn is_secret(&self) -> bool {
        match self {
            // What stands in the place of a whole table may be a URL, or a password.
            Self::Secret | Self::Setting | Self::Table(_) | Self::Tables(_) => true,
            Self::Map(kind) => kind.is_secret(),
            _ => false,
        }
    }
}

/// The whole file.
pub static ROOT: Section = Section {
    heading: "",
    keys: &[
        Key::new(
            "store",
            Kind::Map(&Kind::Table(&STORE)),
            "",
            "the stores, by name",
        ),
        Key::new(
            "component",
            Kind::Map(&Kind::Table(&COMPONENT)),
            "",
            "the components, by name",
        ),
        Key::new(
            "trigger",
            Kind::Table(&TRIGGER),
            "",
            "what calls the components",
        ),
        Key::new(
            "limits",
            Kind::Table(&LIMITS),
            "",
            "what bounds all components together",
        ),
    ],
    others: None,
    help: "An application: its stores, its components, and the triggers that call them.",
};

/// `[limits]`.
pub static LIMITS: Section = Section {
    heading: "[limits]",
    keys: &[
        Key::new(
            "memory",
            Kind::Size,
            "`256MiB`",
            "the most memory of an instance: all its linear memories and tables together; what \
             Keywell holds for it (values, header fields, bodies, `cas` handles) may have as many \
             bytes again, and 4 MiB at least",
        ),
        Key::new(
            "total-memory",
            Kind::Size,
            "three quarters of the machine's, or of the cgroup's",
            "the most memory of all instances together, with what Keywell holds for them; past it \
             new requests wait, then get 503, and what would grow fails",
        ),
        Key::new(
            "timeout",
            Kind::Duration,
            "`30s`",
            "how long a request or a delivery may take",
        ),
        Key::new(
            "instances",
            Kind::Number(1..=10_000),
            "256",
            "how many instances there may be at once, of all components and triggers together; up \
             to sixteen times as many requests wait, and others are answered with 503. Deliveries \
             wait too, and have at most half of the instances where anything answers HTTP. A \
             component leaves one instance free for each other component that has none (at most \
             half of them), has more than half only while no other component waits, and has at \
             most half of the waiting requests",
        ),
        Key::new(
            "connections",
            Kind::Number(1..=1_000_000),
            "10000",
            "how many connections clients may have open, of all HTTP triggers together. The limit \
             of open files (`ulimit -Hn`) counts where it is lower: it less 128 and one for each \
             instance, which is a reserve of at most half of it. Past the limit, the connection \
             that was idle for longest is closed, or the new one if none is idle",
        ),
        Key::new(
            "write-timeout",
            Kind::Duration,
            "`30s`",
            "how long a response may wait for a client that does not read it; then the stream is \
             reset, and the guest ends",
        ),
    ],
    others: None,
    help: "What bounds all components together.",
};

/// `[store.NAME]`.
pub static STORE: Section = Section {
    heading: "[store.NAME]",
    keys: &[Key::required(
        "url",
        Kind::Secret,
        "a URL as for `--store`; the path of `disk:PATH` starts at the folder of the file",
    )],
    others: Some(Kind::Setting),
    help: "A store, which is opened once and shared by all components and triggers that use it.",
};

/// `{ env = "NAME" }` or `{ file = "PATH" }`, in the place of a text that may be secret.
pub static SECRET: Section = Section {
    heading: "",
    keys: &[
        Key::new(
            "env",
            Kind::Text,
            "",
            "the name of an environment variable of Keywell's own",
        ),
        Key::new(
            "file",
            Kind::Path,
            "",
            "the path of a file of at most 64 KiB, from the folder of this file; a line end behind \
             its text is left out",
        ),
    ],
    others: None,
    help: "Where a text is found that may be secret; one of the two.",
};

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
            Kind::Map(&Kind::Setting),
            "none",
            "a table of environment variables; the component has no others",
        ),
        Key::new(
            "config",
            Kind::Map(&Kind::Setting),
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

/// `[trigger]`, which is written as arrays of tables.
pub static TRIGGER: Section = Section {
    heading: "",
    keys: &[
        Key::new(
            "http",
            Kind::Tables(&HTTP),
            "",
            "triggers that answer HTTP requests",
        ),
        Key::new(
            "watch",
            Kind::Tables(&WATCH),
            "",
            "triggers that deliver changes of keys",
        ),
    ],
    others: None,
    help: "What calls the components.",
};

/// `[[trigger.http]]`.
pub static HTTP: Section = Section {
    heading: "[[trigger.http]]",
    keys: &[
        Key::required(
            "component",
            Kind::Name,
            "the component to call, by its name",
        ),
        Key::new(
            "addr",
            Kind::Address,
            "`127.0.0.1:8080`",
            "the address to listen on; port 0 takes a free one; a name, as in `localhost:8080`, \
             stands for all its addresses; an IPv6 address may have a zone, as in \
             `[fe80::1%eth0]:8080`",
        ),
        Key::new(
            "reuse",
            Kind::Number(0..=u32::MAX - 1),
            "1",
            "how many requests an instance answers",
        ),
    ],
    others: None,
    help: "HTTP requests to an address.",
};

/// `[[trigger.watch]]`.
pub static WATCH: Section = Section {
    heading: "[[trigger.watch]]",
    keys: &[
        Key::required(
            "component",
            Kind::Name,
            "the component to call, by its name",
        ),
        Key::required(
            "on",
            Kind::Texts,
            "which changes: `\"SET@order:*,DEL@order:*\"`, or a list of such texts",
        ),
        Key::new(
            "bucket",
            Kind::Text,
            "`default`",
            "the bucket, by the component's name for it",
        ),
        Key::new(
            "store",
            Kind::Name,
            "that of the bucket",
            "the store of that bucket, which may be repeated here",
        ),
        Key::new(
            "name",
            Kind::Text,
            "made of the component, the bucket and `on`",
            "the trigger's name, under which its position is stored and by which processes share \
             its events, see below",
        ),
        Key::new(
            "parallel",
            Kind::Number(1..=10_000),
            "64",
            "how many deliveries may run at once; those of one key run one after the other",
        ),
        Key::new(
            "deadline",
            Kind::Duration,
            "the component's `timeout`",
            "how long one attempt may take",
        ),
        Key::new(
            "retries",
            Kind::Number(0..=1000),
            "3",
            "how often a failed delivery is retried",
        ),
        Key::new(
            "backoff",
            Kind::Duration,
            "`100ms`",
            "the wait before the first retry; each wait is twice the one before, up to 10 s",
        ),
        Key::new(
            "hops",
            Kind::Number(1..=1000),
            "8",
            "the longest chain of deliveries, each caused by a write of the one before",
        ),
        Key::new(
            "positions",
            Kind::Name,
            "the watched store",
            "the name of another store for its position and dead letters, if the watched one \
             cannot be written: see [stores](stores.md#servers-that-may-not-be-written)",
        ),
        Key::new(
            "dead-letters",
            Kind::TextOrTable(&DEAD_LETTERS),
            "`keywell-deadletters` in the store of `positions`",
            "the bucket for events that could not be delivered: its name in the watched store, or \
             a table with `store` and `bucket`",
        ),
    ],
    others: None,
    help: "Changes of the keys of a bucket.",
};

/// `dead-letters` of `[[trigger.watch]]`.
pub static DEAD_LETTERS: Section = Section {
    heading: "[trigger.watch.dead-letters]",
    keys: &[
        Key::new(
            "store",
            Kind::Name,
            "the watched store",
            "the store of the bucket, by its name",
        ),
        Key::required("bucket", Kind::Text, "the bucket's name in the store"),
    ],
    others: None,
    help: "Where deliveries go that failed for good.",
};
