//! The table of stores in `docs/conformance.md`: what each keeps of the contract and, as a host runs
//! on it, of two interfaces.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::page::Part;
use crate::places::{Place, Started, places};
use crate::support::{guest, keywell};

const HEAD: &str = "\
| Store | Run on | Contract, kept | Not declared, and refused | Not tried | draft2 must | may \
| keywell must | may |
|---|---|---|---|---|---|---|---|---|
";

/// Takes minutes, so `cargo xtask conformance-table` runs it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and writes the page"]
async fn the_page_about_conformance_is_written() {
    let mut table = HEAD.to_owned();
    for place in places() {
        eprintln!("{}", place.heading);
        let started = (place.start)().await;
        table += &row(place, &started);
    }
    Part::of("conformance.md", "stores").write(&table);
}

fn row(place: &Place, started: &Started) -> String {
    let contract = contract(&started.url);
    let mut row = format!("| {} | {} | {contract}", place.heading, started.server);
    for component in ["conformance-draft2", "conformance-keywell"] {
        let _ = write!(row, " | {}", component_on(component, &started.url));
    }
    row + " |\n"
}

/// The cells of the suite for stores: kept, refused, not tried.
fn contract(url: &str) -> String {
    let conformance = ["conformance", "--json", "--store", url];
    let output = keywell().args(conformance).output().unwrap();
    let json = serde_json::from_slice(&output.stdout);
    let json: Value = json.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let count = |name: &str| json[name].as_u64().unwrap();
    let behaviours = json["behaviours"].as_array().unwrap();
    let all = |name: &str| -> BTreeSet<&str> {
        let named = behaviours.iter().filter_map(|one| one[name].as_str());
        named.collect()
    };
    let (kept, failed) = (count("kept"), count("failed"));
    let mut text = format!("{kept} of {}", kept + failed);
    if failed > 0 {
        let _ = write!(text, ", **{failed} fail**");
    }
    let refused = all("undeclared").into_iter().collect::<Vec<_>>();
    let skipped = count("skipped");
    format!("{text} | {} | {skipped}", refused.join(", "))
}

/// The cells of a component of the suite for hosts: musts and mays.
fn component_on(component: &str, url: &str) -> String {
    let mut run = keywell();
    run.arg("run").arg(guest(component));
    let output = run.args(["--store", url, "--", "suite"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let plan = text.lines().find_map(|line| line.strip_prefix("1.."));
    let plan: usize = plan.and_then(|plan| plan.parse().ok()).unwrap_or(0);
    let points = text.lines().filter_map(|line| {
        let (is_kept, rest) = match line.strip_prefix("not ok ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("ok ")?),
        };
        let level = rest.rsplit_once("# ")?.1.trim_start_matches("TODO ");
        Some((is_kept, level == "must"))
    });
    let points: Vec<(bool, bool)> = points.collect();
    let kept = |is_must| {
        let of_level = points.iter().filter(|point| point.1 == is_must);
        let kept = of_level.clone().filter(|point| point.0).count();
        format!("{kept} of {}", of_level.count())
    };
    let is_whole = points.len() == plan && plan > 0;
    let ends = if is_whole { "" } else { ", **ends early**" };
    format!("{}{ends} | {}", kept(true), kept(false))
}
