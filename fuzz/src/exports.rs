use arbitrary::Arbitrary;
use keywell_export::{Batches, Line};
use keywell_store::layer::Limits;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    /// Whether lines end as on Windows, and whether blank ones are among them.
    carriage_returns: bool,
    blank_lines: bool,
    entries: Vec<(&'a str, &'a [u8])>,
}

/// What is exported is imported again, entry by entry, in order.
pub fn exports(data: &[u8]) {
    let Some(input) = crate::input::read::<Input<'_>>(data) else {
        return;
    };
    let mut file = Vec::new();
    let mut exported = Vec::new();
    for (key, value) in &input.entries {
        // No store holds such a key, and so no export has one.
        if key.is_empty() || key.len() > Limits::default().key_bytes {
            continue;
        }
        let line = serde_json::to_vec(&Line::new(key, value)).expect("strings are JSON");
        assert!(!line.contains(&b'\n'), "an entry is one line");
        file.extend(line);
        if input.carriage_returns {
            file.push(b'\r');
        }
        file.push(b'\n');
        if input.blank_lines {
            file.extend(b" \t\n\r\n");
        }
        exported.push(((*key).to_owned(), value.to_vec()));
    }
    let mut imported = Vec::new();
    for batch in Batches::new(&file[..], Limits::default()) {
        let batch = batch.unwrap_or_else(|flaw| panic!("an export has a flaw: {flaw}"));
        let entries = batch.entries.into_iter();
        imported.extend(entries.map(|entry| (entry.key, entry.value.to_vec())));
    }
    assert_eq!(imported, exported);
}
