//! The store and the lock files that simulated processes have in common.

use std::collections::BTreeSet;

use super::super::record::Record;
use super::process::Process;

#[derive(Default)]
pub(super) struct Store {
    stored: Option<(Record, u64)>,
    version: u64,
    lock_files: BTreeSet<String>,
}

// === impl Store ===

impl Store {
    pub(super) fn read(&self) -> Option<(Record, u64)> {
        self.stored.clone()
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.stored.as_ref().map(|(record, _)| record)
    }

    /// Writes a record over that of a version; the new version, unless another was written before.
    pub(super) fn swap(&mut self, record: &Record, expected: Option<u64>) -> Option<u64> {
        if self.stored.as_ref().map(|(_, version)| *version) != expected {
            return None;
        }
        self.version += 1;
        self.stored = Some((record.clone(), self.version));
        Some(self.version)
    }

    pub(super) fn lock(&mut self, name: &str) {
        self.lock_files.insert(name.to_owned());
    }

    pub(super) fn unlock(&mut self, name: &str) {
        self.lock_files.remove(name);
    }

    /// Members of the record whose lock file is locked no longer, each once.
    pub(super) fn take_ended(&mut self, processes: &[Process]) -> BTreeSet<String> {
        let has_ended = |name: &String| {
            let process = processes.iter().find(|other| other.member.name() == name);
            process.is_some_and(|process| !process.is_alive)
        };
        let members = self.stored.iter().flat_map(|(record, _)| record.members());
        let files = members.filter(|name| self.lock_files.contains(*name));
        let ended: BTreeSet<String> = files.filter(|name| has_ended(name)).cloned().collect();
        self.lock_files.retain(|name| !ended.contains(name));
        ended
    }
}
