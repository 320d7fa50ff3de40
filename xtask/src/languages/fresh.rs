use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use crate::process::Done;

/// Makes files, unless they were made from the same inputs: files, folders, and lines that name
/// tools and options.
pub(super) fn make(
    outputs: &[PathBuf],
    inputs: &[PathBuf],
    tools: &[&str],
    make: impl FnOnce() -> Done,
) -> Done {
    let first = outputs.first().expect("something is made");
    let stamp = first.with_extension("made-from");
    let mut hasher = DefaultHasher::new();
    tools.hash(&mut hasher);
    for input in inputs {
        hash(input, &mut hasher)
            .map_err(|error| format!("cannot read {}: {error}", input.display()))?;
    }
    let wanted = format!("{:016x}\n", hasher.finish());
    let is_fresh = std::fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == wanted);
    if is_fresh && outputs.iter().all(|output| output.exists()) {
        return Ok(());
    }
    for output in outputs {
        drop(std::fs::remove_file(output));
    }
    make()?;
    std::fs::write(&stamp, wanted)
        .map_err(|error| format!("cannot write {}: {error}", stamp.display()))
}

fn hash(path: &Path, hasher: &mut DefaultHasher) -> std::io::Result<()> {
    if !path.is_dir() {
        std::fs::read(path)?.hash(hasher);
        return Ok(());
    }
    let entries = std::fs::read_dir(path)?;
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for entry in entries {
        entry.file_name().hash(hasher);
        hash(&entry, hasher)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::cell::Cell;

    #[test]
    fn a_file_is_made_again_when_an_input_a_tool_or_the_file_changed() {
        let folder = std::env::temp_dir().join(format!("keywell-fresh-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("sources")).unwrap();
        let source = folder.join("sources/a");
        let output = folder.join("made.wasm");
        let count = Cell::new(0);
        let made = |tool: &str| {
            let made = super::make(
                std::slice::from_ref(&output),
                &[folder.join("sources")],
                &[tool],
                || {
                    count.set(count.get() + 1);
                    std::fs::write(&output, "x").map_err(|error| error.to_string())
                },
            );
            made.unwrap();
            count.get()
        };
        std::fs::write(&source, "1").unwrap();
        assert_eq!((made("1"), made("1")), (1, 1));
        std::fs::write(&source, "2").unwrap();
        assert_eq!((made("1"), made("1")), (2, 2));
        assert_eq!((made("2"), made("2")), (3, 3));
        std::fs::remove_file(&output).unwrap();
        assert_eq!((made("2"), made("2")), (4, 4));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
