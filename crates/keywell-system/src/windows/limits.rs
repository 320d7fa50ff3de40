//! What the system lets a process have.

use std::io;

/// How many files this process may have open, if that is limited.
pub fn open_files() -> Option<u64> {
    None
}

/// Raises the limit of open files as far as the system allows.
///
/// # Errors
///
/// None.
pub fn raise_open_files() -> io::Result<()> {
    Ok(())
}
