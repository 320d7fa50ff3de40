//! Many copies, and a network that does to their messages what networks do. Each seed is one history;
//! once messages flow, all copies have to become equal, and to hold what was promised. `KEYWELL_SEED`
//! runs one history again. `KEYWELL_SEEDS` says how many a test runs, from a random one on.

mod clocks;
mod forged;
mod history;
mod incarnations;
mod occurred;
mod random;
mod world;

use history::History;
use occurred::Occurred;
use world::{Planted, World};

/// How many seeds a test runs.
const SEEDS: u64 = 1000;
/// How often a history is disturbed.
const ROUNDS: u64 = 20;

fn run(seed: u64, planted: Option<Planted>) -> Result<Occurred, String> {
    let mut world = World::new(seed, planted);
    let mut history = History::default();
    for incarnation in 2..2 + ROUNDS {
        for _ in 0..world.random.below(30) {
            history.act(&mut world);
            let pause = world.random.below(20_000);
            world.run_until(world.now + pause);
        }
        disturb(&mut world, &mut history, incarnation);
        for at in 0..world.nodes.len() {
            if world.random.happens_in(60) {
                world.tick(at);
            }
        }
    }
    // The last messages are lost.
    let loss = std::mem::replace(&mut world.loss, 100);
    for _ in 0..5 {
        history.act(&mut world);
    }
    world.loss = loss.min(30);
    world.heal();
    for _ in 0..if planted.is_none() { 2000 } else { 100 } {
        if world.is_settled() {
            return history.check(&world).map(|()| world.occurred);
        }
        for at in 0..world.nodes.len() {
            world.tick(at);
        }
        world.run_until(world.now + 1_000_000);
    }
    Err("copies do not become equal".to_owned())
}

/// Cuts the network in two, heals it, lets a node crash and start again, or does nothing.
fn disturb(world: &mut World, history: &mut History, incarnation: u64) {
    if world.random.happens_in(15) {
        world.cut();
    }
    if world.random.happens_in(10) {
        world.heal();
    }
    if world.random.happens_in(8) {
        let at = world.random.index(world.nodes.len());
        history.crashed.insert(world.nodes[at].replica.origin());
        world.restart(at, incarnation);
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("it is a number"))
}

/// Runs one of the halves of all seeds, the first or the second.
fn run_half(half: u64) {
    let (one, given) = (number("KEYWELL_SEED"), number("KEYWELL_SEEDS"));
    let seeds = one.map_or(given.unwrap_or(SEEDS), |_| 1);
    let first = given.map_or(half * SEEDS, |_| u64::from(rand::random::<u32>()));
    let first = one.unwrap_or(first);
    let mut all: Option<Occurred> = None;
    for seed in first..first + seeds {
        match run(seed, None) {
            Ok(occurred) => all = Some(all.map_or(occurred, |all| all.and(occurred))),
            Err(problem) => panic!(
                "{problem}\nKEYWELL_SEED={seed} cargo nextest run -p keywell-nats \
                 copies_become_equal_and_hold"
            ),
        }
    }
    println!("{seeds} seeds from KEYWELL_SEED={first} on: {all:?}");
    if seeds >= SEEDS {
        assert!(all.is_some_and(Occurred::is_all), "{all:?}");
    }
}

#[test]
fn copies_become_equal_and_hold_what_was_promised() {
    run_half(0);
}

/// In parallel with the first.
#[test]
fn copies_become_equal_and_hold_what_was_promised_in_other_histories() {
    run_half(1);
}

#[test]
fn planted_defects_are_found() {
    for planted in [
        Planted::DeletesForgotten,
        Planted::HighWaterMarks,
        Planted::IncrementsAsValues,
    ] {
        let found = (0..20).any(|seed| run(seed, Some(planted)).is_err());
        assert!(found, "{planted:?}");
    }
}
