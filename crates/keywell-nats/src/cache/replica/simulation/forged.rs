//! Messages that no copy would send.

use super::super::machine::Replica;
use super::super::message::{Effect, Message};
use super::super::origin::Origin;
use super::random::Random;

/// Forged messages may change a cache, as all may that publish on its subjects. They end no process.
#[test]
fn forged_messages_end_no_process() {
    let mut random = Random(7);
    let sample = sample();
    let origin = |node| Origin {
        node,
        incarnation: 1,
    };
    let mut accepted = 0;
    for _ in 0..50 {
        let mut replica = Replica::new(origin(3), 1 << 16);
        replica.mark_joined();
        for _ in 0..400 {
            let mut bytes = sample[random.index(sample.len())].clone();
            for _ in 0..=random.below(3) {
                let at = random.index(bytes.len());
                let [byte, ..] = random.next().to_le_bytes();
                // The largest numbers are the likeliest to overflow.
                bytes[at] = if random.happens_in(50) { 0xff } else { byte };
            }
            if let Ok((message, _)) = postcard::take_from_bytes::<Message>(&bytes) {
                accepted += 1;
                let from = origin(random.below(4));
                let now = random.below(1 << 50);
                drop(replica.receive(from, message, now));
                drop(replica.set("own", "value".into(), now));
                drop(replica.increment("sum", 1, now));
                drop(replica.tick(now));
            }
        }
    }
    assert!(accepted > 1000, "{accepted}");
}

/// All that two copies say to each other until they are equal, as bytes.
fn sample() -> Vec<Vec<u8>> {
    let mut copies: Vec<Replica> = [1, 2]
        .map(|node| {
            let incarnation = 1;
            Replica::new(Origin { node, incarnation }, 1 << 16)
        })
        .into();
    let mut sample = Vec::new();
    let mut queue = Vec::new();
    for at in [0, 1] {
        copies[at].mark_joined();
        for n in 0..20 {
            let key = format!("k{}", n % (7 + at));
            let effects = match n % 3 {
                0 => copies[at].set(&key, "5".into(), n as u64),
                1 => copies[at].delete(&key),
                _ => copies[at]
                    .increment(&key, 1, n as u64)
                    .map_or_else(|_| Vec::new(), |(_, effects)| effects),
            };
            // Every second change is lost.
            let effects = effects.into_iter().filter(|_| n % 2 == 0);
            queue.extend(effects.map(|effect| (at, effect)));
        }
    }
    for now in 0..20 {
        for at in [0, 1] {
            let effects = copies[at].tick(now);
            queue.extend(effects.into_iter().map(|effect| (at, effect)));
        }
        while let Some((at, effect)) = queue.pop() {
            if let Effect::Broadcast(message) | Effect::Send(_, message) = effect {
                sample.push(postcard::to_allocvec(&message).expect("it is encoded"));
                let from = copies[at].origin();
                let effects = copies[1 - at].receive(from, message, now);
                queue.extend(effects.into_iter().map(|effect| (1 - at, effect)));
            }
        }
    }
    sample
}
