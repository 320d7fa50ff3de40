use super::key::{Key, Kind, Section};

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
            "snapshot-every",
            Kind::Number(0..=1_000_000_000),
            "100",
            "after how many invocations a snapshot is taken, where the component saves its state; 0 \
             for never",
        ),
        Key::new(
            "interrupted-requests",
            Kind::Text,
            "`stop`",
            "what becomes of an interrupted POST or PATCH request: `stop` the worker until `keywell \
             worker resolve`, `retry` it with the same idempotency key, or `fail` it",
        ),
    ],
    others: None,
    help: "A durable worker, or with `*` at the end of its name all whose names begin so.",
};
