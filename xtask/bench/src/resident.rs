use crate::Done;

/// What this process has in memory now, in bytes.
pub(crate) fn of_this() -> Done<f64> {
    of_process("self")
}

/// What a process has in memory now, in bytes.
pub(crate) fn of_process(id: &str) -> Done<f64> {
    let path = format!("/proc/{id}/status");
    let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    parse(&status).ok_or_else(|| format!("{path} has no resident memory").into())
}

fn parse(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_in_bytes() {
        let status = "Name:\tkeywell\nVmRSS:\t   22528 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(parse(status), Some(22528.0 * 1024.0));
        assert_eq!(parse("Name:\tkeywell\n"), None);
    }
}
