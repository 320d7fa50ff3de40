//! An exported function that does nothing, called over HTTP, beside the counter.

use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::group::Group;
use crate::guests::guest;
use crate::load::{self, Load};
use crate::measure::{Subject, rounds};
use crate::row::Row;
use crate::server::Server;
use crate::unit::Unit;

/// Enough to keep every server busy.
const CONNECTIONS: usize = 32;
const FUNCTION: &str = "/example:invokable/doings@1.0.0-rc.1/nothing";
/// How many requests an instance answers.
const REUSES: [(&str, &str, u32); 2] = [
    ("fresh", "an instance a call", 1),
    ("reuse", "`reuse`", 1_000_000),
];

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("invoke", "A function that does nothing over HTTP");
    for (id, name, reuse) in REUSES {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("keywell.toml");
        let component = guest("invokable");
        std::fs::write(
            &file,
            format!(
                "[store.main]\nurl = \"memory:\"\n\n\
                 [component.invokable]\npath = '{}'\nstore = \"main\"\n\n\
                 [[trigger.invoke]]\ncomponent = \"invokable\"\naddr = \"127.0.0.1:0\"\n\
                 reuse = {reuse}\n",
                component.display()
            ),
        )?;
        let invoke = Server::application(&file)?;
        let counter = Server::keywell("counter", ["--reuse", &reuse.to_string()])?;
        let (call, count) = (load::post(FUNCTION, "[]"), load::get("/bench"));
        let closed = |server: &Server, request: &str| {
            load::closed(&server.address, request, CONNECTIONS, effort.load)
        };
        let subjects: [Subject<'_, Load>; 2] = [
            Box::new(|| closed(&invoke, &call)),
            Box::new(|| closed(&counter, &count)),
        ];
        let [calls, counts] = rounds(effort.rounds, subjects)?;
        let row = Row::new(
            format!("invoke/closed/{id}"),
            format!("{name}, {CONNECTIONS} connections"),
            &calls.map(|load| load.per_second),
            "the counter over HTTP, likewise",
            &counts.map(|load| load.per_second),
            Unit::PerSecond,
        );
        group.rows.push(Row {
            goal: Some(Goal::AtLeast(0.8)),
            ..row
        });
    }
    Ok(group)
}
