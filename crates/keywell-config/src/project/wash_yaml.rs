use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser};

use super::settings::{Settings, Stored};
use super::wrong::{Wrong, wrong};
use crate::{Located, Place, Problem, Secret};

/// The keys that are read, each of them a text.
const KEYS: [&str; 5] = [
    "build.command",
    "build.component_path",
    "dev.address",
    "dev.wasi_keyvalue_redis_url",
    "dev.wasi_keyvalue_path",
];

/// What is before the names of the variables of builds, each of them a text.
const ENV: &str = "build.env.";

/// Reads `.wash/config.yaml`.
pub(super) fn read(text: &str) -> Result<Settings, Wrong> {
    let mut texts = texts(text)?;
    let env = env(&texts)?;
    let mut take = |key: &str| texts.remove(key);
    let redis = take("dev.wasi_keyvalue_redis_url").map(Stored::Redis);
    let folder = take("dev.wasi_keyvalue_path").map(Stored::Folder);
    Ok(Settings {
        name: None,
        is_rust: true,
        command: take("build.command").map(|command| command.value),
        env,
        folder: None,
        built: None,
        artifact: take("build.component_path").map(|path| path.value),
        address: take("dev.address"),
        store: redis.or(folder),
    })
}

/// The variables of builds, by name.
fn env(texts: &HashMap<String, Located<String>>) -> Result<Vec<(String, Secret)>, Wrong> {
    let mut env = Vec::new();
    for (path, value) in texts {
        let Some(name) = path.strip_prefix(ENV) else {
            continue;
        };
        if name.is_empty() || name.contains(['=', '\0']) || value.value.contains('\0') {
            let problem = format!("build.env: {name:?} is no name of a variable, or has no value");
            return Err(wrong(value.place, Problem::error(problem)));
        }
        env.push((name.to_owned(), Secret::from(value.value.clone())));
    }
    env.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(env)
}

/// A list or mapping that is open, and the key that comes next or is to get a value.
struct Open {
    is_mapping: bool,
    key: Option<String>,
}

/// The texts of the keys, by their paths. Nothing is kept of the rest, whatever it is.
fn texts(text: &str) -> Result<HashMap<String, Located<String>>, Wrong> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut texts = HashMap::new();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let problem = format!("this is no YAML: {}", error.info());
            wrong(place(*error.marker()), Problem::error(problem))
        })?;
        match event {
            Event::Scalar(text, ..) => {
                let text = text.into_owned();
                if let Some(mapping) = open.last_mut().filter(|open| open.is_mapping)
                    && mapping.key.is_none()
                {
                    mapping.key = Some(text);
                    continue;
                }
                if let Some(path) = path(&open) {
                    let place = place(span.start);
                    texts.insert(path, Located { value: text, place });
                }
                value_ends(&mut open);
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if let Some(path) = path(&open) {
                    let problem = Problem::error(format!("{path} should be a text"));
                    return Err(wrong(place(span.start), problem));
                }
                open.push(Open {
                    is_mapping: matches!(event, Event::MappingStart(..)),
                    key: None,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                value_ends(&mut open);
            }
            Event::Alias(_) => value_ends(&mut open),
            Event::DocumentEnd | Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
        }
    }
    Ok(texts)
}

/// The path of the value that comes, if it is one of the keys.
fn path(open: &[Open]) -> Option<String> {
    let keys: Option<Vec<&str>> = open.iter().map(|open| open.key.as_deref()).collect();
    let path = keys?.join(".");
    let is_read = KEYS.contains(&&*path) || path.starts_with(ENV);
    is_read.then_some(path)
}

fn value_ends(open: &mut [Open]) {
    if let Some(open) = open.last_mut() {
        open.key = None;
    }
}

/// The parser counts lines from one and columns from zero.
fn place(marker: Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
        ..Place::default()
    }
}
