use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use keywell_control::{
    CallsReport, ComponentReport, Report, SourceReport, StateReport, TriggerReport, processes,
};
use keywell_store::terminal;

use super::route::Route;
use super::{output, state};
use crate::cli::failed::{Ended, Failed};

/// Show what the running processes of this user run: components, stores, triggers and their
/// counters.
///
/// All of them are shown, and what was counted of the calls of their stores if they run with
/// --metrics. If none runs, the exit code is 1.
#[derive(Args)]
#[command(after_help = "Examples:\n  keywell status\n  keywell status data --json")]
pub(super) struct Status {
    /// Only the process that has the disk: store of this folder open.
    #[arg(value_name = "DIR", conflicts_with = "state")]
    folder: Option<PathBuf>,

    /// The state folder of the processes, in place of the usual one.
    #[arg(
        long,
        value_name = "DIR",
        help = "The state folder of the processes [default: that of KEYWELL_STATE, or \
                `$XDG_STATE_HOME/keywell`, or `~/.local/state/keywell`]"
    )]
    state: Option<PathBuf>,

    /// Print JSON: a list with an object for each process.
    #[arg(long)]
    json: bool,
}

/// A line of the table: what it is, its name, where it is, its state, its counters.
type Row = [String; 5];

// === impl Status ===

impl Status {
    pub(super) async fn main(self) -> Ended {
        let mut reports = Vec::new();
        let mut code = ExitCode::SUCCESS;
        for report in self.reports().await? {
            match report {
                Ok(report) => reports.push(report),
                Err(error) => {
                    output::complain(&format!("a process does not say what it runs: {error}"));
                    code = ExitCode::FAILURE;
                }
            }
        }
        if self.json {
            let json = serde_json::to_string_pretty(&reports);
            let json = json.map_err(|error| Failed::because("cannot write JSON", error))?;
            output::print(&terminal::escape_json(&json))?;
        } else {
            let texts: Vec<String> = reports.iter().map(text).collect();
            output::print(&texts.join("\n"))?;
        }
        Ok(code)
    }

    async fn reports(&self) -> Result<Vec<io::Result<Report>>, Failed> {
        if let Some(folder) = &self.folder {
            let report = processes::in_store(folder).await.map_err(|error| {
                let place = folder.display();
                Failed::Failure(match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                        format!("no process of `keywell` serves a store in {place}")
                    }
                    _ => format!("cannot ask the process that has the store in {place}: {error}"),
                })
            })?;
            return Ok(vec![Ok(report)]);
        }
        let state = self.state.clone().or_else(state::folder).ok_or_else(|| {
            let problem = "there is no state folder; set KEYWELL_STATE, or name one: --state DIR";
            Failed::Usage(problem.to_owned())
        })?;
        let folder = state::processes(&state);
        let reports = processes::all(&folder).await.map_err(|error| {
            Failed::because(&format!("cannot look into {}", folder.display()), error)
        })?;
        if reports.is_empty() {
            let place = state.display();
            return Err(Failed::Failure(format!(
                "no `keywell serve`, `run`, `up` or `dev` of this user runs, as far as {place} shows"
            )));
        }
        Ok(reports)
    }
}

/// A process, and a table of what it runs.
fn text(report: &Report) -> String {
    let mut text = format!(
        "process {}, keywell {}, up {}",
        report.pid,
        terminal::escape(&report.version),
        time(report.uptime_seconds)
    );
    if let Some(file) = &report.file {
        let file = file.display().to_string();
        let _ = write!(text, ", {}", terminal::escape(&file));
    }
    text.push('\n');
    let stores = report.stores.iter();
    let stores = stores.flat_map(|store| {
        let calls = store.calls.iter().map(|calls| counted(&store.name, calls));
        let own = row(["store", &store.name, &store.url, "", ""]);
        std::iter::once(own).chain(calls)
    });
    let components = report.components.iter().map(component);
    let triggers = report.triggers.iter().map(trigger);
    let health = report.health.iter();
    let health = health.map(|addr| row(["health", "", &format!("http://{addr}"), "", ""]));
    let rows = stores.chain(components).chain(triggers).chain(health);
    let rows: Vec<Row> = rows.collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2, 3, 4].map(|column| width(column).unwrap_or(0));
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "  {cell:width$}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(cells: [&str; 5]) -> Row {
    cells.map(|cell| terminal::escape(cell).into_owned())
}

/// What was counted of an operation.
fn counted(store: &str, calls: &CallsReport) -> Row {
    let bucket = match &calls.bucket {
        Some(bucket) => format!("bucket {bucket}"),
        None => "all other buckets".to_owned(),
    };
    let what = format!("{} in {bucket}", calls.operation);
    let time = |nanos| format!("{:.1?}", Duration::from_nanos(nanos));
    let mut counters = format!(
        "calls {}, bytes {}, p50 {}, p99 {}, max {}",
        calls.calls,
        calls.bytes,
        time(calls.p50_nanos),
        time(calls.p99_nanos),
        time(calls.max_nanos)
    );
    for (kind, count) in &calls.errors {
        let _ = write!(counters, ", {kind} {count}");
    }
    row(["calls", store, &what, "", &counters])
}

fn component(component: &ComponentReport) -> Row {
    let links = component.links.iter().map(|link| {
        let stores = link.stores.join(", ");
        match &link.name {
            Some(name) => format!("{name} = {stores}"),
            None => stores,
        }
    });
    let links: Vec<String> = links.collect();
    let links = match &links[..] {
        [] => String::new(),
        links => format!("reaches {}", links.join(", ")),
    };
    row(["component", &component.name, &component.code, &links, ""])
}

fn trigger(trigger: &TriggerReport) -> Row {
    let source = match &trigger.source {
        SourceReport::Http {
            addresses,
            path,
            host,
            is_encrypted,
        }
        | SourceReport::Invoke {
            addresses,
            path,
            host,
            is_encrypted,
        } => {
            let route = Route {
                path,
                host: host.as_deref(),
                is_encrypted: *is_encrypted,
            };
            let urls: Vec<String> = addresses.iter().map(|addr| route.at(addr)).collect();
            let calls = match trigger.source {
                SourceReport::Invoke { .. } => "calls of ",
                _ => "",
            };
            format!("{calls}{}", urls.join(", "))
        }
        SourceReport::Watch {
            changes,
            bucket,
            store,
            ..
        } => format!("{changes} in bucket {bucket} of {store}"),
        SourceReport::Command => "command".to_owned(),
    };
    let state = match &trigger.state {
        StateReport::Running => "runs".to_owned(),
        StateReport::Ended => "has ended".to_owned(),
        StateReport::Failed(reason) => format!("failed: {reason}"),
    };
    let counters = trigger.counters.iter();
    let counters = counters.map(|(name, count)| format!("{name} {count}"));
    let counters = counters.collect::<Vec<_>>().join(", ");
    row(["trigger", &trigger.component, &source, &state, &counters])
}

/// A time in its two largest units.
pub(super) fn time(seconds: u64) -> String {
    let units = [
        (seconds / 86400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = units
        .iter()
        .position(|(number, _)| *number > 0)
        .unwrap_or(3);
    let shown = units.iter().skip(first).take(2);
    let shown = shown.map(|(number, unit)| format!("{number}{unit}"));
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_two_largest_units() {
        for (seconds, shown) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 0s"),
            (3600 + 120 + 3, "1h 2m"),
            (86400 * 400 + 59, "400d 0h"),
        ] {
            assert_eq!(time(seconds), shown);
        }
    }
}
