use super::key::{Key, Kind, Section};

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
