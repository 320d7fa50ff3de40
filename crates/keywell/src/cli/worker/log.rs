use bytes::Bytes;
use keywell_journal::{Event, Invoked, Journals, Record, WorkerName};
use keywell_store::terminal;
use serde::Serialize;

use super::super::kv::{Sink, Stop};
use super::failure::failed;
use super::time;

/// The most characters of a value.
const SHOWN: usize = 100;

/// A record as it is printed.
#[derive(Serialize)]
struct Printed {
    position: u64,
    at: String,
    event: &'static str,
    what: String,
}

/// Prints the records of a worker.
pub(super) async fn log(
    journals: &Journals,
    name: &WorkerName,
    json: bool,
    out: &mut Sink<'_>,
) -> Result<(), Stop> {
    let head = journals.head(name).await.map_err(failed)?;
    let mut cursor = journals.read(name, &head);
    while let Some((position, Event { at, record })) = cursor.next(&head).await.map_err(failed)? {
        let (event, what) = described(&record);
        let at = time::utc(at);
        if json {
            out.json(&Printed {
                position,
                at,
                event,
                what,
            })?;
        } else {
            let line = format!(
                "{position:>6}  {at}  {event:<9}  {}",
                terminal::escape(&what)
            );
            out.put(line.trim_end().as_bytes())?;
            out.put(b"\n")?;
        }
    }
    Ok(())
}

/// A word for a record, and what it is of.
fn described(record: &Record) -> (&'static str, String) {
    match record {
        Record::Created(created) => ("created", created.digest.clone()),
        Record::Invoked(Invoked {
            key,
            function,
            arguments,
        }) => {
            let arguments = text(arguments);
            let arguments = arguments.strip_prefix('[').unwrap_or(&arguments);
            let arguments = arguments.strip_suffix(']').unwrap_or(arguments);
            let key = key.as_ref().map(|key| format!(" with the key {key:?}"));
            let key = key.unwrap_or_default();
            ("invoked", format!("{function}({arguments}){key}"))
        }
        Record::Answered { asked, .. } => ("read", asked.to_string()),
        Record::Intended { asked, .. } => ("intended", asked.to_string()),
        Record::Settled { call, .. } => ("settled", format!("call {call}")),
        Record::Woke { .. } => ("woke", String::new()),
        Record::Returned { answer, .. } => ("returned", text(answer)),
        Record::Failed { why, .. } => ("failed", why.clone()),
        Record::Snapshot(snapshot) => ("snapshot", format!("{} bytes", snapshot.state.len())),
        Record::Upgraded { digest } => ("upgraded", digest.clone()),
        Record::Forked { from, at, .. } => {
            let last = at.saturating_sub(1);
            ("forked", format!("from {from}@{last}"))
        }
        Record::Resolved { decision, .. } => ("resolved", format!("{decision:?}").to_lowercase()),
    }
}

/// The beginning of a value, which is JSON.
fn text(value: &Bytes) -> String {
    let text = String::from_utf8_lossy(value);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
