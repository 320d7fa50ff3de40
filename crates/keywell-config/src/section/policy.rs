use super::key::{Key, Kind, Section};

/// `[policy.NAME]`.
pub static POLICY: Section = Section {
    heading: "[policy.NAME]",
    keys: &[
        Key::new(
            "backend",
            Kind::Text,
            "the section's name",
            "the backend whose policies it is for, whatever their names are: `nats-kv`",
        ),
        Key::new(
            "env",
            Kind::Text,
            "",
            "what the environment variables of its secrets begin with; behind it stands the key of \
             the secret in capitals, with `_` for all but letters and digits",
        ),
        Key::new(
            "folder",
            Kind::Path,
            "",
            "a folder with a file for each key, from the folder of this file; a line end behind \
             its text is left out",
        ),
        Key::new(
            "secrets",
            Kind::Boolean,
            "`false`",
            "whether they are those of `keywell secret`, by their keys",
        ),
    ],
    others: None,
    help: "Where the secrets of a policy of wadm manifests are: `env`, `folder` or `secrets`.",
};
