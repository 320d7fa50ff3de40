use super::key::{Key, Kind, Section};
use super::trigger::{CORS, TLS};

/// `[worker.NAME]`.
pub static WORKER: Section = Section {
    heading: "[worker.NAME]",
    keys: &[
        Key::required(
            "component",
            Kind::Name,
            "the component that runs as this worker, by its name",
        ),
        Key::new(
            "journal",
            Kind::Name,
            "the only store",
            "the store that has the journal, by its name",
        ),
        Key::new(
            "interrupted-requests",
            Kind::Text,
            "`stop`",
            "what becomes of an interrupted POST or PATCH request: `stop` the worker until `keywell worker resolve`, `retry` it with the same idempotency key, or `fail` it",
        ),
    ],
    others: None,
    help: "A durable worker, or with `*` at the end of its name all whose names begin so.",
};

/// `[[trigger.worker]]`.
pub static WORKER_TRIGGER: Section = Section {
    heading: "[[trigger.worker]]",
    keys: &[
        Key::required(
            "worker",
            Kind::Name,
            "the worker to call, by the name of its section",
        ),
        Key::new(
            "addr",
            Kind::Address,
            "`127.0.0.1:8080`",
            "the address to listen on, as for `[[trigger.http]]`",
        ),
        Key::new(
            "functions",
            Kind::Texts,
            "all",
            "the functions that it offers, as for `[[trigger.invoke]]`",
        ),
        Key::new(
            "max-body",
            Kind::Bytes(1..=64 << 20),
            "`2MiB`",
            "the longest body of a request; a longer one is refused with 413",
        ),
        Key::new(
            "path",
            Kind::Text,
            "`/workers`",
            "what its paths begin with: a function is at `/workers/NAME/INTERFACE/FUNCTION`",
        ),
        Key::new(
            "host",
            Kind::Text,
            "all that no other trigger answers",
            "the host that it answers, as for `[[trigger.http]]`",
        ),
        Key::new(
            "host-header",
            Kind::Text,
            "`host`",
            "the header that `host` is compared with",
        ),
        Key::new(
            "timeout",
            Kind::Duration,
            "the component's `timeout`",
            "how long a request waits for its turn, if that is less than the component's `timeout`",
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
            "none",
            "which pages of other origins may read the responses, as for `[[trigger.http]]`",
        ),
        Key::new(
            "tls",
            Kind::Table(&TLS),
            "no encryption",
            "what connections are encrypted with, as for `[[trigger.http]]`",
        ),
    ],
    others: None,
    help: "Calls of durable workers over HTTP.",
};
