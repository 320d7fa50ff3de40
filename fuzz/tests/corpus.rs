//! What the fuzzers kept is run again, without them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use keywell_fuzz::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_the_fuzzers_kept_still_passes() {
    for (name, target) in TARGETS {
        let kept = files(&folder("corpus").join(name));
        assert!(!kept.is_empty(), "{name} has no corpus");
        for file in kept {
            let data = fs::read(&file).unwrap();
            // Captured unless it fails, and then the last line says where.
            println!("{}", file.display());
            target(&data);
        }
    }
}

#[test]
fn every_target_is_a_fuzzer_with_a_corpus() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    for of in ["fuzz_targets", "corpus"] {
        let found = files(&folder(of));
        let found: Vec<_> = found.iter().map(|file| file.file_stem().unwrap()).collect();
        assert_eq!(found, names, "{of}");
    }
}

#[test]
fn the_kept_corpora_are_small() {
    for (name, _) in TARGETS {
        let kept = files(&folder("corpus").join(name));
        let bytes: u64 = kept.iter().map(|file| file.metadata().unwrap().len()).sum();
        assert!(bytes <= 16 << 10, "the corpus of {name} has {bytes} bytes");
    }
}
