//! A list that is much larger than a message.

use super::super::collections;
use super::super::machine::Replica;
use super::super::message::{Effect, Message};
use super::super::origin::Origin;

const ITEMS: usize = 30_000;
const MESSAGE_BYTES: usize = 1 << 18;

fn replica(node: u64) -> Replica {
    let origin = Origin {
        node,
        incarnation: 1,
    };
    Replica::new(origin, MESSAGE_BYTES)
}

/// Delivers all messages until none is left, and answers the bytes of the largest.
fn exchange(one: &mut Replica, other: &mut Replica, effects: Vec<Effect>) -> usize {
    let mut largest = 0;
    let mut waiting: Vec<(Origin, Effect)> = Vec::new();
    waiting.extend(effects.into_iter().map(|effect| (one.origin(), effect)));
    while let Some((from, effect)) = waiting.pop() {
        let (Effect::Broadcast(message) | Effect::Send(_, message)) = effect else {
            continue;
        };
        largest = largest.max(bytes(&message));
        let to = if from == one.origin() {
            &mut *other
        } else {
            &mut *one
        };
        let effects = to.receive(from, message, 1_000_000);
        let by = to.origin();
        waiting.extend(effects.into_iter().map(|effect| (by, effect)));
    }
    largest
}

fn bytes(message: &Message) -> usize {
    postcard::to_allocvec(message).expect("it is encoded").len()
}

fn items(replica: &Replica) -> Vec<String> {
    let items = collections::range(replica, "b\0list", (0, -1), |_| Ok(()));
    items.expect("it is a list")
}

#[test]
fn a_list_of_many_messages_is_copied_and_repaired_in_parts() {
    let (mut first, mut second) = (replica(1), replica(2));
    first.mark_joined();
    for number in 0..ITEMS {
        let pushed = collections::push(&mut first, "b\0list", &format!("item {number}"), 1);
        let (length, effects) = pushed.expect("it is a list");
        assert_eq!((length, effects.len()), (number + 1, 1));
    }
    // None of the changes arrived.
    let effects = second.tick(1_000_000);
    let largest = exchange(&mut second, &mut first, effects);
    assert!(
        second.has_joined() && largest < 4 * MESSAGE_BYTES,
        "{largest}"
    );
    assert_eq!(second.root(), first.root());
    assert_eq!(items(&second).len(), ITEMS);

    // A deletion that was lost costs a part of it.
    let deleted = collections::delete_item(&mut first, "b\0list", "item 15000");
    assert_eq!(deleted.expect("it is a list").0, 1);
    let effects = first.tick(2_000_000);
    let largest = exchange(&mut first, &mut second, effects);
    assert!(largest < 16 << 10, "{largest}");
    assert_eq!(items(&second), items(&first));
    assert_eq!(items(&second).len(), ITEMS - 1);
}
