//! Many copies, and a network that does to their messages what networks do. Each seed is one history;
//! once messages flow, all copies have to become equal, and to hold what was promised.

mod clocks;
mod forged;
mod history;
mod incarnations;
mod random;
mod world;

use history::History;
use world::{Planted, World};

/// How many seeds a test runs; with `KEYWELL_SEED`, that one.
const SEEDS: u64 = 300;

fn run(seed: u64, planted: Option<Planted>) -> Result<(), String> {
    let mut world = World::new(seed, planted);
    let mut history = History::default();
    for incarnation in 2..62 {
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
            return history.check(&world);
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
        for at in 0..world.nodes.len() {
            world.nodes[at].side = world.random.below(2);
        }
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

fn all(seeds: std::ops::Range<u64>) {
    let one = std::env::var("KEYWELL_SEED").ok();
    let one: Option<u64> = one.map(|seed| seed.parse().expect("KEYWELL_SEED is a number"));
    let seeds = one.map_or(seeds, |seed| seed..seed + 1);
    for seed in seeds {
        if let Err(problem) = run(seed, None) {
            panic!(
                "{problem}\nKEYWELL_SEED={seed} cargo nextest run -p keywell-nats \
                 copies_become_equal"
            );
        }
    }
}

#[test]
fn copies_become_equal_and_hold_what_was_promised() {
    all(0..SEEDS);
}

/// In parallel with the first.
#[test]
fn copies_become_equal_and_hold_what_was_promised_in_other_histories() {
    all(SEEDS..2 * SEEDS);
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
