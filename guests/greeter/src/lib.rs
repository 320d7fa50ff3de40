//! Answers calls of other components, and counts in its own bucket.

mod known {
    use crate::exports::example::greet::greeter::{Marks, Mood, Person, Place, Wish};

    include!("known.rs");
}

use exports::example::greet::greeter::{Guest, Person, Problem};
use keyvalue::wasi::keyvalue::{atomics, store};

mod keyvalue {
    wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });
}

wit_bindgen::generate!({
    path: "../greet-wit",
    world: "exporter",
    additional_derives: [PartialEq],
});

struct Greeter;

export!(Greeter);

impl Guest for Greeter {
    fn greet(person: Person) -> Result<Person, Problem> {
        if person == known::person() {
            Ok(person)
        } else {
            Err(Problem::Stranger(format!("{person:?}")))
        }
    }

    fn count(bucket: String, key: String) -> Result<i64, String> {
        let bucket = store::open(&bucket);
        let counted = bucket.and_then(|bucket| atomics::increment(&bucket, &key, 1));
        counted.map_err(|error| match error {
            store::Error::NoSuchStore => "no-such-store".to_owned(),
            store::Error::AccessDenied => "access-denied".to_owned(),
            store::Error::Other(text) => text,
        })
    }

    fn fill(length: u32) -> Vec<u8> {
        vec![b'x'; length as usize]
    }

    fn measure(bytes: Vec<u8>) -> u32 {
        u32::try_from(bytes.len()).unwrap_or(u32::MAX)
    }

    fn wait() {
        wasip2::clocks::monotonic_clock::subscribe_duration(3_600_000_000_000).block();
    }

    fn compute() {
        let mut n = 0_u64;
        loop {
            n = std::hint::black_box(n.wrapping_add(1));
        }
    }

    fn grow() {
        let mut kept = Vec::new();
        loop {
            kept.push(std::hint::black_box(vec![1_u8; 1 << 16]));
        }
    }
}
