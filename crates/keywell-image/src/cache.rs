//! The folder of images that were pulled: manifests and layers by their digests, and for each tag
//! the digest that it had last.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use keywell_folder::{Draft, Folder};

use crate::digest::Digest;
use crate::manifest::MAX_BYTES;
use crate::reference::ImageReference;

/// A folder that only this user may write to.
pub(crate) struct Cache {
    folder: Folder,
}

/// The bytes that are kept. Past them, the least recently used is evicted first.
const MOST: u64 = 2 << 30;

/// What was used within this time is not evicted: its application may not have loaded it yet.
const RECENT: Duration = Duration::from_hours(1);

// === impl Cache ===

impl Cache {
    /// Makes the folder if it is not there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let folder = Folder::make(path)?.owned_alone()?;
        if let Err(error) = Draft::sweep(&folder) {
            tracing::debug!("cannot remove left-over drafts of images: {error}");
        }
        Ok(Self { folder })
    }

    /// The manifest of this digest, if it is kept and undamaged.
    pub(crate) fn manifest(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        self.blob(&manifest_name(digest), digest)
    }

    pub(crate) fn keep_manifest(&self, digest: &Digest, manifest: &[u8]) -> io::Result<()> {
        self.keep(&manifest_name(digest), manifest)
    }

    /// The layer of this digest, if it is kept and undamaged.
    pub(crate) fn layer(&self, digest: &Digest) -> io::Result<Option<PathBuf>> {
        let name = layer_name(digest);
        let layer = self.blob(&name, digest)?;
        Ok(layer.map(|_| self.folder.path().join(name)))
    }

    pub(crate) fn keep_layer(&self, digest: &Digest, layer: &[u8]) -> io::Result<PathBuf> {
        let name = layer_name(digest);
        self.keep(&name, layer)?;
        Ok(self.folder.path().join(name))
    }

    /// The digest that a tag had last, if that is known.
    pub(crate) fn tag(&self, reference: &ImageReference) -> io::Result<Option<Digest>> {
        let text = self.read(&tag_name(reference))?;
        let text = text.and_then(|text| String::from_utf8(text).ok());
        Ok(text.and_then(|text| Digest::parse(text.trim_end())))
    }

    pub(crate) fn keep_tag(&self, reference: &ImageReference, digest: &Digest) -> io::Result<()> {
        self.keep(&tag_name(reference), format!("{digest}\n").as_bytes())
    }

    fn blob(&self, name: &str, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        let blob = self.read(name)?;
        Ok(blob.filter(|blob| {
            let is_whole = Digest::of(blob) == *digest;
            if !is_whole {
                let path = self.folder.path().join(name);
                tracing::warn!("{} is damaged, and is not used", path.display());
            }
            is_whole
        }))
    }

    /// Evicts the least recently used, if there is more than is kept.
    pub(crate) fn shrink(&self) {
        let Some(before) = SystemTime::now().checked_sub(RECENT) else {
            return;
        };
        if let Err(error) = self.shrink_to(MOST, before) {
            tracing::debug!("cannot remove images that were not used for long: {error}");
        }
    }

    /// As [`shrink`](Self::shrink), to so many bytes, and only what was last used before then.
    fn shrink_to(&self, most: u64, before: SystemTime) -> io::Result<()> {
        let mut kept = Vec::new();
        for name in self.folder.names()? {
            // Another process may have removed it.
            let file = self.folder.open_to_read(&name);
            if KINDS.iter().any(|kind| name.starts_with(kind))
                && let Ok(metadata) = file.and_then(|file| file.metadata())
            {
                kept.push((metadata.modified()?, metadata.len(), name));
            }
        }
        kept.sort();
        let mut bytes: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
        for (used, size, name) in kept {
            if bytes <= most || used >= before {
                break;
            }
            self.folder.remove(&name)?;
            bytes -= size;
        }
        Ok(())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let read = |file: File| {
            // When it was used; what is not known is as when it was downloaded.
            let _ = file.set_modified(SystemTime::now());
            let mut bytes = Vec::new();
            file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match self.folder.open_to_read(name).and_then(read) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut draft = self.folder.draft()?;
        draft.file().write_all(bytes)?;
        // The folder is not synced: a name that is lost with the power costs a download.
        draft.keep(name)
    }
}

/// How the names of its files begin.
const KINDS: [&str; 3] = ["manifest-", "layer-", "tag-"];

fn manifest_name(digest: &Digest) -> String {
    format!("manifest-{}.json", digest.digits())
}

fn layer_name(digest: &Digest) -> String {
    format!("layer-{}.wasm", digest.digits())
}

fn tag_name(reference: &ImageReference) -> String {
    let digest = Digest::of(reference.canonical().as_bytes());
    format!("tag-{}", digest.digits())
}

#[cfg(test)]
mod tests {
    use std::fs;
    #[cfg(unix)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_damaged_is_as_what_is_missing() {
        let parent = tempfile::tempdir().unwrap();
        let cache = Cache::open(&parent.path().join("images")).unwrap();
        let digest = Digest::of(b"layer");
        assert_eq!(cache.layer(&digest).unwrap(), None);
        let path = cache.keep_layer(&digest, b"layer").unwrap();
        assert_eq!(cache.layer(&digest).unwrap(), Some(path.clone()));
        assert_eq!(fs::read(&path).unwrap(), b"layer");
        for damaged in [&b"laye"[..], b"layer!", b"loyer", b""] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(cache.layer(&digest).unwrap(), None);
        }
    }

    #[test]
    fn a_tag_has_the_digest_that_it_had_last() {
        let parent = tempfile::tempdir().unwrap();
        let cache = Cache::open(parent.path()).unwrap();
        let reference: ImageReference = "localhost/x:1".parse().unwrap();
        let same: ImageReference = "oci://localhost/x:1".parse().unwrap();
        let other: ImageReference = "localhost/x:2".parse().unwrap();
        assert_eq!(cache.tag(&reference).unwrap(), None);
        for content in [b"one", b"two"] {
            let digest = Digest::of(content);
            cache.keep_tag(&reference, &digest).unwrap();
            assert_eq!(cache.tag(&same).unwrap(), Some(digest));
        }
        assert_eq!(cache.tag(&other).unwrap(), None);
    }

    #[test]
    fn what_was_not_used_for_the_longest_goes_first_and_what_was_used_just_now_stays() {
        let parent = tempfile::tempdir().unwrap();
        let cache = Cache::open(parent.path()).unwrap();
        fs::write(parent.path().join("note"), [0; 1000]).unwrap();
        let now = SystemTime::now();
        let ago = |hours| now - Duration::from_hours(hours);
        let layers: Vec<Digest> = (0..4_u64)
            .map(|at| {
                let layer = [u8::try_from(at).unwrap(); 100];
                let digest = Digest::of(&layer);
                let path = cache.keep_layer(&digest, &layer).unwrap();
                let file = File::options().write(true).open(path).unwrap();
                file.set_modified(ago(9 - at)).unwrap();
                digest
            })
            .collect();
        let here = || -> Vec<bool> {
            let paths = layers
                .iter()
                .map(|digest| parent.path().join(layer_name(digest)));
            paths.map(|path| path.exists()).collect()
        };
        cache.shrink_to(400, ago(1)).unwrap();
        assert_eq!(here(), [true, true, true, true]);
        // Used now, though it was downloaded before all others.
        assert!(cache.layer(&layers[0]).unwrap().is_some());
        cache.shrink_to(399, ago(1)).unwrap();
        assert_eq!(here(), [true, false, true, true]);
        cache.shrink_to(100, ago(1)).unwrap();
        assert_eq!(here(), [true, false, false, false]);
        cache.shrink_to(0, ago(1)).unwrap();
        assert_eq!(here(), [true, false, false, false]);
        cache.shrink_to(0, now + Duration::from_hours(1)).unwrap();
        assert_eq!(here(), [false, false, false, false]);
        // It is not ours.
        assert!(parent.path().join("note").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_write_to_keeps_no_images() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("images");
        drop(Cache::open(&path).unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o770)).unwrap();
        let error = Cache::open(&path).map(drop).unwrap_err();
        assert!(error.to_string().contains("chmod go-w"), "{error}");
    }
}
