use super::calls::{INVOKE, WORKER_TRIGGER};
use super::component::COMPONENT;
use super::key::{Key, Kind, Section};
use super::limits::LIMITS;
use super::policy::POLICY;
use super::store::STORE;
use super::trigger::{COMMAND, HTTP, WATCH};
use super::worker::WORKER;

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
            "worker",
            Kind::Map(&Kind::Table(&WORKER)),
            "",
            "the durable workers, by name",
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
        Key::new(
            "health",
            Kind::Address,
            "",
            "where to answer GET /healthz and GET /readyz; port 0 takes a free one",
        ),
        Key::new(
            "build",
            Kind::Text,
            "",
            "the shell command by which `keywell dev` builds all components",
        ),
        Key::new(
            "provider",
            Kind::Map(&Kind::Text),
            "",
            "which images of capability providers, in wadm manifests beside this file, stand for \
             which built-in ones",
        ),
        Key::new(
            "policy",
            Kind::Map(&Kind::Table(&POLICY)),
            "",
            "where the secrets of policies are, in wadm manifests beside this file",
        ),
    ],
    others: None,
    help: "An application: its stores, its components, and the triggers that call them.",
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
        Key::new(
            "command",
            Kind::Tables(&COMMAND),
            "",
            "components that run once, as commands",
        ),
        Key::new(
            "invoke",
            Kind::Tables(&INVOKE),
            "",
            "triggers that call exported functions over HTTP",
        ),
        Key::new(
            "worker",
            Kind::Tables(&WORKER_TRIGGER),
            "",
            "triggers that call durable workers over HTTP",
        ),
    ],
    others: None,
    help: "What calls the components.",
};
