use super::key::{Key, Kind, Section};

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
            Kind::Number(1..=u32::MAX - 1),
            "1",
            "how many requests an instance answers",
        ),
        Key::new(
            "concurrency",
            Kind::Number(1..=1000),
            "1",
            "how many requests an instance answers at once, if its component is for WASI 0.3; it then \
             answers as many in all, if that is more than `reuse`",
        ),
        Key::new(
            "path",
            Kind::Text,
            "`/`",
            "the path that it answers, with all paths below it: `/shop` stands for `/shop/cart` and \
             not for `/shopping`; of several, the longest answers",
        ),
        Key::new(
            "exact-path",
            Kind::Text,
            "none",
            "a path that it answers alone, in place of `path`",
        ),
        Key::new(
            "host",
            Kind::Text,
            "all that no other trigger answers",
            "the host that it answers, in letters of any case; without a port, it stands for all \
             ports",
        ),
        Key::new(
            "host-header",
            Kind::Text,
            "`host`",
            "the header that `host` is compared with; of any other one than `host`, the whole \
             value",
        ),
        Key::new(
            "read-only",
            Kind::Boolean,
            "`false`",
            "whether other methods than GET and HEAD are refused, with 405",
        ),
        Key::new(
            "timeout",
            Kind::Duration,
            "the component's `timeout`",
            "how long a request may take, if that is less than the component's `timeout`; past it, \
             the response is 408",
        ),
        Key::new(
            "cache-control",
            Kind::Text,
            "none",
            "a `Cache-Control` that every response of the component gets",
        ),
        Key::new(
            "keep-alive",
            Kind::Boolean,
            "`true`",
            "whether a connection stays open for more requests; over HTTP/2, it always does",
        ),
        Key::new(
            "cors",
            Kind::BooleanOrTable(&CORS),
            "what the component does",
            "which pages of other origins may read the responses: a table as below, or `true` for \
             its defaults",
        ),
        Key::new(
            "tls",
            Kind::Table(&TLS),
            "no encryption",
            "what connections are encrypted with: a table with `certificate` and `key`",
        ),
    ],
    others: None,
    help: "HTTP requests to an address.",
};

/// `cors` of `[[trigger.http]]`.
pub static CORS: Section = Section {
    heading: "[trigger.http.cors]",
    keys: &[
        Key::new(
            "origins",
            Kind::Texts,
            "all",
            "the origins, each `http://HOST` or `https://HOST`, with or without a port",
        ),
        Key::new(
            "headers",
            Kind::Texts,
            "`accept`, `accept-language`, `content-type`, `content-language`",
            "the headers that a request may have",
        ),
        Key::new(
            "methods",
            Kind::Texts,
            "`GET`, `POST`, `PUT`, `DELETE`, `HEAD`, `OPTIONS`",
            "the methods that a request may have",
        ),
        Key::new(
            "exposed-headers",
            Kind::Texts,
            "none",
            "the headers of a response that a page may read, besides those that it always may",
        ),
        Key::new(
            "max-age",
            Kind::Duration,
            "`300s`",
            "how long a browser may keep an answer to a preflight request",
        ),
    ],
    others: None,
    help: "Which pages of other origins may read the responses.",
};

/// `tls` of `[[trigger.http]]`.
pub static TLS: Section = Section {
    heading: "[trigger.http.tls]",
    keys: &[
        Key::required(
            "certificate",
            Kind::Path,
            "a PEM file with the certificate, and those up to the root",
        ),
        Key::required("key", Kind::Path, "a PEM file with its private key"),
    ],
    others: None,
    help: "What the connections to an address are encrypted with.",
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
             its events",
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
        Key::new(
            "optional",
            Kind::Boolean,
            "`false`",
            "whether the trigger is left out if the component does not export \
             `wasi:keyvalue/watcher`, which is an error otherwise",
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

/// `[[trigger.command]]`.
pub static COMMAND: Section = Section {
    heading: "[[trigger.command]]",
    keys: &[
        Key::required("component", Kind::Name, "the component to run, by its name"),
        Key::new(
            "arguments",
            Kind::Texts,
            "none",
            "a list of arguments, which come behind the component's name",
        ),
    ],
    others: None,
    help: "A component that runs once, when the application starts.",
};
