//! The lock file of a member, in a folder that the processes of one machine have in common.
//!
//! - A file that exists and is not locked proves that its member has ended: the system releases the
//!   lock when the process ends, however it ends.
//! - No file proves nothing: the member may run on another machine, and its lease has to expire.
//! - A name that was read from a store leads to no file outside the folder.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use keywell_folder::Folder;

use crate::folder::{existing_own_folder, own_folder};

/// A file that is locked for as long as a member lives.
pub(crate) struct LockFile {
    folder: Folder,
    member: String,
    /// Locked until it is closed.
    _file: File,
}

// === impl LockFile ===

impl LockFile {
    pub(crate) fn create(folder: &Path, member: &str) -> io::Result<Self> {
        let folder = own_folder(folder)?;
        Self::sweep(&folder);
        let file = folder.create_new(member)?;
        file.try_lock()?;
        Ok(Self {
            folder,
            member: member.to_owned(),
            _file: file,
        })
    }

    /// Returns whether a member ran on this machine and has ended, and removes its file if so.
    pub(crate) fn reap(folder: &Path, member: &str) -> bool {
        // The name was read from a store, and is to be that of a file in the folder.
        if !is_member(member) {
            return false;
        }
        let Ok(folder) = existing_own_folder(folder) else {
            return false;
        };
        let Ok(file) = folder.open_to_read(member) else {
            return false;
        };
        match file.try_lock() {
            Ok(()) => {
                drop(folder.remove(member));
                true
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        }
    }

    /// Removes files of members that ended and that no other member has reaped.
    ///
    /// They stay for a while, as members that wait for a lease to expire may look later. So the first
    /// sweep that finds an old file unlocked writes to it, which sets its time, and a sweep that
    /// finds it old again removes it.
    fn sweep(folder: &Folder) {
        let names = folder.names().unwrap_or_default();
        for name in names.iter().filter(|name| is_member(name)) {
            let Ok(mut file) = folder.open_to_write(name) else {
                continue;
            };
            let Ok(metadata) = file.metadata() else {
                continue;
            };
            // A new file may be about to be locked.
            let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let is_old = written.elapsed().is_ok_and(|age| age > Self::KEPT_FOR);
            if !is_old || file.try_lock().is_err() {
                continue;
            }
            let swept = if metadata.len() == 0 {
                file.write_all(b"dead\n")
            } else {
                folder.remove(name).map(drop)
            };
            if let Err(error) = swept {
                tracing::debug!(%error, "the lock file of a process that ended cannot be removed");
            }
        }
    }

    /// Longer than any lease.
    const KEPT_FOR: Duration = Duration::from_hours(24);

    /// Removes the file of a member that left its group.
    pub(crate) fn remove(self) {
        drop(self.folder.remove(&self.member));
    }
}

fn is_member(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::fs;
    #[cfg(unix)]
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_member_that_ended_is_known_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("members");
        let lock = LockFile::create(&folder, "aa").unwrap();
        assert!(!LockFile::reap(&folder, "aa"));
        assert!(!LockFile::reap(&folder, "bb"));
        drop(lock);
        assert!(LockFile::reap(&folder, "aa"));
        assert!(!folder.join("aa").exists());
        LockFile::create(&folder, "cc").unwrap().remove();
        assert!(!LockFile::reap(&folder, "cc"));
    }

    #[test]
    fn files_of_members_that_ended_are_removed_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let members = folder.path().join("members");
        let [living, old, new] = ["aa", "bb", "cc"].map(|member| {
            let lock = LockFile::create(&members, member).unwrap();
            (lock, members.join(member))
        });
        let stranger = members.join("notes");
        fs::write(&stranger, "").unwrap();
        let age = |path: &Path| {
            let long_ago = SystemTime::now() - LockFile::KEPT_FOR - Duration::from_secs(1);
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
            LockFile::sweep(&Folder::open(&members).unwrap());
            left.push(old.1.exists());
        }
        assert_eq!(
            left,
            [true, false, false],
            "its end can be seen for a while"
        );
        assert!(new.1.exists() && stranger.exists());
        assert!(!LockFile::reap(&members, "aa") && LockFile::reap(&members, "cc"));
    }

    #[test]
    fn a_name_leads_to_no_other_folder() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("aa");
        fs::write(&outside, "").unwrap();
        let members = folder.path().join("members");
        own_folder(&members).unwrap();
        for name in ["../aa", "", ".", outside.to_str().unwrap()] {
            assert!(!LockFile::reap(&members, name), "{name}");
        }
        assert!(outside.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_proves_nothing_and_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        let long_ago = SystemTime::now() - LockFile::KEPT_FOR - Duration::from_secs(1);
        File::create(&outside)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        let members = folder.path().join("members");
        let members_folder = own_folder(&members).unwrap();
        symlink(&outside, members.join("aa")).unwrap();
        assert!(!LockFile::reap(&members, "aa"));
        LockFile::sweep(&members_folder);
        assert_eq!(fs::read(&outside).unwrap(), b"");
        assert!(LockFile::create(&members, "aa").is_err());
        assert!(outside.exists());
    }
}
