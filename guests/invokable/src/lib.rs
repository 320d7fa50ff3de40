//! Exports functions of every kind, in interfaces and outside them, to be called from the command line.

use std::cell::Cell;

use caching::wasi::keyvalue::cache::{self, GetOrSetEntry};
use exports::example::invokable::{doings, keys, shapes, things};
use keyvalue::wasi::keyvalue::store;

mod caching {
    wit_bindgen::generate!({
        path: ["../../wit/io-0.2.0", "../../wit/keyvalue-0.1.0"],
        world: "wasi:keyvalue/caching@0.1.0",
        generate_all,
    });
}

mod keyvalue {
    wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });
}

wit_bindgen::generate!({ path: "wit", world: "invokable" });

struct Invokable;

struct Thing(String);

export!(Invokable);

thread_local! {
    /// How often it was counted in this instance.
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

impl Guest for Invokable {
    fn add(a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
}

impl shapes::Guest for Invokable {
    fn echo_bool(value: bool) -> bool {
        value
    }

    fn echo_s8(value: i8) -> i8 {
        value
    }

    fn echo_u64(value: u64) -> u64 {
        value
    }

    fn echo_s64(value: i64) -> i64 {
        value
    }

    fn echo_f32(value: f32) -> f32 {
        value
    }

    fn echo_f64(value: f64) -> f64 {
        value
    }

    fn echo_char(value: char) -> char {
        value
    }

    fn echo_string(value: String) -> String {
        value
    }

    fn echo_bytes(value: Vec<u8>) -> Vec<u8> {
        value
    }

    fn echo_list(value: Vec<String>) -> Vec<String> {
        value
    }

    fn echo_tuple(value: (u8, String, bool)) -> (u8, String, bool) {
        value
    }

    fn echo_record(value: shapes::Point) -> shapes::Point {
        value
    }

    fn echo_variant(value: shapes::Shape) -> shapes::Shape {
        value
    }

    fn echo_enum(value: shapes::Colour) -> shapes::Colour {
        value
    }

    fn echo_flags(value: shapes::Marks) -> shapes::Marks {
        value
    }

    fn echo_option(value: Option<Option<u8>>) -> Option<Option<u8>> {
        value
    }

    fn echo_result(value: Result<String, u32>) -> Result<String, u32> {
        value
    }

    fn echo_empty(value: Result<(), ()>) -> Result<(), ()> {
        value
    }

    fn optional(first: u8, second: Option<String>) -> String {
        format!("{first} {second:?}")
    }

    fn name() -> String {
        "shapes".to_owned()
    }
}

impl doings::Guest for Invokable {
    fn count() -> u32 {
        COUNT.set(COUNT.get() + 1);
        COUNT.get()
    }

    fn nothing() {}

    fn print(text: String) {
        println!("{text}");
    }

    fn fail(why: String) {
        panic!("{why}");
    }

    fn compute() {
        let mut n = 0_u64;
        loop {
            n = std::hint::black_box(n.wrapping_add(1));
        }
    }

    fn fill(length: u32) -> Vec<u8> {
        vec![b'x'; length as usize]
    }

    fn keep(key: String) -> String {
        let future = cache::get_or_set(&key);
        future.listen_to_future_get_or_set_result().block();
        match future.future_get_or_set_result_get() {
            Some(Ok(GetOrSetEntry::Vacant(vacancy))) => {
                std::mem::forget(vacancy);
                "vacant".to_owned()
            }
            Some(Ok(GetOrSetEntry::Occupied(_))) => "occupied".to_owned(),
            Some(Err(error)) => error.trace(),
            None => "no answer".to_owned(),
        }
    }

    fn name() -> String {
        "doings".to_owned()
    }
}

impl keys::Guest for Invokable {
    fn get(bucket: String, key: String) -> Result<Option<Vec<u8>>, String> {
        let found = store::open(&bucket).and_then(|bucket| bucket.get(&key));
        found.map_err(described)
    }

    fn set(bucket: String, key: String, value: Vec<u8>) -> Result<(), String> {
        let set = store::open(&bucket).and_then(|bucket| bucket.set(&key, &value));
        set.map_err(described)
    }
}

impl things::Guest for Invokable {
    type Thing = Thing;

    fn make() -> Option<things::Thing> {
        Some(things::Thing::new(Thing("made".to_owned())))
    }
}

impl things::GuestThing for Thing {
    fn new(name: String) -> Self {
        Self(name)
    }

    fn name(&self) -> String {
        self.0.clone()
    }

    fn total() -> u32 {
        7
    }
}

fn described(error: store::Error) -> String {
    match error {
        store::Error::NoSuchStore => "no-such-store".to_owned(),
        store::Error::AccessDenied => "access-denied".to_owned(),
        store::Error::Other(text) => text,
    }
}
