use super::http;
use crate::keywell_toml::defined::Defined;
use crate::keywell_toml::read::Read;
use crate::keywell_toml::table::Table;
use crate::{HttpPlan, InvokePlan, Located, PathPlan, Problem, TriggerPlan};

/// `[[trigger.invoke]]`.
pub(super) fn triggers<'d>(
    tables: Vec<Table<'d>>,
    defined: &'d Defined<'d>,
) -> impl Iterator<Item = TriggerPlan> {
    let tables = tables.into_iter();
    tables.filter_map(|table| Some(TriggerPlan::Invoke(Box::new(trigger(table, defined)?))))
}

/// A trigger; none if anything is wrong with it, as it may be meant for another address.
fn trigger(mut table: Table<'_>, defined: &Defined<'_>) -> Option<InvokePlan> {
    let functions = functions(&mut table);
    let max_body = table.bytes("max-body");
    let path = table.text("path").ok();
    let served = HttpPlan {
        path: path.map_or_else(PathPlan::default, PathPlan::Prefix),
        ..http::served(&mut table, defined)
    };
    let http = http::checked(&table, served)?;
    Some(InvokePlan {
        http,
        functions,
        max_body,
        workers: None,
    })
}

/// Which functions it offers; none stands for all.
pub(super) fn functions(table: &mut Table<'_>) -> Vec<Located<String>> {
    match table.texts("functions") {
        Read::Is(functions) if functions.value.is_empty() => {
            let problem = format!("{}.functions names no function", table.what);
            let help = "leave it out to offer all functions";
            let problem = Problem::error(problem).help(help);
            table.document.wrong(functions.place, problem);
            Vec::new()
        }
        functions => functions.ok().map_or_else(Vec::new, |texts| texts.value),
    }
}
