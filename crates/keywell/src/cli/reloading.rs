//! Going over to another plan while an application runs.

use std::panic::resume_unwind;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::stream::{self, Stream, StreamExt as _};
use keywell_app::{Differences, Examined, Examiner, Reloaded};
use keywell_config::Draft;

use super::output;

/// Where the plans come from that an application goes over to.
pub(super) trait Plans: Send + 'static {
    /// Waits for the next plan.
    fn next(&mut self) -> impl Future<Output = Draft> + Send;
}

/// A plan that was read and examined while the application runs.
pub(super) struct Renewal {
    pub(super) examined: Examined,
    /// When it was there to be read.
    pub(super) since: Instant,
}

/// Plans that come while an application runs.
pub(super) struct Renewals {
    stream: Pin<Box<dyn Stream<Item = Renewal> + Send>>,
    /// What messages call their source: `keywell.toml`.
    pub(super) source: String,
    /// Whether the application waits for the next one when all of its triggers have ended.
    pub(super) outlive: bool,
}

// === impl Renewals ===

impl Renewals {
    /// Examines plans as they come.
    pub(super) fn of(plans: impl Plans, examiner: Examiner, source: String, outlive: bool) -> Self {
        let stream = stream::unfold((plans, examiner), async |(mut plans, examiner)| {
            let draft = plans.next().await;
            let since = Instant::now();
            let own = examiner.clone();
            let renewal = Renewal {
                examined: examined(move || own.examine(draft)).await,
                since,
            };
            Some((renewal, (plans, examiner)))
        });
        Self {
            stream: Box::pin(stream),
            source,
            outlive,
        }
    }

    /// Waits for the next. Nothing is lost where this is dropped.
    pub(super) async fn next(&mut self) -> Renewal {
        match self.stream.next().await {
            Some(renewal) => renewal,
            None => std::future::pending().await,
        }
    }

    /// Gives up what is under way, and has no more plans.
    pub(super) fn end(&mut self) {
        self.stream = Box::pin(stream::empty());
    }
}

/// Examines a plan, without keeping this task from others, and shows that it does if it takes long.
pub(super) async fn examined(examine: impl FnOnce() -> Examined + Send + 'static) -> Examined {
    const UNSEEN: Duration = Duration::from_millis(500);
    let mut examined = tokio::task::spawn_blocking(examine);
    let in_time = tokio::time::timeout(UNSEEN, &mut examined).await;
    let examined = if let Ok(examined) = in_time {
        examined
    } else {
        output::remark("compiling ...");
        examined.await
    };
    examined.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// What is printed of a reload: "reloaded keywell.toml in 0.012 s: component counter changed".
pub(super) fn line(source: &str, reloaded: &Reloaded, took: Duration) -> String {
    let mut changes = Vec::new();
    for (kind, differences) in [
        ("component", &reloaded.components),
        ("store", &reloaded.stores),
    ] {
        let Differences {
            added,
            changed,
            removed,
        } = differences;
        for (names, what) in [(added, "added"), (changed, "changed"), (removed, "removed")] {
            match &names[..] {
                [] => {}
                [name] => changes.push(format!("{kind} {name} {what}")),
                names => changes.push(format!("{kind}s {} {what}", names.join(", "))),
            }
        }
    }
    let triggers = |number: usize, what: &str| match number {
        0 => None,
        1 => Some(format!("1 trigger {what}")),
        _ => Some(format!("{number} triggers {what}")),
    };
    changes.extend(triggers(reloaded.started, "started"));
    changes.extend(triggers(reloaded.ended, "ended"));
    if changes.is_empty() {
        changes.push("nothing changed".to_owned());
    }
    let (took, changes) = (took.as_secs_f64(), changes.join("; "));
    format!("reloaded {source} in {took:.3} s: {changes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_is_a_line_with_what_changed() {
        let took = Duration::from_micros(12_300);
        let mut reloaded = Reloaded {
            kept: 3,
            ..Reloaded::default()
        };
        let line = |reloaded: &Reloaded| super::line("keywell.toml", reloaded, took);
        assert_eq!(
            line(&reloaded),
            "reloaded keywell.toml in 0.012 s: nothing changed"
        );
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        reloaded.components.changed = names(&["counter"]);
        reloaded.components.removed = names(&["a", "b"]);
        reloaded.stores.added = names(&["main"]);
        (reloaded.started, reloaded.ended) = (1, 2);
        assert_eq!(
            line(&reloaded),
            "reloaded keywell.toml in 0.012 s: component counter changed; components a, b removed; \
             store main added; 1 trigger started; 2 triggers ended"
        );
    }
}
