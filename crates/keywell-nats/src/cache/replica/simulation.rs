use super::clock::Stamp;
use super::machine::Replica;
use super::message::{Effect, Message};
use super::origin::{Dot, Origin};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

struct Random(u64);
impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e3779b97f4a7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn chance(&mut self, p: u64) -> bool {
        self.below(100) < p
    }
}

struct Node {
    replica: Replica,
    skew: i64,
    is_up: bool,
    since: u64,
}

struct World {
    random: Random,
    now: u64,
    nodes: Vec<Node>,
    side: Vec<u8>,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    messages: BTreeMap<u64, (Origin, Option<Origin>, Message)>,
    id: u64,
    loss: u64,
    dup: u64,
    delay: u64,
    acked: BTreeMap<(String, Origin), i64>,
    sets: BTreeMap<String, Vec<(Stamp, Vec<u8>, Origin)>>,
    removed: Vec<(Origin, String, Dot)>,
    sent: u64,
}

impl World {
    fn local(&self, at: usize) -> u64 {
        (self.now as i64 + self.nodes[at].skew) as u64
    }
    fn effects(&mut self, at: usize, effects: Vec<Effect>) {
        let from = self.nodes[at].replica.origin();
        for effect in effects {
            match effect {
                Effect::Broadcast(m) => {
                    for to in 0..self.nodes.len() {
                        if to != at {
                            self.send(at, from, None, to, m.clone())
                        }
                    }
                }
                Effect::Send(o, m) => {
                    if let Some(to) = self.nodes.iter().position(|n| n.replica.origin() == o) {
                        self.send(at, from, Some(o), to, m)
                    }
                }
                _ => {}
            }
        }
    }
    fn send(&mut self, at: usize, from: Origin, o: Option<Origin>, to: usize, m: Message) {
        self.sent += 1;
        if self.side[at] != self.side[to] || self.random.chance(self.loss) {
            return;
        }
        let copies = if self.random.chance(self.dup) { 2 } else { 1 };
        for _ in 0..copies {
            let t = self.now + 100 + self.random.below(self.delay);
            self.id += 1;
            self.messages.insert(self.id, (from, o, m.clone()));
            self.queue.push(Reverse((t, self.id, to)));
        }
    }
    fn run_until(&mut self, t: u64) {
        while let Some(Reverse((when, id, to))) = self.queue.peek().copied() {
            if when > t {
                break;
            }
            self.queue.pop();
            self.now = when;
            let (from, o, m) = self.messages.remove(&id).unwrap();
            if o.is_some_and(|o| o != self.nodes[to].replica.origin()) {
                continue;
            }
            if !self.nodes[to].is_up || self.nodes[to].since > when {
                continue;
            }
            let l = self.local(to);
            let e = self.nodes[to].replica.receive(from, m, l);
            self.effects(to, e);
        }
        self.now = t;
    }
    fn op(&mut self) {
        let at = self.random.below(self.nodes.len() as u64) as usize;
        if !self.nodes[at].is_up {
            return;
        }
        let k = self.random.below(6);
        let l = self.local(at);
        let origin = self.nodes[at].replica.origin();
        match self.random.below(10) {
            0..=3 => {
                let key = format!("c{k}");
                let by = self.random.below(5) as i64 + 1;
                let (_, e) = self.nodes[at].replica.increment(&key, by, l).unwrap();
                *self.acked.entry((key, origin)).or_default() += by;
                self.effects(at, e);
            }
            4 => {
                let key = format!("s{k}");
                let v = format!("{}", self.random.next()).into_bytes();
                let e = self.nodes[at].replica.set(&key, v.clone().into(), l);
                let s = self.nodes[at].replica.entry(&key).unwrap().stamp.unwrap();
                self.sets.entry(key).or_default().push((s, v, origin));
                self.effects(at, e);
            }
            5 if k > 3 => {
                let key = format!("z{k}");
                let t = format!("t{}", self.random.below(5));
                let r = &mut self.nodes[at].replica;
                let e = match (k, self.random.below(3)) {
                    (4, 0) => r.remove_member(&key, &t).unwrap().1,
                    (4, _) => r.add_member(&key, &t, l).unwrap().1,
                    (_, 0) => r.delete_item(&key, &t).unwrap().1,
                    _ => r.push(&key, &t, l).unwrap().1,
                };
                self.effects(at, e);
            }
            x => {
                let key = format!("m{}", self.random.below(40));
                let old: Vec<Dot> = self.nodes[at]
                    .replica
                    .entry(&key)
                    .into_iter()
                    .flat_map(|e| e.elements.keys().copied().collect::<Vec<_>>())
                    .collect();
                let e = match x {
                    6 => {
                        let n = self.random.below(100);
                        self.nodes[at].replica.set(&key, n.to_string().into(), l)
                    }
                    7 => match self.nodes[at].replica.increment(&key, 1, l) {
                        Ok((_, e)) => e,
                        Err(_) => vec![],
                    },
                    _ => self.nodes[at].replica.delete(&key),
                };
                let new: Vec<Dot> = self.nodes[at]
                    .replica
                    .entry(&key)
                    .into_iter()
                    .flat_map(|e| e.elements.keys().copied().collect::<Vec<_>>())
                    .collect();
                for d in old {
                    if !new.contains(&d) {
                        self.removed.push((origin, key.clone(), d));
                    }
                }
                self.effects(at, e);
            }
        }
    }
}

fn run(seed: u64) -> Result<(u64, usize), String> {
    let mut random = Random(seed);
    let n = 3 + random.below(if seed % 8 == 0 { 18 } else { 5 }) as usize;
    let nodes = (0..n)
        .map(|i| Node {
            replica: Replica::new(
                Origin {
                    node: i as u64 + 1,
                    incarnation: 1,
                },
                1 << 16,
            ),
            skew: random.below(2_000_000_000) as i64 * i64::from(random.chance(30)),
            is_up: true,
            since: 0,
        })
        .collect();
    let (loss, dup, delay) = (
        random.below(40),
        random.below(20),
        1000 + random.below(300_000),
    );
    let mut w = World {
        random,
        now: 1_000_000_000_000,
        nodes,
        side: vec![0; n],
        queue: BinaryHeap::new(),
        messages: BTreeMap::new(),
        id: 0,
        loss,
        dup,
        delay,
        acked: BTreeMap::new(),
        sets: BTreeMap::new(),
        removed: vec![],
        sent: 0,
    };
    let mut dead: BTreeSet<Origin> = BTreeSet::new();
    let mut incarnation = 1;
    for _ in 0..60 {
        for _ in 0..w.random.below(30) {
            w.op();
            let d = w.random.below(20_000);
            let t = w.now + d;
            w.run_until(t);
        }
        if w.random.chance(15) {
            for s in 0..n {
                w.side[s] = w.random.below(2) as u8;
            }
        }
        if w.random.chance(10) {
            w.side.fill(0);
        }
        if w.random.chance(8) {
            let at = w.random.below(n as u64) as usize;
            dead.insert(w.nodes[at].replica.origin());
            incarnation += 1;
            let o = Origin {
                node: at as u64 + 1,
                incarnation,
            };
            w.nodes[at].replica = Replica::new(o, 1 << 16);
            w.nodes[at].since = w.now;
        }
        for at in 0..n {
            if w.random.chance(60) {
                let l = w.local(at);
                let e = w.nodes[at].replica.tick(l);
                w.effects(at, e);
            }
        }
    }
    // one last, lost, message
    let loss = std::mem::replace(&mut w.loss, 100);
    for _ in 0..5 {
        w.op();
    }
    w.loss = loss.min(30);
    w.side.fill(0);
    let mut rounds = 0;
    loop {
        let same = w.nodes.iter().all(|x| {
            x.replica.root() == w.nodes[0].replica.root()
                && x.replica.seen() == w.nodes[0].replica.seen()
        });
        if same && w.queue.is_empty() {
            break;
        }
        rounds += 1;
        if rounds > 2000 {
            return Err(format!(
                "no convergence: {:?}",
                w.nodes
                    .iter()
                    .map(|n| (
                        n.replica.root(),
                        n.replica.seen().runs(),
                        n.replica.seen().origins()
                    ))
                    .collect::<Vec<_>>()
            ));
        }
        for at in 0..n {
            let l = w.local(at);
            let e = w.nodes[at].replica.tick(l);
            w.effects(at, e);
        }
        let t = w.now + 1_000_000;
        w.run_until(t);
    }
    let first = &w.nodes[0].replica;
    for other in &w.nodes[1..] {
        for key in first.keys().chain(other.replica.keys()) {
            if first.get(key) != other.replica.get(key)
                || first.entry(key) != other.replica.entry(key)
            {
                return Err(format!(
                    "{key} differs {:?} {:?}",
                    first.entry(key),
                    other.replica.entry(key)
                ));
            }
        }
    }
    for ((key, origin), total) in &w.acked {
        if dead.contains(origin) {
            continue;
        }
        let has = first
            .entry(key)
            .and_then(|e| e.sum_of(*origin))
            .map_or(0, |s| s.1);
        if has != *total {
            return Err(format!("{key} of {origin:?}: {has} of {total}"));
        }
    }
    for key in first.keys().filter(|k| k.starts_with('c')) {
        let total: i64 = w
            .acked
            .iter()
            .filter(|((k, _), _)| **k == **key)
            .map(|(_, t)| t)
            .sum();
        if first.entry(key).unwrap().number().unwrap() > total {
            return Err(format!("{key} counts twice"));
        }
    }
    for (key, sets) in &w.sets {
        let alive = sets.iter().filter(|(_, _, o)| !dead.contains(o)).max();
        let has = first
            .entry(key)
            .map(|e| (e.stamp.unwrap(), e.value().unwrap().to_vec()));
        if let Some((s, v, _)) = alive {
            match &has {
                Some((hs, hv)) if hs > s || (hs == s && hv == v) => {}
                _ => return Err(format!("{key}: {has:?} not {s:?}")),
            }
        }
    }
    for (origin, key, dot) in &w.removed {
        if dead.contains(origin) {
            continue;
        }
        if let Some(e) = first.entry(key) {
            if e.elements.contains_key(dot) {
                return Err(format!("{key}: {dot:?} came back"));
            }
        }
    }
    Ok((w.sent, rounds))
}

#[test]
fn seeds() {
    let from: u64 = std::env::var("SEED").ok().map_or(0, |s| s.parse().unwrap());
    let count: u64 = if std::env::var("SEED").is_ok() {
        1
    } else {
        std::env::var("COUNT").map_or(300, |c| c.parse().unwrap())
    };
    let mut failed = 0;
    let mut most = 0;
    for seed in from..from + count {
        match run(seed) {
            Err(e) => {
                failed += 1;
                if failed < 6 {
                    println!("SEED={seed}: {e}");
                }
            }
            Ok((_, r)) => most = most.max(r),
        }
    }
    println!("failed {failed} of {count}, most rounds {most}");
    assert_eq!(failed, 0);
}
