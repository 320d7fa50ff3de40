//! Runs a script on the second shape of `wasi:keyvalue@0.2.0-draft2`, whose `get-many` names every key. `script.rs` explains
//! the language.

#[path = "../draft2.rs"]
mod draft2;
#[path = "../script.rs"]
mod script;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2-pairs", world: "imports" });

mod generation {
    pub use crate::draft2::{Swapper, list_keys};
    use crate::script;

    pub fn show((key, value): (String, Option<Vec<u8>>)) -> String {
        let value = value.map_or("none".into(), |value| script::quote(&value));
        format!("{key}={value}")
    }
}

fn main() -> std::process::ExitCode {
    script::run()
}
