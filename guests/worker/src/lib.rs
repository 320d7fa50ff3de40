//! Does what a durable worker has to repeat in a replay: counts in variables and in a store, draws
//! random numbers, reads clocks, sleeps, prints, and fails.

#![allow(
    clippy::too_many_arguments,
    reason = "generated functions take a text as two numbers"
)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use keyvalue::wasi::keyvalue::{atomics, store};
use wasip2::http::types::FutureIncomingResponse;

mod requests;

mod keyvalue {
    wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });
}

wit_bindgen::generate!({ path: "wit", world: "worker" });

struct Worker;

export!(Worker);

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
    static DRAWN: RefCell<Vec<String>> = RefCell::default();
    static ANSWERS: RefCell<Vec<String>> = RefCell::default();
    static OPEN: RefCell<Option<FutureIncomingResponse>> = RefCell::default();
}

fn counts() -> store::Bucket {
    store::open("counts").expect("the bucket is granted")
}

fn counted() -> u32 {
    COUNT.set(COUNT.get() + 1);
    COUNT.get()
}

/// Keeps what a request was answered in a variable.
fn answered(answer: Result<String, String>) -> String {
    let answer = answer.unwrap_or_else(|error| error);
    ANSWERS.with_borrow_mut(|all| all.push(answer.clone()));
    answer
}

impl Guest for Worker {
    fn count() -> String {
        let own = counted();
        let stored = atomics::increment(&counts(), "count", 1).expect("it is a number");
        println!("counted to {own}");
        format!("{own} {stored}")
    }

    fn counts() -> String {
        let stored = counts().get("count").expect("the store answers");
        let stored = stored.map_or_else(String::new, |value| {
            String::from_utf8(value).expect("it is a number")
        });
        format!("{} {stored}", COUNT.get())
    }

    fn draw() -> String {
        let map: HashMap<u32, u32> = (0..16).map(|n| (n, n)).collect();
        let order: Vec<String> = map.keys().map(ToString::to_string).collect();
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = since.expect("it is later").as_nanos();
        let elapsed = Instant::now().elapsed().as_nanos();
        let drawn = format!("{now} {elapsed} {}", order.join(","));
        DRAWN.with_borrow_mut(|all| all.push(drawn.clone()));
        drawn
    }

    fn drawn() -> Vec<String> {
        DRAWN.with_borrow(Clone::clone)
    }

    fn fail() {
        counted();
        atomics::increment(&counts(), "failed", 1).expect("it is a number");
        panic!("as asked");
    }

    #[expect(clippy::disallowed_methods, reason = "its instance has to end")]
    fn leave() {
        counted();
        std::process::exit(3);
    }

    #[expect(clippy::disallowed_methods, reason = "it is asked to sleep")]
    fn nap(millis: u64) -> u64 {
        counted();
        let began = Instant::now();
        std::thread::sleep(Duration::from_millis(millis));
        u64::try_from(began.elapsed().as_millis()).expect("it is short")
    }

    fn count_often(times: u32) -> String {
        for _ in 0..times {
            counted();
            atomics::increment(&counts(), "count", 1).expect("it is a number");
        }
        Self::counts()
    }

    fn variable(name: String) -> Option<String> {
        std::env::var(name).ok()
    }

    fn request(method: String, url: String, key: Option<String>) -> String {
        let sent = requests::send(&method, &url, key.as_deref(), None);
        answered(sent.map(|sent| requests::answer(&sent)))
    }

    fn race(method: String, first: String, second: String, then: Option<String>) -> String {
        let send = |url: &str| requests::send(&method, url, None, None);
        let both = send(&first).and_then(|first| Ok([first, send(&second)?]));
        answered(both.map(|both| requests::race(&both, then.as_deref())))
    }

    fn upload(url: String, bytes: u64) -> String {
        let sent = requests::send("POST", &url, None, Some(bytes));
        answered(sent.map(|sent| requests::answer(&sent)))
    }

    fn request_within(url: String, millis: u64) -> String {
        let time = Duration::from_millis(millis);
        let sent = requests::send("GET", &url, None, None);
        answered(sent.map(|sent| requests::answer_within(&sent, time)))
    }

    #[expect(clippy::disallowed_methods, reason = "it is asked to sleep")]
    fn leave_open(url: String, millis: u64) {
        let sent = requests::send("GET", &url, None, None);
        OPEN.set(Some(sent.expect("it is handed over")));
        std::thread::sleep(Duration::from_millis(millis));
    }

    fn take_up() -> String {
        let open = OPEN.take().expect("there is one");
        answered(Ok(requests::answer(&open)))
    }

    fn answers() -> Vec<String> {
        ANSWERS.with_borrow(Clone::clone)
    }
}
