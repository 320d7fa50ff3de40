use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use keywell_folder::Folder;

use crate::folder::{existing_own_folder, own_folder};

/// A file that is locked for as long as a member of a group lives on this machine.
///
/// The system lets go of the lock when the process ends, however it ends. So a process that starts
/// anew need not wait for the lease of the one that was killed. It proves a death, and never a life:
/// of members elsewhere there is no file, and their lease has to end.
pub(crate) struct Life {
    folder: Folder,
    member: String,
    /// Locked until it is closed.
    _file: File,
}

// === impl Life ===

impl Life {
    pub(crate) fn begin(folder: &Path, member: &str) -> io::Result<Self> {
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

    /// Whether a member lived on this machine and does no more.
    pub(crate) fn is_over(folder: &Path, member: &str) -> bool {
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

    /// Removes what those left who died and whom nobody asked for.
    ///
    /// That they are dead is to be seen for a while yet: those who wait for their lease may look
    /// later. So a file that is old and locked by nobody is first written to, which is to say when
    /// that was noticed, and removed when that is as long ago.
    fn sweep(folder: &Folder) {
        let names = folder.names().unwrap_or_default();
        for name in names.iter().filter(|name| is_member(name)) {
            let Ok(mut file) = folder.open_to_write(name) else {
                continue;
            };
            let Ok(metadata) = file.metadata() else {
                continue;
            };
            // One that is new may be about to be locked.
            let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let is_old = written.elapsed().is_ok_and(|age| age > Self::SEEN_FOR);
            if !is_old || file.try_lock().is_err() {
                continue;
            }
            let swept = if metadata.len() == 0 {
                file.write_all(b"dead\n")
            } else {
                folder.remove(name).map(drop)
            };
            if let Err(error) = swept {
                tracing::debug!(%error, "what a dead process left cannot be removed");
            }
        }
    }

    /// Longer than any lease.
    const SEEN_FOR: Duration = Duration::from_hours(24);

    /// Ends it when nobody needs to hear of it any more.
    pub(crate) fn end(self) {
        drop(self.folder.remove(&self.member));
    }
}

fn is_member(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

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
            Life::sweep(&Folder::open(&members).unwrap());
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

    #[test]
    fn a_link_proves_no_death_and_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        let long_ago = SystemTime::now() - Life::SEEN_FOR - Duration::from_secs(1);
        File::create(&outside)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        let members = folder.path().join("members");
        let members_folder = own_folder(&members).unwrap();
        symlink(&outside, members.join("aa")).unwrap();
        assert!(!Life::is_over(&members, "aa"));
        Life::sweep(&members_folder);
        assert_eq!(fs::read(&outside).unwrap(), b"");
        assert!(Life::begin(&members, "aa").is_err());
        assert!(outside.exists());
    }
}
