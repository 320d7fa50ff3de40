use super::key::{Key, Kind, Section};
use super::link::{GRANT, LINK};
use super::secret::SECRET;

/// `[component.NAME]`.
pub static COMPONENT: Section = Section {
    heading: "[component.NAME]",
    keys: &[
        Key::new(
            "path",
            Kind::Path,
            "this or `image`",
            "the component's file; a relative path starts at the folder of this file",
        ),
        Key::new(
            "image",
            Kind::Text,
            "this or `path`",
            "the [image](images.md) that has the component: `REGISTRY/NAME:TAG`, \
             `REGISTRY/NAME@sha256:DIGEST`",
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
            "config-sets",
            Kind::Texts,
            "none",
            "a list of [configuration sets](state.md) by name, whose values it reads too; a later set \
             wins, and `config` over all sets",
        ),
        Key::new(
            "outgoing",
            Kind::Texts,
            "none",
            "a list of hosts that it may send HTTP requests to: `HOST` (port 80 for http, 443 for \
             https), `HOST:PORT`, `HOST:*`, `*.HOST` for all under it, `*` for every one",
        ),
        Key::new(
            "tcp",
            Kind::Texts,
            "none",
            "a list of hosts that it may open TCP connections to, each `HOST:PORT`; with a name among \
             them, it may look up names",
        ),
        Key::new(
            "dirs",
            Kind::Map(&Kind::Text),
            "none",
            "a table of folders by the component's names for them: `\"/data\" = \"FOLDER\"`, or \
             `\"FOLDER:ro\"` to read only; a relative path starts at the folder of this file",
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
            "every-bucket",
            Kind::TextOrTable(&GRANT),
            "none",
            "in place of `store`: the bucket that every name not in `buckets` stands for, written as \
             one in `buckets`",
        ),
        Key::new(
            "links",
            Kind::Map(&Kind::Table(&LINK)),
            "none",
            "other links, by the names by which the component chooses them",
        ),
        Key::new(
            "secrets",
            Kind::Map(&Kind::Setting(&SECRET)),
            "none",
            "a table of values that the component reads by `wasmcloud:secrets`",
        ),
        Key::new(
            "instances",
            Kind::Number(0..=10_000),
            "that of `[limits]`",
            "how many instances of it may run at once, of all its triggers; calls past it wait; 0 \
             leaves its triggers out",
        ),
        Key::new(
            "imports",
            Kind::Map(&Kind::Name),
            "none",
            "a table of interfaces that other components answer: `\"NAMESPACE:PACKAGE/INTERFACE\" = \
             \"COMPONENT\"`, without a version",
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
        Key::new(
            "build",
            Kind::Text,
            "none",
            "the shell command by which `keywell dev` builds it, in the folder of this file",
        ),
    ],
    others: None,
    help: "A component, what it sees of the world, and what bounds it.",
};
