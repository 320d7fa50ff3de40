use crate::cli::kv::progress::counted;

/// How what a target has of a key differs from the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    Missing,
    Value,
    Expiry,
}

/// The differences between two stores.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// How many keys of the source were compared.
    pub(super) compared: u64,
    missing: u64,
    values: u64,
    expiries: u64,
    /// Keys that were copied and are no longer in the source, other than expired ones.
    pub(super) deleted: u64,
    examples: Vec<String>,
}

/// How many keys are named.
const EXAMPLES: usize = 3;

// === impl Differences ===

impl Differences {
    pub(super) fn add(&mut self, key: &str, difference: Difference) {
        *match difference {
            Difference::Missing => &mut self.missing,
            Difference::Value => &mut self.values,
            Difference::Expiry => &mut self.expiries,
        } += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{key:?}"));
        }
    }

    /// What differs, as a sentence, if anything does.
    pub(super) fn problem(&self) -> Option<String> {
        let each = [
            (self.missing, "missing"),
            (self.values, "with another value"),
            (self.expiries, "with another time to live"),
        ];
        let each = each.into_iter().filter(|(keys, _)| *keys > 0);
        let each: Vec<String> = each
            .map(|(keys, what)| format!("{} {what}", counted(keys)))
            .collect();
        let mut problems = Vec::new();
        if !each.is_empty() {
            let (each, examples) = (each.join(", "), self.examples.join(", "));
            problems.push(format!("{each}, such as {examples}"));
        }
        if self.deleted > 0 {
            let deleted = counted(self.deleted);
            problems.push(format!("{deleted} deleted from the source meanwhile"));
        }
        if problems.is_empty() {
            return None;
        }
        let problems = problems.join("; ");
        Some(format!(
            "the copy differs from the source: {problems}. The source or the target was changed \
             during the copy; run it again to copy what differs"
        ))
    }
}
