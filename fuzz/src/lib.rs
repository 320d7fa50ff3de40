//! What the fuzzers run: a function a target, which takes any bytes and panics at a defect.
//!
//! `cargo xtask fuzz` hands them bytes that it learns to choose; an ordinary test hands them what
//! was kept of those in `corpus/TARGET`, so that a defect once found is not made again unseen.
//!
//! A target is its function here, a line in [`TARGETS`], a few lines in `fuzz_targets`, a `[[bin]]`
//! in the manifest, and at least one file in its corpus.

#![forbid(unsafe_code)]

mod calls;
mod candidates;
mod counters;
mod cursors;
mod exports;
mod imports;
mod input;
mod limits;
mod listings;
mod plans;
mod printed;
mod projects;
mod records;
mod store_urls;
mod stores;
mod tokens;
mod wadm;

pub use calls::calls;
pub use candidates::candidates;
pub use counters::counters;
pub use cursors::cursors;
pub use exports::exports;
pub use imports::imports;
pub use keywell_nats::fuzzing::messages;
pub use limits::limits;
pub use listings::listings;
pub use plans::plans;
pub use projects::projects;
pub use records::records;
pub use store_urls::store_urls;
pub use tokens::tokens;
pub use wadm::wadm;

/// A target's name, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("calls", calls),
    ("candidates", candidates),
    ("counters", counters),
    ("cursors", cursors),
    ("exports", exports),
    ("imports", imports),
    ("limits", limits),
    ("listings", listings),
    ("messages", messages),
    ("plans", plans),
    ("projects", projects),
    ("records", records),
    ("store_urls", store_urls),
    ("tokens", tokens),
    ("wadm", wadm),
];
