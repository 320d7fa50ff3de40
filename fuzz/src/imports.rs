use std::io::BufReader;

use bytes::Bytes;
use keywell_export::{Batches, Flaw, Line};
use keywell_store::layer::Limits;

/// So small that a short input goes past them.
const LIMITS: Limits = Limits {
    key_bytes: 12,
    value_bytes: 40,
    batch_keys: 10_000,
    batch_bytes: 64 << 20,
    ..Limits::NONE
};

/// Any bytes are entries within the limits, up to a flaw that is reported with its place; and the
/// entries are the same when they are exported and imported again.
pub fn imports(data: &[u8]) {
    let (entries, flaw) = import(data);
    for (key, value) in &entries {
        assert!(LIMITS.check_key(key).is_ok(), "{key:?} is imported");
        assert!(LIMITS.check_value(value.len()).is_ok());
    }
    if let Some(flaw) = flaw {
        check_flaw(data, entries.len(), &flaw);
    }
    let mut file = Vec::new();
    for (key, value) in &entries {
        file.extend(serde_json::to_vec(&Line::new(key, value)).expect("strings are JSON"));
        file.push(b'\n');
    }
    let (again, flaw) = import(&file);
    assert_eq!(again, entries);
    assert!(
        flaw.is_none(),
        "what was imported is exported with {flaw:?}"
    );
}

fn import(file: &[u8]) -> (Vec<(String, Bytes)>, Option<Flaw>) {
    // A buffer that lines do not fit into.
    let mut batches = Batches::new(BufReader::with_capacity(7, file), LIMITS);
    let (mut entries, mut flaw) = (Vec::new(), None);
    for batch in batches.by_ref() {
        assert!(flaw.is_none(), "something comes after a flaw");
        match batch {
            Ok(batch) => {
                assert!(!batch.entries.is_empty(), "a batch is of something");
                let batch = batch.entries.into_iter();
                entries.extend(batch.map(|entry| (entry.key, entry.value)));
            }
            Err(found) => flaw = Some(found),
        }
    }
    assert!(batches.next().is_none(), "the end is the end");
    (entries, flaw)
}

/// It names a line of the file, behind those of the entries before it, and a column within it.
fn check_flaw(file: &[u8], before: usize, flaw: &Flaw) {
    let Flaw::Line {
        line,
        column,
        problem,
    } = flaw
    else {
        panic!("bytes in memory can be read: {flaw}");
    };
    let text = flaw.to_string();
    assert!(!problem.is_empty() && !text.contains('\n'), "{text:?}");
    let line = usize::try_from(*line).expect("there are few lines");
    let mut lines = file.split(|byte| *byte == b'\n');
    let text_of_line = lines.nth(line - 1).expect("the line is in the file");
    assert!(line > before, "{before} entries stand before line {line}");
    if let Some(column) = column {
        assert!(
            (1..=text_of_line.len()).contains(column),
            "{text:?} of {text_of_line:?}"
        );
    }
}
