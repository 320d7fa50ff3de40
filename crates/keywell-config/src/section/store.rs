use super::key::{Key, Kind, Section};
use super::secret::SECRET;

/// `[store.NAME]`.
pub static STORE: Section = Section {
    heading: "[store.NAME]",
    keys: &[Key::required(
        "url",
        Kind::Secret(&SECRET),
        "a URL as for `--store`; the path of `disk:PATH` starts at the folder of the file",
    )],
    others: Some(Kind::Setting(&SECRET)),
    help: "A store, which is opened once and shared by all components and triggers that use it.",
};
