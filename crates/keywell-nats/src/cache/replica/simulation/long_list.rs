//! A list that is much larger than a message.

use super::super::collections;
use super::super::machine::Replica;
use super::super::origin::Origin;
use super::pair::{copy, exchange};

const ITEMS: usize = 30_000;
const MESSAGE_BYTES: usize = 1 << 18;

fn items(replica: &Replica) -> Vec<String> {
    let items = collections::range(replica, "b\0list", (0, -1), |_| Ok(()));
    items.expect("it is a list")
}

#[test]
fn a_list_of_many_messages_is_copied_and_repaired_in_parts() {
    let mut first = copy(1, MESSAGE_BYTES);
    let origin = Origin {
        node: 2,
        incarnation: 1,
    };
    let mut second = Replica::new(origin, MESSAGE_BYTES);
    for number in 0..ITEMS {
        let pushed = collections::push(&mut first, "b\0list", &format!("item {number}"), 1);
        let (length, effects) = pushed.expect("it is a list");
        assert_eq!((length, effects.len()), (number + 1, 1));
    }
    // None of the changes arrived.
    let effects = second.tick(1_000_000);
    let traffic = exchange([&mut second, &mut first], effects, 1_000_000);
    assert!(
        second.has_joined() && traffic.largest < 2 * MESSAGE_BYTES,
        "{traffic:?}"
    );
    assert_eq!(second.root(), first.root());
    assert_eq!(items(&second).len(), ITEMS);

    // A deletion that was lost costs a part of it.
    let deleted = collections::delete_item(&mut first, "b\0list", "item 15000");
    assert_eq!(deleted.expect("it is a list").0, 1);
    let effects = first.tick(2_000_000);
    let traffic = exchange([&mut first, &mut second], effects, 2_000_000);
    assert!(traffic.largest < 4 << 10, "{traffic:?}");
    assert_eq!(items(&second), items(&first));
    assert_eq!(items(&second).len(), ITEMS - 1);
}
