use std::process::ExitCode;

use keywell_journal::{Head, Journals, Status, Time, WorkerName};
use keywell_store::terminal;
use serde::Serialize;

use super::super::kv::{Sink, Stop};
use super::super::output;
use super::failure::failed;
use super::time;

/// A worker as it is printed.
#[derive(Serialize)]
struct Printed<'a> {
    worker: &'a str,
    state: String,
    records: u64,
    component: &'a str,
    holder: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wakes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leased: Option<String>,
}

/// Prints all workers.
pub(super) async fn list(
    journals: &Journals,
    json: bool,
    out: &mut Sink<'_>,
) -> Result<ExitCode, Stop> {
    let mut code = ExitCode::SUCCESS;
    for (name, head) in journals.list().await.map_err(failed)? {
        match head {
            Ok(head) if json => out.json(&Printed::new(&name, &head))?,
            Ok(head) => {
                let (state, records) = (state(&head.status), head.position);
                let line = format!("{name}  {state}, {records} records\n");
                out.put(line.as_bytes())?;
            }
            Err(error) => {
                output::complain(&error.to_string());
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// Prints where a worker is.
pub(super) fn show(
    name: &WorkerName,
    head: &Head,
    json: bool,
    out: &mut Sink<'_>,
) -> Result<(), Stop> {
    let printed = Printed::new(name, head);
    if json {
        return out.json(&printed);
    }
    let rows = [
        ("worker", Some(printed.worker)),
        ("state", Some(&*printed.state)),
        ("component", Some(printed.component)),
        ("wakes", printed.wakes.as_deref()),
        ("run by", Some(printed.holder)),
        ("until", printed.leased.as_deref()),
    ];
    for (title, value) in rows {
        if let Some(value) = value {
            let line = format!("{title:<10} {}\n", terminal::escape(value));
            out.put(line.as_bytes())?;
        }
    }
    out.put(format!("{:<10} {}\n", "records", printed.records).as_bytes())
}

/// What a worker does, in words.
pub(super) fn state(status: &Status) -> String {
    match status {
        Status::Idle => "idle".to_owned(),
        Status::Running => "running".to_owned(),
        Status::Paused => "paused".to_owned(),
        Status::Ambiguous { why, .. } | Status::Stopped { why } => {
            let state = match status {
                Status::Ambiguous { .. } => "ambiguous",
                _ => "stopped",
            };
            format!("{state}: {}", terminal::escape(why))
        }
    }
}

// === impl Printed ===

impl<'a> Printed<'a> {
    fn new(name: &'a WorkerName, head: &'a Head) -> Self {
        Self {
            worker: name.as_str(),
            state: state(&head.status),
            records: head.position,
            component: &head.digest,
            holder: &head.holder,
            wakes: head.wake.map(time::utc),
            leased: (head.lease > Time::of_the_system()).then(|| time::utc(head.lease)),
        }
    }
}
