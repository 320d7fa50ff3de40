//! The limits of docs/quotas, and the sizes of docs/storage-size.

use firestore_messages::google::firestore::v1::value::ValueType;
use firestore_messages::google::firestore::v1::{Document, Value};
use tonic::Status;

/// "Maximum API request size: 10 MiB".
pub(super) const REQUEST: usize = 10 << 20;
/// "Maximum size for a document: 1 MiB".
const DOCUMENT: usize = 1 << 20;
/// "Maximum size of a field value: 1 MiB - 89 bytes".
const FIELD: usize = (1 << 20) - 89;
/// "Maximum size for a document name: 6 KiB".
const NAME: usize = 6 << 10;
/// "Constraints on document IDs: must be no longer than 1,500 bytes".
const ID: usize = 1500;

/// The ids of a name behind `projects/P/databases/D/documents/`.
pub(super) fn ids(name: &str) -> Option<std::str::Split<'_, char>> {
    let mut parts = name.splitn(6, '/');
    let is = |part: Option<&str>, word: &str| part == Some(word);
    let is_name = is(parts.next(), "projects")
        && parts.next().is_some()
        && is(parts.next(), "databases")
        && parts.next().is_some()
        && is(parts.next(), "documents");
    let path = parts.next()?;
    is_name.then(|| path.split('/'))
}

pub(super) fn check_name(name: &str) -> Result<(), Status> {
    let refused = |what: &str| Err(Status::invalid_argument(format!("{what}: {name:.200}")));
    let Some(ids) = ids(name) else {
        return refused("no name of a document");
    };
    let mut count = 0;
    for id in ids {
        count += 1;
        let is_reserved = id.len() >= 4 && id.starts_with("__") && id.ends_with("__");
        if id.is_empty() || id == "." || id == ".." || is_reserved || id.len() > ID {
            return refused("an id that none can be");
        }
    }
    if count % 2 != 0 || name.len() > NAME {
        return refused("no name of a document, or too long");
    }
    Ok(())
}

pub(super) fn check_document(document: &Document) -> Result<(), Status> {
    let ids = ids(&document.name).into_iter().flatten();
    let name = 16 + ids.map(|id| id.len() + 1).sum::<usize>();
    let mut size = name + 32;
    for (field, value) in &document.fields {
        let value = size_of(value);
        if value > FIELD {
            let what = format!("The value of property \"{field}\" is longer than {FIELD} bytes.");
            return Err(Status::invalid_argument(what));
        }
        size += field.len() + 1 + value;
    }
    if size > DOCUMENT {
        let what = format!("Document cannot be written because its size ({size} bytes) exceeds");
        return Err(Status::invalid_argument(what));
    }
    Ok(())
}

fn size_of(value: &Value) -> usize {
    match &value.value_type {
        Some(ValueType::BytesValue(bytes)) => bytes.len(),
        Some(ValueType::StringValue(text)) => text.len() + 1,
        Some(ValueType::NullValue(_) | ValueType::BooleanValue(_)) => 1,
        _ => 8,
    }
}
