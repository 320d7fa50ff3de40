//! What a fuzzer runs: messages that no copy would send.

use super::replica::{Effect, Entry, Message, Origin, Replica, Update};

/// How many bytes of entries a message has.
const MESSAGE_BYTES: usize = 1 << 10;
/// How much longer than that a message may be that a copy sends: by one entry, which no input exceeds.
const MARGIN: usize = 8 << 10;

/// Has a copy take messages, each behind the number of a node and a time, and write between them.
/// They may change what it holds; they end nothing, they draw no long answer, and what the copy writes
/// it has.
///
/// # Panics
///
/// If something of that does not hold.
pub fn messages(mut data: &[u8]) {
    let origin = |node| Origin {
        node,
        incarnation: 1,
    };
    let mut replica = Replica::new(origin(0), MESSAGE_BYTES);
    replica.mark_joined();
    let mut written = 0_u64;
    while let Ok(((node, now, message), rest)) =
        postcard::take_from_bytes::<(u8, u32, Message)>(data)
    {
        data = rest;
        let now = u64::from(now);
        let sent = replica.receive(origin(node.into()), message, now);
        check(&sent);
        written += 1;
        let sent = replica.set("own", written.to_string().into(), now);
        check(&sent);
        let value = replica.entry("own").and_then(Entry::value);
        assert_eq!(value, Some(written.to_string().into()), "what it wrote");
        if let Ok((sum, sent)) = replica.increment("sum", 1, now) {
            check(&sent);
            let number = replica.entry("sum").and_then(Entry::number);
            assert_eq!(number, Some(sum), "what it added to");
        }
        check(&replica.tick(now));
    }
    replica.check();
}

/// What is sent is short, and another copy reads it.
fn check(sent: &[Effect]) {
    for effect in sent {
        let (Effect::Broadcast(message) | Effect::Send(_, message)) = effect else {
            continue;
        };
        let bytes = postcard::to_allocvec(message).expect("a message is encoded");
        let limit = match message {
            // One that holds what a message brought.
            Message::Update(Update { entry: Some(_), .. }) => 2 * MARGIN,
            _ => MESSAGE_BYTES + MARGIN,
        };
        assert!(bytes.len() <= limit, "{} bytes: {message:?}", bytes.len());
        let read = postcard::from_bytes::<Message>(&bytes);
        assert!(read.is_ok(), "{message:?}");
    }
}
