use std::time::Instant;

use tracing::{debug, error, info, trace, warn};
use wasmtime::component::{ComponentType, Lift};

use crate::output::counted;
use crate::quota::Quota;

/// The target of what components log, for filters of events.
pub const LOG_TARGET: &str = "component";

/// The enum `level`.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "they are read from a guest's memory")]
pub(crate) enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

/// What an instance logs. A bounded number of bytes a second is passed on.
#[derive(Default)]
pub(crate) struct Log {
    quota: Quota,
}

/// The most of a context and of a message, in bytes. What is longer is cut.
const LONGEST_CONTEXT: usize = 256;
const LONGEST_MESSAGE: usize = 8 << 10;

/// As much of a context as is passed on.
pub(crate) fn cut_context(text: &str) -> &str {
    cut(text, LONGEST_CONTEXT)
}

/// As much of a message as is passed on.
pub(crate) fn cut_message(text: &str) -> &str {
    cut(text, LONGEST_MESSAGE)
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

// === impl Log ===

impl Log {
    pub(crate) fn pass_on(
        &mut self,
        component: &str,
        level: Level,
        context: &str,
        message: &str,
        now: Instant,
    ) {
        if !self.quota.admits(now) {
            return;
        }
        self.report(component);
        self.quota.take(context.len() + message.len());
        // An event has its level at compile time.
        macro_rules! event {
            ($level:ident) => {
                if context.is_empty() {
                    $level!(target: LOG_TARGET, component, "{message}");
                } else {
                    $level!(target: LOG_TARGET, component, context, "{message}");
                }
            };
        }
        match level {
            Level::Trace => event!(trace),
            Level::Debug => event!(debug),
            Level::Info => event!(info),
            Level::Warn => event!(warn),
            Level::Error | Level::Critical => event!(error),
        }
    }

    /// Logs how many messages were dropped, if any were.
    pub(crate) fn report(&mut self, component: &str) {
        let dropped = self.quota.take_dropped();
        if dropped > 0 {
            let lines = counted(dropped);
            let most = Quota::BYTES >> 10;
            warn!(
                target: LOG_TARGET,
                component,
                "{lines} dropped here, past the {most} KiB a second of an instance"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "ä");
        assert_eq!(cut("äöü", 6), "äöü");
        assert_eq!(cut("", 3), "");
    }
}
