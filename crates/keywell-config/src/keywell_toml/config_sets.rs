use super::document::Document;
use super::read::Read;
use crate::report::secrets;
use crate::{Located, Place, Problem};

/// The values of the configuration sets that a component names, in the order of their names.
#[derive(Default)]
pub(super) struct ConfigSets {
    pub(super) values: Vec<(String, String)>,
    /// What the last set that has a `watch` says of it, at the name of the set.
    pub(super) watch: Option<SetWatch>,
}

/// A watch that a configuration set asks for.
pub(super) struct SetWatch {
    /// The set.
    pub(super) set: String,
    /// The changes: `SET@key,DEL@key`.
    pub(super) on: Located<String>,
    /// The `url` beside it, which nothing uses.
    pub(super) url: Option<String>,
}

// === impl ConfigSets ===

impl ConfigSets {
    /// Looks up the sets of these names, or reports that they are not there.
    pub(super) fn read(
        document: &Document<'_>,
        names: Read<Located<Vec<Located<String>>>>,
    ) -> Self {
        let mut sets = Self::default();
        for name in names.ok().into_iter().flat_map(|names| names.value) {
            if let Some(values) = find(document, &name) {
                sets.add(document, &name, values);
            }
        }
        sets
    }

    fn add(&mut self, document: &Document<'_>, name: &Located<String>, set: Vec<(String, String)>) {
        let value = |wanted: &str| {
            let entry = set.iter().rev().find(|(key, _)| key == wanted);
            entry.map(|(_, value)| value.clone())
        };
        if let Some(on) = value("watch") {
            self.watch = Some(SetWatch {
                set: name.value.clone(),
                on: Located {
                    value: on,
                    place: name.place,
                },
                url: value("url"),
            });
        }
        if set.iter().any(|(_, value)| secrets::has_password(value)) {
            warn_of_password(document, &name.value, name.place);
        }
        self.values.extend(set);
    }
}

fn find(document: &Document<'_>, name: &Located<String>) -> Option<Vec<(String, String)>> {
    let problem = match document.lookup.config_set(&name.value) {
        Ok(Some(set)) => return Some(set),
        Ok(None) => {
            let problem = Problem::error(format!("there is no configuration set {:?}", name.value));
            problem.help(format!(
                "`keywell config put {} KEY=VALUE` makes it",
                name.value
            ))
        }
        Err(problem) => Problem::error(format!("the configuration set {:?} {problem}", name.value)),
    };
    document.wrong(name.place, problem);
    None
}

fn warn_of_password(document: &Document<'_>, name: &str, place: Place) {
    let problem = format!("the configuration set {name:?} has a URL with a password as plain text");
    let help = "write that value in `config` of the component, as { secret = \"NAME\" }";
    document.wrong(place, Problem::warning(problem).help(help));
}
