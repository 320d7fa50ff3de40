use super::key::{Key, Kind, Section};

/// `{ env = "NAME" }`, `{ file = "PATH" }` or `{ secret = "NAME" }`, in the place of a text that may be
/// secret.
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
        Key::new(
            "secret",
            Kind::Text,
            "",
            "the name of a secret of the state folder, put there by `keywell secret put NAME`",
        ),
    ],
    others: None,
    help: "Where a text is found that may be secret; one of the three.",
};
