use super::settings::{Settings, Stored};
use crate::tree::{Key, Node, Value, find_repeated_key, yaml};
use crate::{Located, Problem, Secret};

/// Reads `.wash/config.yaml`.
pub(super) fn read(text: &str) -> Result<Settings, Problem> {
    let root = yaml::read(text)?.root;
    if let Some(repeated) = root.as_ref().and_then(find_repeated_key) {
        return Err(repeated);
    }
    let section = |name| Section {
        name,
        node: root.as_ref().and_then(|root| root.get(name)),
    };
    let (build, dev) = (section("build"), section("dev"));
    let redis = dev.text("wasi_keyvalue_redis_url")?.map(Stored::Redis);
    let folder = dev.text("wasi_keyvalue_path")?.map(Stored::Folder);
    Ok(Settings {
        name: None,
        is_rust: true,
        command: build.text("command")?.map(|command| command.value),
        env: env(&build)?,
        folder: None,
        built: None,
        artifact: build.text("component_path")?.map(|path| path.value),
        address: dev.text("address")?,
        store: redis.or(folder),
    })
}

/// The variables of builds, by name.
fn env(build: &Section<'_>) -> Result<Vec<(String, Secret)>, Problem> {
    let env = Section {
        name: "build.env",
        node: build.get("env"),
    };
    let mut variables = Vec::new();
    for (name, node) in env.entries()? {
        let name = &*name.value;
        let Located { value, place } = env.text_of(name, node)?;
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let problem = format!("build.env: {name:?} is no name of a variable, or has no value");
            return Err(Problem::error(problem).in_text(place));
        }
        variables.push((name.to_owned(), Secret::from(value)));
    }
    variables.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(variables)
}

/// A mapping, if it is there, and what messages call it.
struct Section<'n> {
    name: &'static str,
    node: Option<&'n Node<'n>>,
}

// === impl Section ===

impl<'n> Section<'n> {
    /// A value, unless it is absent or null.
    fn get(&self, key: &str) -> Option<&'n Node<'n>> {
        self.node?.get(key).filter(|node| !node.is_null())
    }

    fn text(&self, key: &str) -> Result<Option<Located<String>>, Problem> {
        let node = self.get(key);
        node.map(|node| self.text_of(key, node)).transpose()
    }

    fn text_of(&self, key: &str, node: &Node<'_>) -> Result<Located<String>, Problem> {
        let Some(text) = node.text() else {
            let problem = format!("{}.{key} should be a text", self.name);
            return Err(Problem::error(problem).in_text(node.place));
        };
        Ok(Located {
            value: text.to_owned(),
            place: node.place,
        })
    }

    fn entries(&self) -> Result<&'n [(Key<'n>, Node<'n>)], Problem> {
        let Some(node) = self.node else {
            return Ok(&[]);
        };
        let Value::Mapping(entries) = &node.value else {
            let problem = format!("{} should be a mapping of names to texts", self.name);
            return Err(Problem::error(problem).in_text(node.place));
        };
        Ok(entries)
    }
}
