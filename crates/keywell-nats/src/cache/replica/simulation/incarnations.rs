//! Nodes that start thousands of times.

use std::collections::VecDeque;

use super::super::entry::Entry;
use super::super::machine::Replica;
use super::super::message::Effect;
use super::super::origin::Origin;
use super::super::seen::Seen;

/// Copies that lose nothing.
struct Quiet(Vec<Replica>);

fn origin(node: u64, incarnation: u64) -> Origin {
    Origin { node, incarnation }
}

// === impl Quiet ===

impl Quiet {
    fn join(&mut self, origin: Origin, now: u64) {
        let mut replica = Replica::new(origin, 1 << 16);
        if self.0.is_empty() {
            replica.mark_joined();
        }
        self.0.push(replica);
        let at = self.0.len() - 1;
        self.act(at, now, |replica| replica.tick(now));
        // Where nothing was written, none answers.
        self.0[at].mark_joined();
    }

    /// Has one copy do something, and delivers what follows from it.
    fn act(&mut self, at: usize, now: u64, act: impl FnOnce(&mut Replica) -> Vec<Effect>) {
        let from = self.0[at].origin();
        let mut queue: VecDeque<(Origin, Effect)> = act(&mut self.0[at])
            .into_iter()
            .map(|effect| (from, effect))
            .collect();
        while let Some((from, effect)) = queue.pop_front() {
            let (to, message) = match effect {
                Effect::Broadcast(message) => (None, message),
                Effect::Send(to, message) => (Some(to), message),
                Effect::Applied(_) | Effect::ClockAhead(..) => continue,
            };
            for replica in &mut self.0 {
                let origin = replica.origin();
                if to.is_none_or(|to| to == origin) {
                    let effects = replica.receive(from, message.clone(), now);
                    queue.extend(effects.into_iter().map(|effect| (origin, effect)));
                }
            }
        }
    }

    fn add(&mut self, at: usize, key: &str, now: u64) {
        self.act(at, now, |replica| {
            let added = replica.increment(key, 1, now);
            added.expect("it is a number").1
        });
    }

    fn number(&self, at: usize, key: &str) -> Option<i64> {
        self.0[at].entry(key)?.number()
    }
}

/// Its writes would count as seen once so many others came later.
#[test]
fn a_process_outlives_thousands_of_others_of_its_node() {
    let mut copies = Quiet(Vec::new());
    copies.join(origin(1, 1), 1);
    copies.join(origin(2, 1), 1);
    for incarnation in 2..=3001 {
        copies.join(origin(1, incarnation << 8), incarnation);
        copies.act(2, incarnation, |replica| {
            replica.set("last", incarnation.to_string().into(), incarnation)
        });
        copies.add(0, "own", incarnation);
        copies.0.pop();
    }
    for at in 0..2 {
        assert_eq!(copies.number(at, "own"), Some(3000));
        let last = copies.0[at].entry("last").and_then(Entry::value);
        assert_eq!(last.as_deref(), Some(&b"3001"[..]));
        let origins = copies.0[at].seen().origins();
        assert!(origins <= Seen::INCARNATIONS + 2, "{origins}");
    }
    copies.join(origin(3, 1), 3002);
    assert_eq!(copies.number(2, "own"), Some(3000));
    assert_eq!(copies.0[2].root(), copies.0[0].root());
}

/// As after the clock of its machine was set back.
#[test]
fn an_incarnation_before_all_others_of_its_node_writes_as_a_later_one() {
    let mut copies = Quiet(Vec::new());
    copies.join(origin(2, 1), 1);
    for incarnation in 1_000_000..1_001_200 {
        copies.join(origin(1, incarnation), 1);
        copies.act(1, 1, |replica| replica.set("key", "value".into(), 1));
        copies.0.pop();
    }
    copies.join(origin(1, 7), 1);
    copies.add(1, "own", 1);
    assert_eq!(copies.number(0, "own"), Some(1));
    copies.join(origin(3, 1), 1);
    assert_eq!(copies.number(2, "own"), Some(1));
}
