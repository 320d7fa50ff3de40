//! `[[trigger.http]]`, `[[trigger.watch]]`, `[[trigger.command]]`, `[[trigger.invoke]]` and
//! `[[trigger.worker]]`, in the order written.

mod command;
mod http;
mod invoke;
mod set_watch;
mod watch;
mod worker;

use super::defined::Defined;
use super::read::Read;
use super::table::Table;
use super::value::Value;
use super::worker::Workers;
use crate::{Place, Problem, TriggerPlan};

pub(super) fn triggers(
    root: &mut Table<'_>,
    defined: &Defined<'_>,
    workers: &Workers,
    is_part: bool,
) -> Vec<TriggerPlan> {
    let document = defined.document;
    let table = root.take("trigger").and_then(|value| {
        if value.is_table() {
            return value.table();
        }
        value.unlike("written [[trigger.http]] or [[trigger.watch]]")
    });
    let (mut table, is_wrong) = match table {
        Read::Is(table) => (Some(table), false),
        Read::Wrong => (None, true),
        Read::Absent => (None, false),
    };
    let mut take = |key| table.as_mut().map_or(Read::Absent, |table| table.take(key));
    let kinds = ["http", "watch", "command", "invoke", "worker"];
    let kinds = kinds.map(|key| take(key).and_then(Value::tables));
    let is_wrong = is_wrong || kinds.iter().any(Read::is_wrong);
    let has_others = is_wrong || is_part || !defined.components.watches.is_empty();
    let kinds = kinds.map(|tables| tables.ok().unwrap_or_default());
    let are_none = kinds.iter().all(Vec::is_empty);
    let [http, watch, command, invoke, worker] = kinds;
    if are_none && !has_others {
        let problem = Problem::error("nothing calls a component");
        let help = "add a [[trigger.http]], [[trigger.watch]], [[trigger.command]], \
                    [[trigger.invoke]] or [[trigger.worker]]";
        document.missing(Place::default(), problem.help(help));
    }
    let mut triggers: Vec<_> = http::triggers(http, defined).collect();
    triggers.extend(watch::triggers(watch, defined));
    triggers.extend(command::triggers(command, defined));
    triggers.extend(invoke::triggers(invoke, defined));
    triggers.extend(worker::triggers(worker, defined, workers));
    triggers.extend(set_watch::triggers(&triggers, defined));
    triggers.sort_by_key(|trigger| {
        let place = trigger.place();
        (place.line, place.column)
    });
    triggers
}
