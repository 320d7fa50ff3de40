//! Many copies, and a network that does to their messages what networks do. Each seed is one history;
//! once messages flow, all copies have to become equal, and to hold what was promised. `KEYWELL_SEED`
//! runs one history again, `KEYWELL_SEEDS` says how many to run.

mod clocks;
mod forged;
mod history;
mod incarnations;
mod occurred;
mod random;
mod world;

use history::History;
use occurred::Occurred;
use world::World;

use super::defect::Defect;

/// How many histories there are, unless something else is asked for.
const SEEDS: u64 = 2000;

fn run(seed: u64, defect: Option<Defect>) -> Result<Occurred, String> {
    let mut world = World::new(seed, defect);
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
    for _ in 0..2000 {
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

#[test]
fn copies_become_equal_and_hold_what_was_promised() {
    let one = number("KEYWELL_SEED");
    let first = one.unwrap_or_else(rand::random);
    let seeds = one.map_or_else(|| number("KEYWELL_SEEDS").unwrap_or(SEEDS), |_| 1);
    let mut occurred: Option<Occurred> = None;
    for seed in (0..seeds).map(|number| first.wrapping_add(number)) {
        match run(seed, None) {
            Ok(one) => occurred = Some(occurred.map_or(one, |all| all.and(one))),
            Err(problem) => panic!(
                "{problem}\nKEYWELL_SEED={seed} cargo nextest run -p keywell-nats \
                 copies_become_equal_and_hold"
            ),
        }
    }
    println!("{seeds} seeds from KEYWELL_SEED={first} on: {occurred:?}");
    if seeds >= SEEDS {
        assert!(occurred.is_some_and(Occurred::is_all), "{occurred:?}");
    }
}

#[test]
fn planted_defects_are_found() {
    for defect in [
        Defect::ForgetsDeletes,
        Defect::CountsByLast,
        Defect::AddsAsValue,
    ] {
        let found = (0..SEEDS).find_map(|seed| Some((seed, run(seed, Some(defect)).err()?)));
        let (seed, problem) = found.unwrap_or_else(|| panic!("{defect:?} is not found"));
        println!("{defect:?} is found by seed {seed}: {problem}");
    }
}
