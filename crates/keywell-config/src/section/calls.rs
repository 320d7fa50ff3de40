use super::key::{Key, Kind, Section};
use super::trigger::{CORS, TLS};

// What triggers have in common that answer calls.

const ADDR: Key = Key::new(
    "addr",
    Kind::Address,
    "`127.0.0.1:8080`",
    "the address to listen on, as for `[[trigger.http]]`",
);

const MAX_BODY: Key = Key::new(
    "max-body",
    Kind::Bytes(1..=64 << 20),
    "`2MiB`",
    "the longest body of a request; a longer one is refused with 413",
);

const HOST: Key = Key::new(
    "host",
    Kind::Text,
    "all that no other trigger answers",
    "the host that it answers, as for `[[trigger.http]]`",
);

const HOST_HEADER: Key = Key::new(
    "host-header",
    Kind::Text,
    "`host`",
    "the header that `host` is compared with",
);

const KEEP_ALIVE: Key = Key::new(
    "keep-alive",
    Kind::Boolean,
    "`true`",
    "whether a connection stays open for more requests; over HTTP/2, it always does",
);

const CORS_PAGES: Key = Key::new(
    "cors",
    Kind::BooleanOrTable(&CORS),
    "none",
    "which pages of other origins may read the responses, as for `[[trigger.http]]`",
);

const ENCRYPTION: Key = Key::new(
    "tls",
    Kind::Table(&TLS),
    "no encryption",
    "what connections are encrypted with, as for `[[trigger.http]]`",
);

/// `[[trigger.invoke]]`.
pub static INVOKE: Section = Section {
    heading: "[[trigger.invoke]]",
    keys: &[
        Key::required(
            "component",
            Kind::Name,
            "the component to call, by its name",
        ),
        ADDR,
        Key::new(
            "functions",
            Kind::Texts,
            "all",
            "the functions that it offers, each an interface, or a function by its path without \
             the first slash: `[\"golem:examples/api\", \"ping\"]`",
        ),
        Key::new(
            "reuse",
            Kind::Number(1..=u32::MAX - 1),
            "1",
            "how many calls an instance answers, one after the other",
        ),
        MAX_BODY,
        Key::new(
            "path",
            Kind::Text,
            "`/`",
            "what its paths begin with: with `/api`, a function is at `/api/INTERFACE/FUNCTION`",
        ),
        HOST,
        HOST_HEADER,
        Key::new(
            "timeout",
            Kind::Duration,
            "the component's `timeout`",
            "how long a call may take, if that is less than the component's `timeout`; past it, \
             the response is 408",
        ),
        KEEP_ALIVE,
        CORS_PAGES,
        ENCRYPTION,
    ],
    others: None,
    help: "Calls of exported functions over HTTP.",
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
        ADDR,
        Key::new(
            "functions",
            Kind::Texts,
            "all",
            "the functions that it offers, as for `[[trigger.invoke]]`",
        ),
        MAX_BODY,
        Key::new(
            "path",
            Kind::Text,
            "`/workers`",
            "what its paths begin with: a function is at `/workers/NAME/INTERFACE/FUNCTION`",
        ),
        HOST,
        HOST_HEADER,
        Key::new(
            "timeout",
            Kind::Duration,
            "the component's `timeout`",
            "how long a request waits for its turn, if that is less than the component's `timeout`",
        ),
        KEEP_ALIVE,
        CORS_PAGES,
        ENCRYPTION,
    ],
    others: None,
    help: "Calls of durable workers over HTTP.",
};
