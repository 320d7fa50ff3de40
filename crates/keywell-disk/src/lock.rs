use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};

use keywell_folder::Folder;
use keywell_system::file::is_locked;
use keywell_system::process::{exists, program, started};

/// The lock of one process on a store: a locked file that names its holder.
///
/// The system releases the lock when its holder ends, for whatever reason. The name in the file is
/// read only while the lock is held, so a stale name has no effect.
#[derive(Debug)]
pub(crate) struct Lock(File);

/// The process that holds a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The process id, if the holder has signed the lock.
    pub pid: Option<u32>,
    /// The name of its program, if the system reports it.
    pub program: Option<String>,
}

#[derive(Debug)]
pub(crate) enum LockError {
    Held(Holder),
    Io(io::Error),
}

/// A process. Its start time distinguishes it from an earlier one with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    pid: u32,
    /// In ticks since boot, where the system says it.
    started: Option<u64>,
}

// === impl Lock ===

impl Lock {
    /// The name of the file in the folder of a store.
    pub(crate) const NAME: &str = "lock";

    /// Takes the lock, or fails with its holder. Never waits.
    pub(crate) fn take(folder: &Folder) -> Result<Self, LockError> {
        let mut file = folder.open_or_create(Self::NAME).map_err(LockError::Io)?;
        // The signature overwrites the content of the file.
        let is_ours = is_signature(&mut file).map_err(|error| {
            if is_locked(&error) {
                return LockError::Held(Holder::unknown());
            }
            LockError::Io(error)
        });
        if !is_ours? {
            let path = folder.path().join(Self::NAME);
            let what = "was not written by Keywell; move it away, or choose another folder";
            let refused = format!("{} {what}", path.display());
            return Err(LockError::Io(io::Error::new(
                io::ErrorKind::InvalidData,
                refused,
            )));
        }
        // Until a holder has signed, the file names the holder before it. A name counts only if that
        // process is alive; otherwise it is read again.
        let mut holder = Holder::unknown();
        for _ in 0..1000 {
            match file.try_lock() {
                Ok(()) => {
                    let mut lock = Self(file);
                    lock.sign().map_err(LockError::Io)?;
                    return Ok(lock);
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
            }
            if let Some(identity) = Identity::read(&mut file) {
                holder.pid = Some(identity.pid);
                if identity.lives() {
                    holder.program = program(identity.pid);
                    break;
                }
            }
            std::thread::yield_now();
        }
        Err(LockError::Held(holder))
    }

    fn sign(&mut self) -> io::Result<()> {
        let own = Identity::own();
        let started = own
            .started
            .map_or("-".to_owned(), |ticks| ticks.to_string());
        self.0.set_len(0)?;
        self.0.rewind()?;
        // One write, so that other processes read no partial signature.
        self.0
            .write_all(format!("{} {started}\n", own.pid).as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Optional: it spares other processes a stale name.
        let _ = self.0.set_len(0);
    }
}

// === impl Holder ===

impl Holder {
    /// A holder that has not signed.
    pub(crate) fn unknown() -> Self {
        Self {
            pid: None,
            program: None,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, &self.program) {
            (Some(pid), _) if pid == std::process::id() => {
                write!(f, "this process (pid {pid})")
            }
            (Some(pid), Some(program)) => write!(f, "process {pid} ({program})"),
            (Some(pid), None) => write!(
                f,
                "process {pid}, which is not visible from here (perhaps in another container)"
            ),
            (None, _) => f.write_str("another process, whose id is unknown"),
        }
    }
}

// === impl Identity ===

impl Identity {
    fn own() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            started: started(pid),
        }
    }

    /// The signature in the file, if it is complete.
    fn read(file: &mut File) -> Option<Self> {
        let mut text = String::new();
        file.rewind().ok()?;
        file.take(SIGNATURE_BYTES).read_to_string(&mut text).ok()?;
        let (pid, started) = text.strip_suffix('\n')?.split_once(' ')?;
        Some(Self {
            pid: pid.parse().ok()?,
            started: started.parse().ok(),
        })
    }

    fn lives(&self) -> bool {
        if self.started.is_some() {
            return started(self.pid) == self.started;
        }
        exists(self.pid)
    }
}

/// The longest signature, in bytes.
const SIGNATURE_BYTES: u64 = 64;

/// Whether a file holds only characters of a signature, or zeros, which a power loss can leave in
/// its place.
fn is_signature(file: &mut File) -> io::Result<bool> {
    let mut held = Vec::new();
    file.rewind()?;
    file.take(SIGNATURE_BYTES + 1).read_to_end(&mut held)?;
    let is_known = |byte: &u8| matches!(byte, b'0'..=b'9' | b' ' | b'-' | b'\n' | b'\0');
    Ok(held.len() as u64 <= SIGNATURE_BYTES && held.iter().all(is_known))
}

#[cfg(test)]
mod tests {
    use std::fs;
    #[cfg(unix)]
    use std::path::Path;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    struct Scratch {
        _parent: TempDir,
        folder: Folder,
    }

    impl Scratch {
        fn new() -> Self {
            let parent = tempfile::tempdir().unwrap();
            Self {
                folder: Folder::open(parent.path()).unwrap(),
                _parent: parent,
            }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join(Lock::NAME)
        }

        fn holder(&self) -> Holder {
            match Lock::take(&self.folder) {
                Err(LockError::Held(holder)) => holder,
                other => panic!("{other:?}"),
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_second_is_told_who_is_first() {
        let scratch = Scratch::new();
        let first = Lock::take(&scratch.folder).unwrap();
        let holder = scratch.holder();
        assert_eq!(holder.pid, Some(std::process::id()));
        assert!(holder.program.is_some());
        assert!(holder.to_string().contains("this process"));
        drop(first);
        Lock::take(&scratch.folder).unwrap();
    }

    #[test]
    fn a_name_left_behind_blocks_nobody() {
        let scratch = Scratch::new();
        for left in ["1 2\n", "1 -\n", "", "1", "\0\0\0\0"] {
            fs::write(scratch.path(), left).unwrap();
            Lock::take(&scratch.folder).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_left_behind_is_not_believed_of_another_process() {
        let scratch = Scratch::new();
        // Held by a process that has not signed yet, over the name of one that has ended: this id, but
        // with another start time.
        fs::write(scratch.path(), format!("{} 1\n", std::process::id())).unwrap();
        let file = File::open(scratch.path()).unwrap();
        file.lock().unwrap();
        assert_eq!(scratch.holder().program, None);
    }

    #[test]
    fn a_file_of_another_program_is_left_as_it_is() {
        let scratch = Scratch::new();
        let long = "1 2\n".repeat(100);
        for theirs in ["pid=17\n", "# lock\n", &long] {
            fs::write(scratch.path(), theirs).unwrap();
            let error = match Lock::take(&scratch.folder) {
                Err(LockError::Io(error)) => error.to_string(),
                other => panic!("{other:?}"),
            };
            assert!(error.contains("not written by Keywell"), "{error}");
            assert!(error.contains(scratch.path().to_str().unwrap()), "{error}");
            assert_eq!(fs::read_to_string(scratch.path()).unwrap(), theirs);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_truncates_nothing() {
        let scratch = Scratch::new();
        let elsewhere = tempfile::tempdir().unwrap();
        let victim = elsewhere.path().join("victim");
        // A valid stale signature.
        fs::write(&victim, "1 2\n").unwrap();
        std::os::unix::fs::symlink(&victim, scratch.path()).unwrap();
        let refused = Lock::take(&scratch.folder);
        assert!(matches!(refused, Err(LockError::Io(_))), "{refused:?}");
        assert_eq!(fs::read(&victim).unwrap(), b"1 2\n");
        assert!(Path::new(&scratch.path()).is_symlink());
    }

    /// Who is first cannot be read on Windows while the file is locked, though under Wine it can.
    #[cfg(windows)]
    #[test]
    fn the_second_is_told_that_there_is_a_first() {
        let scratch = Scratch::new();
        let first = Lock::take(&scratch.folder).unwrap();
        let pid = scratch.holder().pid;
        assert!(pid.is_none_or(|pid| pid == std::process::id()), "{pid:?}");
        drop(first);
        Lock::take(&scratch.folder).unwrap();
    }
}
