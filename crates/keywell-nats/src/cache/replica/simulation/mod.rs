//! Many copies, and a network that does to their messages what networks do. Each seed is one history;
//! once messages flow, all copies have to become equal, and to hold what was promised.

mod acting;
mod clocks;
mod forged;
mod history;
mod incarnations;
mod long_list;
mod random;
mod texts;
mod world;

use acting::Acting;
use history::History;
use texts::Texts;
use world::{Planted, World};

/// How many seeds a test runs; with `KEYWELL_SEED`, that one.
const SEEDS: u64 = 1000;

fn run<A: Acting + Default>(seed: u64, planted: Option<Planted>) -> Result<(), String> {
    let mut world = World::new(seed, planted);
    let mut history = A::default();
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
fn disturb(world: &mut World, history: &mut dyn Acting, incarnation: u64) {
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
        history.crash(world.nodes[at].replica.origin());
        world.restart(at, incarnation);
    }
}

fn all<A: Acting + Default>(seeds: std::ops::Range<u64>, test: &str) {
    let one = std::env::var("KEYWELL_SEED").ok();
    let one: Option<u64> = one.map(|seed| seed.parse().expect("KEYWELL_SEED is a number"));
    let seeds = one.map_or(seeds, |seed| seed..seed + 1);
    for seed in seeds {
        if let Err(problem) = run::<A>(seed, None) {
            panic!("{problem}\nKEYWELL_SEED={seed} cargo nextest run -p keywell-nats {test}");
        }
    }
}

#[test]
fn copies_become_equal_and_hold_what_was_promised() {
    all::<History>(0..SEEDS, "copies_become_equal");
}

/// In parallel with the first.
#[test]
fn copies_become_equal_and_hold_what_was_promised_in_other_histories() {
    all::<History>(SEEDS..2 * SEEDS, "copies_become_equal");
}

#[test]
fn lists_and_sets_hold_what_was_put_and_not_removed() {
    all::<Texts>(0..SEEDS / 4, "lists_and_sets_hold");
}

#[test]
fn planted_defects_are_found() {
    for planted in [
        Planted::DeletesForgotten,
        Planted::HighWaterMarks,
        Planted::IncrementsAsValues,
    ] {
        let found = (0..20).any(|seed| run::<History>(seed, Some(planted)).is_err());
        assert!(found, "{planted:?}");
    }
    for planted in [Planted::RemovalsWin, Planted::ItemsTwice] {
        let found = (0..20).any(|seed| run::<Texts>(seed, Some(planted)).is_err());
        assert!(found, "{planted:?}");
    }
}
