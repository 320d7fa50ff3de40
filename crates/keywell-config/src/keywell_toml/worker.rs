//! `[worker.NAME]`: which component runs as a worker, and where its journal is.

use std::collections::BTreeMap;

use super::defined::{Defined, Names};
use super::document::Document;
use super::read::Read;
use super::table::Table;
use super::value::Value;
use crate::{InterruptedRequests, Located, Place, Problem};

/// The workers that could be read, and the names of all.
#[derive(Default)]
pub(super) struct Workers {
    names: Names,
    pub(super) plans: BTreeMap<String, Worker>,
}

pub(super) struct Worker {
    pub(super) component: String,
    /// A store.
    pub(super) journal: String,
    pub(super) snapshot_every: Option<u32>,
    pub(super) interrupted_requests: InterruptedRequests,
    place: Place,
}

pub(super) fn workers(root: &mut Table<'_>, defined: &Defined<'_>) -> Workers {
    let mut workers = Workers::default();
    let named = root.take("worker").and_then(Value::named_tables);
    workers.names.are_partial = named.is_wrong();
    for (name, table) in named.ok().into_iter().flatten() {
        let errors = defined.document.errors();
        check(&name, defined.document);
        let worker = table.and_then(|table| worker(table, defined));
        workers.names.known.insert(name.value.clone());
        if let Some(worker) = worker.filter(|_| defined.document.errors() == errors) {
            workers.plans.insert(name.value, worker);
        }
    }
    workers
}

/// Checks that a `*` ends the name, if it has one. The rest is checked when workers are opened.
fn check(name: &Located<String>, document: &Document<'_>) {
    let begins = name.strip_suffix('*').unwrap_or(name);
    if name.is_empty() || begins.contains('*') {
        let problem = format!("{:?} names no worker", name.value);
        let help = "write its name, or what names begin with and one * behind it";
        document.wrong(name.place, Problem::error(problem).help(help));
    }
}

fn worker(mut table: Table<'_>, defined: &Defined<'_>) -> Option<Worker> {
    let component = table.required("component");
    let component = component.and_then(|name| defined.component(name));
    let journal = match table.text("journal") {
        Read::Is(name) => defined.store(name),
        Read::Absent => defined.only_store(&table.what, table.place),
        Read::Wrong => None,
    };
    let snapshot_every = table.number("snapshot-every");
    let interrupted_requests = match table.text("interrupted-requests") {
        Read::Is(text) => interrupted_requests(&text, &table),
        Read::Absent => Some(InterruptedRequests::default()),
        Read::Wrong => None,
    };
    Some(Worker {
        snapshot_every,
        component: component?,
        journal: journal?,
        interrupted_requests: interrupted_requests?,
        place: table.place,
    })
}

fn interrupted_requests(text: &Located<String>, table: &Table<'_>) -> Option<InterruptedRequests> {
    let mut all = InterruptedRequests::ALL.iter();
    let known = all.find(|(written, _)| *written == text.value);
    if known.is_none() {
        let problem = format!("{}.interrupted-requests is {:?}", table.what, text.value);
        let problem = Problem::error(problem).help("write stop, retry or fail");
        table.document.wrong(text.place, problem);
    }
    known.map(|(_, policy)| *policy)
}

// === impl Workers ===

impl Workers {
    /// A worker by its name, or that there is none is reported.
    pub(super) fn find(
        &self,
        document: &Document<'_>,
        name: Located<String>,
    ) -> Option<(Located<String>, &Worker)> {
        let place = name.place;
        let value = self.names.find(document, "worker", name)?;
        let worker = self.plans.get(&value)?;
        Some((Located { value, place }, worker))
    }

    /// Reports those that nothing calls.
    pub(super) fn report_unused(&self, called: &[&str], document: &Document<'_>) {
        for (name, worker) in &self.plans {
            if !called.contains(&name.as_str()) {
                let problem = Problem::error(format!("nothing calls the worker {name}"));
                let help = format!("add a [[trigger.worker]] with worker = {name:?}");
                document.missing(worker.place, problem.help(help));
            }
        }
    }
}
