use std::fmt::{Display, Write as _};
use std::time::Duration;

use crate::quoted;

/// A table that is written line by line.
pub(super) struct Section {
    head: String,
    lines: String,
}

// === impl Section ===

impl Section {
    /// `[component.NAME]`
    pub(super) fn new(head: impl Into<String>) -> Self {
        Self {
            head: head.into(),
            lines: String::new(),
        }
    }

    /// A value as it is written.
    pub(super) fn raw(&mut self, key: &str, value: impl Display) {
        let _ = writeln!(self.lines, "{} = {value}", quoted::key(key));
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.raw(key, quoted::text(value));
    }

    pub(super) fn number(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.raw(key, value);
        }
    }

    /// A size for memory, in the largest unit that it is whole in.
    pub(super) fn size(&mut self, key: &str, value: Option<usize>) {
        let Some(bytes) = value else {
            return;
        };
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20)];
        let unit = units.iter().find(|(_, unit)| bytes % unit == 0);
        let (name, unit) = unit.unwrap_or(&("KiB", 1 << 10));
        self.raw(key, format_args!("\"{}{name}\"", bytes / unit));
    }

    pub(super) fn duration(&mut self, key: &str, value: Option<Duration>) {
        if let Some(value) = value {
            self.raw(key, duration(value));
        }
    }

    /// Appends it to a file, if it has a line.
    pub(super) fn finish(self, body: &mut String) {
        if !self.lines.is_empty() {
            self.finish_always(body);
        }
    }

    /// Appends it to a file, empty or not.
    pub(super) fn finish_always(self, body: &mut String) {
        let _ = writeln!(body, "{}\n{}", self.head, self.lines);
    }
}

/// A time in quotes, in the largest unit that it is whole in.
pub(super) fn duration(value: Duration) -> String {
    let millis = value.as_millis().max(1);
    match (millis % 3_600_000, millis % 60_000, millis % 1000) {
        (0, ..) => format!("\"{}h\"", millis / 3_600_000),
        (_, 0, _) => format!("\"{}m\"", millis / 60_000),
        (_, _, 0) => format!("\"{}s\"", millis / 1000),
        _ => format!("\"{millis}ms\""),
    }
}
