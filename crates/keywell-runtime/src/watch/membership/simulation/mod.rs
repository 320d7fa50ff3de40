//! Members in simulated time, by seeds: `KEYWELL_SEED` runs one of them again, `KEYWELL_SEEDS` says
//! how many to run.
//!
//! Whatever the seed, the promises at the top of `member/mod.rs` hold, and an owner learns of every gap
//! but one: that which is left where a partition was given away, its old owner died, and no other
//! had claimed it.

mod checks;
mod process;
mod schedule;
mod store;
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
    let seeds = given.map_or_else(|| number("KEYWELL_SEEDS").unwrap_or(250), |_| 1);
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

/// A defect is found by one of the seeds from a first one on, which saves time.
fn finds(defect: Defect, strategy: Strategy, first: u64) {
    let setting = Setting {
        strategy,
        defect: Some(defect),
    };
    let found = (first..first + 2000).find_map(|seed| {
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

/// A member that had left took the record from before it joined, reported late, for one in which
/// others have its partitions.
#[test]
fn what_is_reported_late_hands_nothing_over() {
    for seed in [
        1_574_762_518_006_268_426,
        5_919_555_973_542_115_624,
        799_408_541_336_941_344,
    ] {
        let setting = Setting {
            strategy: Strategy::Overlapping,
            defect: None,
        };
        if let Err(problem) = World::new(seed, setting).run() {
            panic!("KEYWELL_SEED={seed}: {problem}");
        }
    }
}

#[test]
fn planted_defects_are_found() {
    finds(Defect::LongValidity, Strategy::Resumable, 3);
    finds(Defect::IgnoresLostSwap, Strategy::Resumable, 7);
    finds(Defect::RepeatsHeartbeats, Strategy::Resumable, 240);
    finds(Defect::IgnoresEviction, Strategy::Resumable, 14);
    finds(Defect::NeverEvicts, Strategy::Resumable, 0);
    finds(Defect::ReleasesEarly, Strategy::Resumable, 8);
    finds(Defect::LongValidity, Strategy::Overlapping, 0);
    finds(Defect::GivesUpEarly, Strategy::Overlapping, 0);
    finds(Defect::HidesClaims, Strategy::Overlapping, 0);
}
