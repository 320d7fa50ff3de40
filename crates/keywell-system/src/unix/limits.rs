//! What the system lets a process have.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files this process may have open, if that is limited.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Raises the limit of open files as far as the system allows: by default it is often 1024, for the
/// sake of programs that know no more.
///
/// # Errors
///
/// Those of `setrlimit`.
pub fn raise_open_files() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return Ok(());
    }
    // macOS claims to have no limit, and allows this many (`OPEN_MAX`).
    let raised = if cfg!(target_os = "macos") && maximum.is_none() {
        Some(10_240)
    } else {
        maximum
    };
    let limit = Rlimit {
        current: raised,
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}
