//! Runs a script on `wasi:keyvalue@0.2.0-draft2`. `script.rs` explains the language.

#[path = "../draft2.rs"]
mod draft2;
#[path = "../script.rs"]
mod script;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });

mod generation {
    pub use crate::draft2::{Swapper, list_keys};
    use crate::script;

    pub fn show(entry: Option<(String, Vec<u8>)>) -> String {
        entry.map_or("none".into(), |(key, value)| {
            format!("{key}={}", script::quote(&value))
        })
    }
}

fn main() -> std::process::ExitCode {
    script::run()
}
