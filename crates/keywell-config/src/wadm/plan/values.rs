use super::application::Application;
use super::context::Context;
use super::secret;
use crate::report::secrets::has_password;
use crate::wadm::settings::{ConfigItem, SecretItem};
use crate::{Located, Place, Problem, Secret};

/// What a component, or a side of a link, is configured with. Of two with one key the later counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    entries: Vec<(Located<String>, Located<Secret>)>,
    /// How many of the entries are secrets: they are the last.
    secrets: usize,
}

const NO_PASSWORD: &str = "make it a secret, and map its policy in a keywell.toml";

// === impl Values ===

impl Values {
    /// Reads sets of configuration.
    pub(super) fn read<'a>(
        context: &Context<'a>,
        application: &'a Application,
        items: &'a [ConfigItem],
    ) -> Self {
        let mut values = Self::default();
        for item in items {
            values.add(context, application, item);
        }
        values
    }

    /// Reads sets of configuration and secrets, which win.
    pub(super) fn with_secrets<'a>(
        context: &Context<'a>,
        application: &'a Application,
        items: &'a [ConfigItem],
        secrets: &[SecretItem],
    ) -> Self {
        let mut values = Self::read(context, application, items);
        for item in secrets {
            if let Some(value) = secret::read(context, application, item) {
                values.push(application.located(&item.name), value);
                values.secrets += 1;
            }
        }
        values
    }

    /// Those of a set of `keywell config`, at the place where it is named.
    pub(super) fn of_set(set: Vec<(String, String)>, place: Place) -> Self {
        let values = set.into_iter().map(|(key, value)| {
            let value = Secret::from(value);
            (Located { value: key, place }, Located { value, place })
        });
        Self {
            entries: values.collect(),
            secrets: 0,
        }
    }

    pub(super) fn push(&mut self, key: Located<String>, value: Located<Secret>) {
        self.entries.push((key, value));
    }

    fn add<'a>(
        &mut self,
        context: &Context<'a>,
        application: &'a Application,
        item: &'a ConfigItem,
    ) {
        if item.properties.is_some() {
            self.add_own(context, application, item);
            return;
        }
        let name = application.located(&item.name);
        let set = context.given.lookup.config_set(&name.value);
        if let Ok(Some(set)) = set {
            if set.iter().any(|(_, value)| has_password(value)) {
                let problem = format!(
                    "the configuration set {} has a URL with a password as plain text",
                    name.value
                );
                let problem = Problem::warning(problem).help(NO_PASSWORD);
                context.wrong(name.place, problem);
            }
            self.entries.extend(Self::of_set(set, name.place).entries);
        } else if let Some((application, item)) = context.set(application, &item.name) {
            self.add_own(context, application, item);
        } else {
            let name_of = &name.value;
            let problem = match set {
                Err(problem) => format!("the configuration set {name_of} {problem}"),
                Ok(_) => format!("there is no configuration set {name_of}"),
            };
            let help = "make it with keywell config put, or give it properties here";
            context.wrong(name.place, Problem::error(problem).help(help));
        }
    }

    fn add_own(&mut self, context: &Context<'_>, application: &Application, item: &ConfigItem) {
        for property in item.properties.iter().flatten() {
            let value = application.located(&property.value);
            if has_password(value.expose()) {
                let problem = Problem::warning("a URL in this file has a password as plain text");
                context.wrong_once("password", value.place, problem.help(NO_PASSWORD));
            }
            self.push(application.located(&property.name), value);
        }
    }

    /// The value of a key, in capitals or not.
    pub(super) fn get(&self, key: &str) -> Option<&Located<Secret>> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Whether the value of a key is a secret.
    pub(super) fn is_secret(&self, key: &str) -> bool {
        let first = self.entries.len() - self.secrets;
        self.entry(key).is_some_and(|(index, _)| index >= first)
    }

    fn entry(&self, key: &str) -> Option<(usize, &Located<Secret>)> {
        let mut entries = self.entries.iter().enumerate().rev();
        let found = entries.find(|(_, (own, _))| own.eq_ignore_ascii_case(key));
        found.map(|(index, (_, value))| (index, value))
    }

    /// As [`get`](Self::get), as a text.
    pub(super) fn text(&self, key: &str) -> Option<Located<String>> {
        self.get(key).map(|value| Located {
            value: value.expose().to_owned(),
            place: value.place,
        })
    }

    /// Whether a key is true; anything but true and false is reported.
    pub(super) fn is_true(&self, context: &Context<'_>, key: &str) -> bool {
        let Some(text) = self.text(key) else {
            return false;
        };
        let text_of = text.trim().to_ascii_lowercase();
        if !matches!(&*text_of, "true" | "false") {
            let problem = Problem::error(format!("{key} should be \"true\" or \"false\""));
            context.wrong(text.place, problem);
        }
        text_of == "true"
    }

    /// Warns of keys that have no effect on what they are given to.
    pub(super) fn warn_of_unread(&self, context: &Context<'_>, known: &[&str], what: &str) {
        for (key, _) in &self.entries {
            if known.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                continue;
            }
            let problem = Problem::warning(format!("{} has no effect on {what}", key.value));
            let problem = if key.to_ascii_lowercase().starts_with("otel_") {
                problem.help("nothing is sent to a collector")
            } else {
                problem.did_you_mean(&key.replace('-', "_"), known.iter().copied())
            };
            context.wrong(key.place, problem);
        }
    }

    /// Each key once, with its last value, in the order of first use.
    pub(super) fn into_texts(self) -> Vec<(String, String)> {
        let mut texts: Vec<(String, String)> = Vec::new();
        for (key, value) in self.entries {
            let value = value.expose().to_owned();
            match texts.iter_mut().find(|(known, _)| *known == key.value) {
                Some((_, known)) => *known = value,
                None => texts.push((key.value, value)),
            }
        }
        texts
    }
}
