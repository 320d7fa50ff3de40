//! Members in simulated time, by thousands of seeds. `KEYWELL_SEED` runs one seed again,
//! `KEYWELL_SEEDS` says how many.

mod checks;
mod process;
mod world;

use world::{Setting, World};

use super::member::Defect;
use super::messages::Strategy;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}

fn simulate(strategy: Strategy) {
    let given = number("KEYWELL_SEED");
    let first = given.unwrap_or_else(rand::random);
    let seeds = given.map_or_else(|| number("KEYWELL_SEEDS").unwrap_or(500), |_| 1);
    for seed in (0..seeds).map(|number| first.wrapping_add(number)) {
        let setting = Setting {
            strategy,
            defect: None,
        };
        if let Err(problem) = World::new(seed, setting).run() {
            panic!("KEYWELL_SEED={seed}: {problem}");
        }
    }
    println!("{seeds} seeds from KEYWELL_SEED={first} on");
}

/// How many seeds, from the same first one each time, it takes to find a defect.
fn finds(defect: Defect, strategy: Strategy) {
    let setting = Setting {
        strategy,
        defect: Some(defect),
    };
    let found = (0..2000).find_map(|seed| {
        let problem = World::new(seed, setting).run().err()?;
        Some((seed, problem))
    });
    let (seed, problem) = found.unwrap_or_else(|| panic!("{defect:?} is not found"));
    println!("{defect:?} is found by seed {seed}: {problem}");
}

#[test]
fn resumable_partitions_have_one_owner_and_are_not_orphaned() {
    simulate(Strategy::Resumable);
}

#[test]
fn overlapping_partitions_have_one_owner_and_no_silent_gap() {
    simulate(Strategy::Overlapping);
}

#[test]
fn planted_defects_are_found() {
    finds(Defect::LongValidity, Strategy::Resumable);
    finds(Defect::IgnoresLostSwap, Strategy::Resumable);
    finds(Defect::RepeatsHeartbeats, Strategy::Resumable);
    finds(Defect::IgnoresEviction, Strategy::Resumable);
    finds(Defect::NeverEvicts, Strategy::Resumable);
    finds(Defect::ReleasesEarly, Strategy::Resumable);
    finds(Defect::LongValidity, Strategy::Overlapping);
    finds(Defect::GivesUpEarly, Strategy::Overlapping);
    finds(Defect::HidesClaims, Strategy::Overlapping);
}
