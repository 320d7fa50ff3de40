use super::{http, invoke};
use crate::keywell_toml::defined::Defined;
use crate::keywell_toml::table::Table;
use crate::keywell_toml::worker::Workers;
use crate::{HttpPlan, InvokePlan, PathPlan, TriggerPlan, WorkersPlan};

/// `[[trigger.worker]]`.
pub(super) fn triggers<'d>(
    tables: Vec<Table<'d>>,
    defined: &'d Defined<'d>,
    workers: &'d Workers,
) -> impl Iterator<Item = TriggerPlan> {
    let tables = tables.into_iter();
    tables.filter_map(|table| {
        let plan = trigger(table, defined, workers)?;
        Some(TriggerPlan::Invoke(Box::new(plan)))
    })
}

/// A trigger; none if anything is wrong with it, as it may be meant for another address.
fn trigger(mut table: Table<'_>, defined: &Defined<'_>, workers: &Workers) -> Option<InvokePlan> {
    let worker = table.required("worker");
    let worker = worker.and_then(|name| workers.find(defined.document, name));
    let functions = invoke::functions(&mut table);
    let max_body = table.bytes("max-body");
    let path = table.text("path").ok();
    let component = worker.as_ref().map(|(_, worker)| worker.component.clone());
    let served = http::served_by(component, &mut table);
    let (names, worker) = worker?;
    let workers = WorkersPlan {
        names,
        journal: worker.journal.clone(),
        snapshot_every: worker.snapshot_every,
        interrupted_requests: worker.interrupted_requests,
    };
    let mut path = path.unwrap_or_else(|| WorkersPlan::PATH.to_owned().into());
    // One worker has its own route, so that others can be beside it.
    if !workers.are_several() {
        let above = path.trim_end_matches('/').len();
        path.value.truncate(above);
        path.value.push('/');
        path.value.push_str(&workers.names);
    }
    let served = HttpPlan {
        path: PathPlan::Prefix(path),
        ..served
    };
    Some(InvokePlan {
        http: http::checked(&table, served)?,
        functions,
        max_body,
        workers: Some(workers),
    })
}
