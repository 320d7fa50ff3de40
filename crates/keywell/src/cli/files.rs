use keywell_system::limits::raise_open_files;

/// Raises the limit of open files as far as the system allows: by default it is often 1024, for the
/// sake of programs that know no more.
pub(super) fn raise_limit() {
    if let Err(error) = raise_open_files() {
        tracing::warn!("cannot raise the limit of open files: {error}");
    }
}
