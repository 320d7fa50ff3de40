use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};

use keywell_system::file::Stamp;

/// How files were at some time. Two are equal if every file has the same content in both.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Content>);

#[derive(Clone, Copy, Debug)]
struct Content {
    stamp: Stamp,
    /// A digest of the bytes, or of the stamp of a file that cannot be read.
    digest: u64,
}

// === impl Snapshot ===

impl Snapshot {
    /// Reads the files that are not as they were seen. Those that are not there are left out.
    pub(super) fn read(files: impl IntoIterator<Item = PathBuf>, seen: &Self) -> Self {
        let files = files.into_iter().filter_map(|file| {
            let metadata = fs::metadata(&file).ok().filter(Metadata::is_file)?;
            let stamp = Stamp::of(&metadata);
            let known = seen.0.get(&file).filter(|known| known.stamp == stamp);
            let content = known.copied().unwrap_or_else(|| Content {
                stamp,
                digest: digest(&file, &stamp),
            });
            Some((file, content))
        });
        Self(files.collect())
    }

    /// The same files, each as it was seen before, if it was.
    pub(super) fn seen_as(&self, before: &Self) -> Self {
        let files = self.0.iter().map(|(file, now)| {
            let content = before.0.get(file).unwrap_or(now);
            (file.clone(), *content)
        });
        Self(files.collect())
    }
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        let digests = |(file, content): (&PathBuf, &Content)| (file.clone(), content.digest);
        let (own, others) = (self.0.iter().map(digests), other.0.iter().map(digests));
        own.eq(others)
    }
}

fn digest(file: &Path, stamp: &Stamp) -> u64 {
    let mut hasher = DefaultHasher::new();
    match fs::read(file) {
        Ok(bytes) => hasher.write(&bytes),
        Err(_) => std::hash::Hash::hash(stamp, &mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_changed_if_its_content_has() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let read = |seen: &Snapshot| Snapshot::read([file.clone()], seen);
        let absent = read(&Snapshot::default());
        fs::write(&file, "one").unwrap();
        let one = read(&absent);
        assert_ne!(one, absent);
        fs::write(&file, "two").unwrap();
        let two = read(&one);
        assert_ne!(two, one);
        // Another file of the same content, as editors that rename leave it.
        fs::write(folder.path().join("b"), "two").unwrap();
        fs::rename(folder.path().join("b"), &file).unwrap();
        assert_eq!(read(&two), two);
        fs::remove_file(&file).unwrap();
        assert_eq!(read(&two), absent);
    }

    #[test]
    fn a_file_that_was_seen_stays_as_it_was_seen() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        fs::write(&a, "one").unwrap();
        let seen = Snapshot::read([a.clone()], &Snapshot::default());
        fs::write(&a, "two").unwrap();
        fs::write(&b, "new").unwrap();
        let now = Snapshot::read([a.clone(), b.clone()], &seen);
        let kept = now.seen_as(&seen);
        assert_ne!(kept, now);
        fs::write(&a, "one").unwrap();
        assert_eq!(Snapshot::read([a, b], &kept), kept);
    }
}
