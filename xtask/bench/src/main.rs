//! Measures Keywell beside peers and floors in the same run: tables of ratios, plots, and JSON to compare runs.
//!
//! `cargo xtask bench` builds what it needs and starts it.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are for people"
)]
#![cfg_attr(
    not(feature = "components"),
    allow(dead_code, reason = "the groups that are left out use the rest")
)]

mod arguments;
mod axis;
mod comparison;
mod disk;
mod done;
mod effort;
mod goal;
mod group;
mod guests;
#[cfg(feature = "components")]
mod host;
mod http;
#[cfg(feature = "components")]
mod idle;
mod invoke;
mod load;
mod machine;
mod measure;
mod native;
mod nats;
mod page;
mod plot;
mod redis;
mod remote;
mod report;
mod resident;
mod row;
mod server;
mod sql;
mod start;
mod table;
mod unit;
#[cfg(feature = "components")]
mod values;
mod workers;

// The program's own allocator, for its peers and floors too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::path::Path;
use std::process::ExitCode;

use arguments::{Arguments, USAGE};
use done::Done;
use effort::Effort;
use group::Group;
#[cfg(feature = "components")]
use guests::guest;
use guests::root;
use machine::Machine;
use report::Report;

type Measure = fn(&Effort) -> Done<Group>;

const GROUPS: &[(&str, Measure)] = &[
    #[cfg(feature = "components")]
    ("host", host::group),
    #[cfg(feature = "components")]
    ("values", values::group),
    ("http", http::group),
    ("invoke", invoke::group),
    ("disk", disk::group),
    ("workers", workers::group),
    ("start", start::group),
    #[cfg(feature = "components")]
    ("idle", idle::group),
    ("redis", redis::group),
    ("sqlite", sql::sqlite),
    ("postgres", sql::postgres),
    ("etcd", remote::etcd_group),
    ("memcached", remote::memcached_group),
    ("dynamodb", remote::dynamodb_group),
    #[cfg(feature = "cosmos")]
    ("cosmos", remote::cosmos_group),
    ("firestore", remote::firestore_group),
    ("nats", nats::group),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, _)) if first == native::ARGUMENT => {
            native::serve();
            Ok(())
        }
        #[cfg(feature = "components")]
        Some((first, rest)) if first == idle::ARGUMENT => idle::hold(rest),
        _ => {
            let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
            let Some(arguments) = Arguments::parse(&arguments, &known) else {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            };
            measure_all(&arguments)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(arguments: &Arguments) -> Done {
    // Before minutes of measuring, so that a wrong file is reported at once.
    let before = arguments.against.as_deref().map(Report::read).transpose()?;
    let mut groups = Vec::new();
    for (name, measure) in GROUPS {
        if arguments.groups.is_empty() || arguments.groups.iter().any(|group| group == name) {
            eprintln!("measuring {name} ...");
            let group = measure(&arguments.effort).map_err(|error| format!("{name}: {error}"))?;
            println!("{}\n\n{}", group.title, page::terminal_text(&group));
            groups.push(group);
        }
    }
    let report = Report::new(Machine::here(&root()), arguments.effort, groups);
    if let Some(before) = &before {
        println!("{}", comparison::compare(before, &report));
    }
    if let Some(folder) = &arguments.into {
        write(&report, folder)?;
    }
    if arguments.write {
        write(&report, &root().join("docs"))?;
    }
    Ok(())
}

/// Writes the page, its plots, and the JSON of all rounds.
fn write(report: &Report, folder: &Path) -> Done {
    let plots = folder.join("benchmarks");
    std::fs::create_dir_all(&plots)?;
    for plot in report.groups.iter().flat_map(|group| &group.plots) {
        let svg = plot
            .svg()
            .map_err(|error| format!("{}: {error}", plot.name))?;
        std::fs::write(plots.join(format!("{}.svg", plot.name)), svg)?;
    }
    std::fs::write(folder.join("benchmarks.json"), report.json()?)?;
    let page = folder.join("benchmarks.md");
    std::fs::write(&page, page::page(report))?;
    eprintln!("written to {}", page.display());
    Ok(())
}
