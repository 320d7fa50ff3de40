use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::cli::output;

/// How far a long command is, on standard error, if that is a terminal.
pub(super) struct Progress(ProgressBar);

// === impl Progress ===

impl Progress {
    /// Shown only on a terminal; it wipes itself away when it is dropped.
    pub(super) fn new(doing: &'static str) -> Self {
        if !io::stderr().is_terminal() {
            return Self::hidden();
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {msg} {human_pos} keys, {per_sec}")
            .expect("the template is well-formed");
        Self(
            bar.with_style(style)
                .with_message(doing)
                .with_finish(ProgressFinish::AndClear),
        )
    }

    pub(super) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    pub(super) fn advance(&self, keys: usize) {
        self.0.inc(keys as u64);
    }
}

/// Says on standard error what was done.
pub(super) fn summarize(did: &str, keys: u64) {
    output::remark(&format!("{did} {}", counted(keys)));
}

pub(super) fn counted(keys: u64) -> String {
    match keys {
        1 => "1 key".to_owned(),
        keys => format!("{keys} keys"),
    }
}
