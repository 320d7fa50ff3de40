use sysinfo::System;

/// How much memory all instances may have together unless it is said: three quarters of the
/// machine's or, where that is less, of the cgroup's.
pub(crate) fn usual_total() -> usize {
    let Ok(mut system) = System::new() else {
        return usize::MAX;
    };
    system.refresh_memory();
    let machine = system.total_memory();
    let cgroup = system.cgroup_limits().map(|limits| limits.total_memory);
    let bytes = cgroup.unwrap_or(machine).min(machine);
    if bytes == 0 {
        // The system does not say.
        return usize::MAX;
    }
    usize::try_from(bytes / 4 * 3).unwrap_or(usize::MAX)
}
