//! A durable worker that saves its state, and does on request what it may not do meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use keyvalue::wasi::keyvalue::{atomics, store};

mod keyvalue {
    wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });
}

mod worker {
    use super::Saver;

    wit_bindgen::generate!({ path: "../../wit/keywell-worker-0.1.0", world: "worker" });
    export!(Saver);
}

wit_bindgen::generate!({ path: "wit", world: "saver" });

struct Saver;

export!(Saver);

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
    static LOADS: Cell<u32> = const { Cell::new(0) };
    static WORDS: RefCell<HashMap<String, u32>> = RefCell::default();
    static MISDEED: RefCell<String> = RefCell::default();
}

fn increment() -> Result<i64, store::Error> {
    atomics::increment(&store::open("counts")?, "count", 1)
}

impl Guest for Saver {
    fn count() -> String {
        COUNT.set(COUNT.get() + 1);
        let stored = increment().expect("it is a number");
        format!("{} {stored}", COUNT.get())
    }

    fn remember(word: String) -> Vec<String> {
        WORDS.with_borrow_mut(|words| {
            let next = u32::try_from(words.len()).expect("they are few");
            words.entry(word).or_insert(next);
            words.keys().cloned().collect()
        })
    }

    fn loads() -> u32 {
        LOADS.get()
    }

    fn misbehave(how: String) {
        MISDEED.set(how);
    }
}

impl worker::exports::keywell::worker::snapshot::Guest for Saver {
    #[expect(clippy::disallowed_methods, reason = "it is asked to sleep")]
    fn save() -> Vec<u8> {
        let misdeed = MISDEED.take();
        println!("saves");
        match misdeed.as_str() {
            "trap" => panic!("as asked"),
            // It goes on as if nothing were wrong.
            "write" => drop(increment()),
            "sleep" => std::thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
        let mut lines = vec![COUNT.get().to_string(), LOADS.get().to_string(), misdeed];
        WORDS.with_borrow(|words| {
            let mut words: Vec<_> = words.iter().collect();
            words.sort_by_key(|(_, place)| **place);
            lines.extend(words.into_iter().map(|(word, _)| word.clone()));
        });
        lines.join("\n").into_bytes()
    }

    fn load(state: Vec<u8>) -> Result<(), String> {
        let text = String::from_utf8(state).map_err(|error| error.to_string())?;
        let mut lines = text.split('\n');
        let mut number = || {
            let line = lines.next().unwrap_or_default();
            line.parse::<u32>()
                .map_err(|error| format!("{line:?} is no count: {error}"))
        };
        COUNT.set(number()?);
        LOADS.set(number()? + 1);
        if lines.next() == Some("spoil") {
            return Err("it is spoilt".to_owned());
        }
        let words = lines.zip(0..).map(|(word, place)| (word.to_owned(), place));
        WORDS.set(words.collect());
        Ok(())
    }
}
