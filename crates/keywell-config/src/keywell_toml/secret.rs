//! Values that may be secret: written as they are, or taken from the environment, a file or the state
//! folder.

use std::io::Read as _;
use std::path::Path;

use super::document::Document;
use crate::report::secrets;
use crate::{Located, Lookup, Place, Problem, Secret};

/// The largest file of a secret, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// The secret of `{ env = "NAME" }`, `{ file = "PATH" }` or `{ secret = "NAME" }`.
pub(super) fn found(
    document: &Document<'_>,
    what: &str,
    place: Place,
    env: Option<Located<String>>,
    file: Option<Located<String>>,
    secret: Option<Located<String>>,
) -> Option<Located<Secret>> {
    let found = match (env, file, secret) {
        (Some(name), None, None) => variable(document.lookup, &name.value)
            .map_err(|problem| (name.place, format!("the environment variable {problem}"))),
        (None, Some(path), None) => content(document.file, &path.value)
            .map(Secret::from)
            .map_err(|problem| (path.place, format!("the file {problem}"))),
        (None, None, Some(name)) => stored(document.lookup, &name.value)
            .map_err(|problem| (name.place, format!("the secret {problem}"))),
        _ => Err((place, "write one of env, file and secret".to_owned())),
    };
    match found {
        Ok(value) => Some(Located { value, place }),
        Err((place, problem)) => {
            document.wrong(place, Problem::error(format!("{what}: {problem}")));
            None
        }
    }
}

/// The value of an environment variable, or what is wrong with it.
pub(crate) fn variable(lookup: &dyn Lookup, name: &str) -> Result<Secret, String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(format!("{name:?} cannot be"));
    }
    let value = lookup.variable(name);
    let value = value.map_err(|problem| format!("{name} {problem}"))?;
    value.ok_or_else(|| format!("{name} is not set"))
}

fn stored(lookup: &dyn Lookup, name: &str) -> Result<Secret, String> {
    let value = lookup.secret(name);
    let value = value.map_err(|problem| format!("{name:?} {problem}"))?;
    let missing = || format!("{name:?} is not there; `keywell secret put {name}` makes it");
    value.ok_or_else(missing)
}

/// The text of a file, whose path starts at the folder of `config`, without the line end that editors
/// put behind it.
pub(crate) fn content(config: &Path, path: &str) -> Result<String, String> {
    let path = config.parent().unwrap_or(Path::new("")).join(path);
    let wrong = |problem: String| format!("{} {problem}", path.display());
    let cannot = |error: std::io::Error| wrong(format!("cannot be read: {error}"));
    // What is no file, such as a pipe, may never end, or not even begin.
    if !std::fs::metadata(&path).map_err(cannot)?.is_file() {
        return Err(wrong("is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).map_err(cannot)?;
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(cannot)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(format!("has more than {MAX_BYTES} bytes")));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8".to_owned()))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// Notes a password that stands in the file itself.
pub(super) fn note_password(document: &Document<'_>, text: &Located<String>) {
    if secrets::has_password(&text.value) {
        document.note_password(text.place);
    }
}
