use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::folder::own_folder;

/// A file that is locked for as long as a member of a group lives on this machine.
///
/// The system lets go of the lock when the process ends, however it ends. So a process that starts
/// anew need not wait for the lease of the one that was killed. It proves a death, and never a life:
/// of members elsewhere there is no file, and their lease has to end.
pub(super) struct Life {
    path: PathBuf,
    /// Locked until it is closed.
    _file: File,
}

// === impl Life ===

impl Life {
    pub(super) fn begin(folder: &Path, member: &str) -> io::Result<Self> {
        own_folder(folder)?;
        Self::sweep(folder);
        let path = folder.join(member);
        let file = File::create_new(&path)?;
        file.try_lock()?;
        Ok(Self { path, _file: file })
    }

    /// Whether a member lived on this machine and does no more.
    pub(super) fn is_over(folder: &Path, member: &str) -> bool {
        // The name was read from a store, and is to be that of a file in the folder.
        if !is_member(member) {
            return false;
        }
        let path = folder.join(member);
        let Ok(file) = File::open(&path) else {
            return false;
        };
        match file.try_lock() {
            Ok(()) => {
                drop(fs::remove_file(&path));
                true
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        }
    }

    /// Removes what those left who died and whom nobody asked for.
    ///
    /// That they are dead is to be seen for a while yet: those who wait for their lease may look
    /// later. So a file that is old and locked by nobody is first written to, which is to say when
    /// that was noticed, and removed when that is as long ago.
    fn sweep(folder: &Path) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_member)) {
            let path = entry.path();
            // One that is new may be about to be locked.
            let is_old = |metadata: &fs::Metadata| {
                let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                metadata.is_file() && written.elapsed().is_ok_and(|age| age > Self::SEEN_FOR)
            };
            let Some(metadata) = entry.metadata().ok().filter(is_old) else {
                continue;
            };
            let file = File::options().append(true).open(&path);
            let Some(mut file) = file.ok().filter(|file| file.try_lock().is_ok()) else {
                continue;
            };
            let swept = if metadata.len() == 0 {
                file.write_all(b"dead\n")
            } else {
                fs::remove_file(&path)
            };
            if let Err(error) = swept {
                tracing::debug!(%error, "what a dead process left cannot be removed");
            }
        }
    }

    /// Longer than any lease.
    const SEEN_FOR: Duration = Duration::from_hours(24);

    /// Ends it when nobody needs to hear of it any more.
    pub(super) fn end(self) {
        drop(fs::remove_file(&self.path));
    }
}

fn is_member(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_gone_is_known_to_be_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("members");
        let lives = Life::begin(&folder, "aa").unwrap();
        assert!(!Life::is_over(&folder, "aa"));
        assert!(!Life::is_over(&folder, "bb"));
        drop(lives);
        assert!(Life::is_over(&folder, "aa"));
        assert!(!folder.join("aa").exists());
        Life::begin(&folder, "cc").unwrap().end();
        assert!(!Life::is_over(&folder, "cc"));
    }

    #[test]
    fn what_the_dead_left_is_removed_when_it_is_of_no_use_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let members = folder.path().join("members");
        let [living, old, new] = ["aa", "bb", "cc"].map(|member| {
            let life = Life::begin(&members, member).unwrap();
            (life, members.join(member))
        });
        let stranger = members.join("notes");
        fs::write(&stranger, "").unwrap();
        let age = |path: &Path| {
            let long_ago = SystemTime::now() - Life::SEEN_FOR - Duration::from_secs(1);
            let file = File::options().append(true).open(path).unwrap();
            file.set_modified(long_ago).unwrap();
        };
        drop((old.0, new.0));
        let mut left = Vec::new();
        for _ in 0..3 {
            for path in [&living.1, &old.1, &stranger] {
                if path.exists() {
                    age(path);
                }
            }
            Life::sweep(&members);
            left.push(old.1.exists());
        }
        assert_eq!(left, [true, false, false], "its death is seen for a while");
        assert!(new.1.exists() && stranger.exists());
        assert!(!Life::is_over(&members, "aa") && Life::is_over(&members, "cc"));
    }

    #[test]
    fn a_name_leads_to_no_other_folder() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("aa");
        fs::write(&outside, "").unwrap();
        let members = folder.path().join("members");
        own_folder(&members).unwrap();
        for name in ["../aa", "", ".", outside.to_str().unwrap()] {
            assert!(!Life::is_over(&members, name), "{name}");
        }
        assert!(outside.exists());
    }
}
