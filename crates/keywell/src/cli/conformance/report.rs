use std::fmt::Write as _;
use std::time::Duration;

use keywell_conformance::{Behaviour, Failure, Outcome};
use keywell_store::terminal::escape;
use serde_json::{Value, json};

/// How every behaviour ended.
#[derive(Default)]
pub(super) struct Report {
    pub(super) runs: Vec<Run>,
    pub(super) took: Duration,
    /// How the store keeps the bucket, if it says so.
    pub(super) description: Option<String>,
    /// Why watching was not tried, if it was not.
    pub(super) unwatched: Option<String>,
}

/// How one behaviour ended.
pub(super) struct Run {
    pub(super) behaviour: &'static Behaviour,
    pub(super) ended: Result<Outcome, Failure>,
}

/// How many ended how.
#[derive(Clone, Copy, Default)]
struct Count {
    kept: usize,
    refused: usize,
    skipped: usize,
    failed: usize,
}

const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

// === impl Report ===

impl Report {
    pub(super) fn is_kept(&self) -> bool {
        self.failures().next().is_none()
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = (&'static Behaviour, &Failure)> {
        self.runs
            .iter()
            .filter_map(|run| Some((run.behaviour, run.ended.as_ref().err()?)))
    }

    /// A table with a line for each group, and the story of each failure.
    pub(super) fn text(&self, is_coloured: bool) -> String {
        let paint = |colour: &str, text: &str| {
            if is_coloured {
                format!("{colour}{text}{PLAIN}")
            } else {
                text.to_owned()
            }
        };
        let head = format!(
            "{:<12}{:>6}{:>10}{:>9}{:>8}",
            "group", "kept", "refused", "skipped", "failed"
        );
        let description = self.description.iter();
        let mut lines: Vec<String> = description.map(|text| escape(text).to_string()).collect();
        lines.push(paint(BOLD, &head));
        for (group, count) in self.groups() {
            lines.push(count.line(group, paint));
        }
        lines.push(self.count().line("all", paint));
        lines.extend(self.reasons().into_iter().map(|line| paint(DIM, &line)));
        for (behaviour, failure) in self.failures() {
            let (group, name) = (behaviour.group, behaviour.name);
            lines.push(String::new());
            lines.push(paint(RED, &format!("{group}: {name}")));
            lines.push(format!("  {}", behaviour.promise.trim()));
            let story = failure.to_string();
            lines.extend(story.lines().map(|line| format!("  {}", escape(line))));
        }
        lines.push(String::new());
        if let Some(why) = &self.unwatched {
            lines.push(format!("watching was not tried: {why}"));
        }
        lines.push(self.summary(paint));
        lines.join("\n")
    }

    /// Why behaviours were refused or skipped, each reason once.
    fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<(String, usize)> = Vec::new();
        for run in &self.runs {
            let reason = match &run.ended {
                Ok(Outcome::Kept) | Err(_) => continue,
                Ok(outcome) => outcome.to_string(),
            };
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, times)) => *times += 1,
                None => reasons.push((reason, 1)),
            }
        }
        let lines = reasons.into_iter();
        lines
            .map(|(reason, times)| format!("{times:>4} {}", escape(&reason)))
            .collect()
    }

    fn summary(&self, paint: impl Fn(&str, &str) -> String) -> String {
        let count = self.count();
        let mut summary = match count.failed {
            0 if self.unwatched.is_some() => paint(GREEN, "every promise that was tried is kept"),
            0 => paint(GREEN, "every promise is kept"),
            1 => paint(RED, "one promise is broken"),
            failed => paint(RED, &format!("{failed} promises are broken")),
        };
        let took = self.took.as_secs_f64();
        write!(summary, "; {} behaviours in {took:.1} s", self.runs.len())
            .expect("a string takes all");
        summary
    }

    pub(super) fn json(&self, store: &str) -> Value {
        let count = self.count();
        let groups: Vec<Value> = self
            .groups()
            .into_iter()
            .map(|(group, count)| count.json(group))
            .collect();
        let behaviours: Vec<Value> = self.runs.iter().map(Run::json).collect();
        let mut json = json!({
            "store": store,
            "kept": count.kept,
            "refused": count.refused,
            "skipped": count.skipped,
            "failed": count.failed,
            "seconds": self.took.as_secs_f64(),
            "groups": groups,
            "behaviours": behaviours,
        });
        if let Some(description) = &self.description {
            json["description"] = json!(description);
        }
        if let Some(why) = &self.unwatched {
            json["watching_not_tried"] = json!(why);
        }
        json
    }

    fn count(&self) -> Count {
        let mut count = Count::default();
        self.runs.iter().for_each(|run| count.add(run));
        count
    }

    /// The groups in the order of the suite.
    fn groups(&self) -> Vec<(&'static str, Count)> {
        let mut groups: Vec<(&'static str, Count)> = Vec::new();
        for run in &self.runs {
            let group = run.behaviour.group;
            if groups.last().is_none_or(|(last, _)| *last != group) {
                groups.push((group, Count::default()));
            }
            if let Some((_, count)) = groups.last_mut() {
                count.add(run);
            }
        }
        groups
    }
}

// === impl Run ===

impl Run {
    fn json(&self) -> Value {
        let mut json = json!({
            "group": self.behaviour.group,
            "name": self.behaviour.name,
            "promise": self.behaviour.promise.trim(),
        });
        let (outcome, more) = match &self.ended {
            Ok(Outcome::Kept) => ("kept", None),
            Ok(Outcome::Refused(what)) => ("refused", Some(("undeclared", json!(what)))),
            Ok(Outcome::Skipped(why)) => ("skipped", Some(("why", json!(why)))),
            Ok(other) => ("skipped", Some(("why", json!(other.to_string())))),
            Err(failure) => {
                let story = json!({
                    "earlier": failure.earlier,
                    "asked": failure.steps,
                    "answered": failure.answered,
                    "promised": failure.promised,
                });
                ("failed", Some(("story", story)))
            }
        };
        json["outcome"] = json!(outcome);
        if let Some((name, value)) = more {
            json[name] = value;
        }
        json
    }
}

// === impl Count ===

impl Count {
    fn add(&mut self, run: &Run) {
        match &run.ended {
            Ok(Outcome::Kept) => self.kept += 1,
            Ok(Outcome::Refused(_)) => self.refused += 1,
            Ok(_) => self.skipped += 1,
            Err(_) => self.failed += 1,
        }
    }

    fn line(self, group: &str, paint: impl Fn(&str, &str) -> String) -> String {
        // Padded first: a terminal does not count the bytes of a colour, but a format does.
        let cell = |number: usize, width: usize, colour: &str| {
            let text = format!("{number:>width$}");
            if number == 0 {
                paint(DIM, &text)
            } else {
                paint(colour, &text)
            }
        };
        format!(
            "{group:<12}{}{}{}{}",
            cell(self.kept, 6, GREEN),
            cell(self.refused, 10, PLAIN),
            cell(self.skipped, 9, PLAIN),
            cell(self.failed, 8, RED),
        )
    }

    fn json(self, group: &str) -> Value {
        json!({
            "group": group,
            "kept": self.kept,
            "refused": self.refused,
            "skipped": self.skipped,
            "failed": self.failed,
        })
    }
}
