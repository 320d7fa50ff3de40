use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

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
        let path = folder.join(member);
        let file = File::create_new(&path)?;
        file.try_lock()?;
        Ok(Self { path, _file: file })
    }

    /// Whether a member lived on this machine and does no more.
    pub(super) fn is_over(folder: &Path, member: &str) -> bool {
        // The name was read from a store, and is to be that of a file in the folder.
        if member.is_empty() || !member.bytes().all(|byte| byte.is_ascii_hexdigit()) {
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

    /// Ends it when nobody needs to hear of it any more.
    pub(super) fn end(self) {
        drop(fs::remove_file(&self.path));
    }
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
