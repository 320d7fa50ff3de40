//! Many copies, and a network that does to their messages what networks do. Each seed is one history;
//! once messages flow, all copies have to become equal, and to hold what was promised. `KEYWELL_SEED`
//! runs one history again. `KEYWELL_SEEDS` says how many a test runs, from a random one on.

mod acting;
mod bounded;
mod clocks;
mod forged;
mod history;
mod incarnations;
mod long_list;
mod lost_delete;
mod lost_replacement;
mod occurred;
mod pair;
mod random;
mod repairs;
mod texts;
mod world;

use std::ops::Range;

use acting::Acting;
use history::History;
use occurred::Occurred;
use texts::Texts;
use world::{Planted, World};

/// How many seeds a test runs.
const SEEDS: u64 = 1000;
/// How often a history is disturbed.
const ROUNDS: u64 = 20;

fn run<A: Acting + Default>(seed: u64, planted: Option<Planted>) -> Result<Occurred, String> {
    let mut world = World::new(seed, planted);
    let mut history = A::default();
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
        // One after the other, as it takes long.
        let all = world.nodes.len();
        let turn = usize::try_from(incarnation).expect("it is small") % all;
        for at in if planted.is_some() {
            0..all
        } else {
            turn..turn + 1
        } {
            world.check_replacements(at)?;
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
            for at in 0..world.nodes.len() {
                world.nodes[at].replica.check();
                world.check_replacements(at)?;
            }
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
fn disturb(world: &mut World, history: &mut dyn Acting, incarnation: u64) {
    if world.random.happens_in(15) {
        world.cut();
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

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("it is a number"))
}

/// Runs these seeds, or what the environment asks for.
fn all<A: Acting + Default>(seeds: Range<u64>, test: &str) {
    let (one, given) = (number("KEYWELL_SEED"), number("KEYWELL_SEEDS"));
    let count = one.map_or(given.unwrap_or(seeds.end - seeds.start), |_| 1);
    let first = given.map_or(seeds.start, |_| u64::from(rand::random::<u32>()));
    let first = one.unwrap_or(first);
    let mut all: Option<Occurred> = None;
    for seed in first..first + count {
        match run::<A>(seed, None) {
            Ok(occurred) => all = Some(all.map_or(occurred, |all| all.and(occurred))),
            Err(problem) => {
                panic!("{problem}\nKEYWELL_SEED={seed} cargo nextest run -p keywell-nats {test}")
            }
        }
    }
    println!("{count} seeds from KEYWELL_SEED={first} on: {all:?}");
    if count >= SEEDS {
        assert!(all.is_some_and(Occurred::is_all), "{all:?}");
    }
}

#[test]
fn copies_become_equal_and_hold_what_was_promised() {
    all::<History>(0..SEEDS, "copies_become_equal_and_hold");
}

/// In parallel with the first.
#[test]
fn copies_become_equal_and_hold_what_was_promised_in_other_histories() {
    all::<History>(SEEDS..2 * SEEDS, "copies_become_equal_and_hold");
}

/// In each a key was lost once: a copy dropped a value, and those that had what replaced it ended.
#[test]
fn histories_hold_that_lost_a_key() {
    for seed in [1_308_507_092, 1_260_709_429] {
        let held = run::<History>(seed, None);
        assert!(held.is_ok(), "KEYWELL_SEED={seed}: {held:?}");
    }
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
        Planted::OverruledDropped,
        Planted::IncrementsAsValues,
        Planted::GoneAtOnce,
        Planted::SeenEarly,
    ] {
        let found = (0..1000).find(|seed| run::<History>(*seed, Some(planted)).is_err());
        println!("{planted:?}: by seed {found:?}");
        assert!(found.is_some(), "{planted:?}");
    }
    for planted in [Planted::RemovalsWin, Planted::ItemsTwice] {
        let found = (0..20).any(|seed| run::<Texts>(seed, Some(planted)).is_err());
        assert!(found, "{planted:?}");
    }
}
