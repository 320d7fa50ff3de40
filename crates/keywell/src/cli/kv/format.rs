use clap::Args;

use super::{Sink, Stop};

/// How names are printed: one a line, as JSON, or with a NUL behind each.
#[derive(Args, Default)]
pub(super) struct Format {
    /// Print each as a JSON string: it may have a line end in it.
    #[arg(long, conflicts_with = "null")]
    json: bool,

    /// End each with a NUL instead of a line end, for xargs -0.
    #[arg(short = '0', long)]
    null: bool,
}

// === impl Format ===

impl Format {
    pub(super) fn print(&self, name: &str, out: &mut Sink<'_>) -> Result<(), Stop> {
        if self.json {
            return out.json(&name);
        }
        out.name(name)?;
        out.put(if self.null { b"\0" } else { b"\n" })
    }
}
