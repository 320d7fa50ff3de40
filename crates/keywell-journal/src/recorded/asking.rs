//! What a call asks for: a digest of all its arguments, and a beginning of them for people.

use std::fmt::Write as _;

use bytes::Bytes;
use keywell_store::{Action, Change, Check, Collect, Expected, Members, Set, Version, Write};
use sha2::{Digest as _, Sha256};

/// The most characters of the arguments that people see.
const SHOWN: usize = 100;

pub(super) struct Asking {
    digest: Sha256,
    shown: String,
}

// === impl Asking ===

impl Asking {
    /// Asks a bucket of a store.
    pub(super) fn of(store: &str, bucket: &str) -> Self {
        let mut asking = Self {
            digest: Sha256::new(),
            shown: format!("{store}/{bucket}"),
        };
        asking.bytes(store.as_bytes());
        asking.bytes(bucket.as_bytes());
        asking
    }

    pub(super) fn finish(self) -> (String, [u8; 32]) {
        (self.shown, self.digest.finalize().into())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.digest.update(bytes);
    }

    pub(super) fn number(&mut self, number: u64) {
        self.digest.update(number.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.show(text.as_bytes());
    }

    fn show(&mut self, bytes: &[u8]) {
        if self.shown.len() < SHOWN {
            let start = &bytes[..bytes.len().min(SHOWN / 2)];
            let _ = write!(self.shown, " \"{}\"", start.escape_ascii());
            if start.len() < bytes.len() {
                let _ = write!(self.shown, "… ({} bytes)", bytes.len());
            }
        } else if !self.shown.ends_with('…') {
            self.shown.push('…');
        }
    }

    pub(super) fn texts<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a str>) {
        self.number(texts.len() as u64);
        texts.for_each(|text| self.text(text));
    }

    pub(super) fn value(&mut self, value: &Bytes) {
        self.bytes(value);
        self.show(value);
    }

    pub(super) fn how(&mut self, how: Set) {
        let nanos = how.ttl.map_or(u128::MAX, |ttl| ttl.as_nanos());
        self.digest.update(nanos.to_le_bytes());
    }

    fn version(&mut self, version: &Version) {
        match (version.as_u64(), version.as_bytes()) {
            (Some(number), _) => {
                self.number(1);
                self.number(number);
            }
            (None, token) => {
                self.number(2);
                self.bytes(token.map_or(b"", |token| token));
            }
        }
    }

    fn expected(&mut self, expected: &Expected) {
        match expected {
            Expected::Absent => self.number(0),
            Expected::At(version) => self.version(version),
        }
    }

    pub(super) fn check(&mut self, check: &Check) {
        self.bytes(check.bucket.as_str().as_bytes());
        self.text(&check.key);
        self.expected(&check.expected);
    }

    pub(super) fn write(&mut self, write: &Write) {
        self.bytes(write.bucket.as_str().as_bytes());
        self.text(&write.key);
        match &write.action {
            Action::Change(Change::Delete) => self.number(0),
            Action::Change(Change::Set(value, how)) => {
                self.number(1);
                self.value(value);
                self.how(*how);
            }
            Action::Increment(delta) => {
                self.number(2);
                self.text(&delta.to_string());
            }
        }
    }

    /// The bytes that its caller can hold are the host's and may change.
    pub(super) fn collect(&mut self, operation: &Collect) {
        let tag = match operation {
            Collect::Push { .. } => "push",
            Collect::Range { .. } => "range",
            Collect::DeleteItem { .. } => "delete-item",
            Collect::Clear { .. } => "clear",
            Collect::Add { .. } => "add",
            Collect::Remove { .. } => "remove",
            Collect::Members { of, .. } => match of {
                Members::Union => "union",
                Members::Intersection => "intersection",
            },
        };
        self.text(tag);
        self.texts(operation.keys().iter().map(String::as_str));
        if let Some(text) = operation.text() {
            self.text(text);
        }
        if let Collect::Range { start, stop, .. } = operation {
            self.text(&format!("{start}..{stop}"));
        }
    }
}
