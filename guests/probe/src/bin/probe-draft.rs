//! Runs a script on `wasi:keyvalue@0.2.0-draft`, which has no compare-and-swap. `script.rs` explains the language.

#[path = "../script.rs"]
mod script;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft", world: "imports" });

mod generation {
    use crate::script::{self, Failure, Outcome};
    use crate::wasi::keyvalue::store::Bucket;

    #[derive(Default)]
    pub struct Swapper;

    const ABSENT: Failure = Failure::Script("this generation has no compare-and-swap");

    #[expect(clippy::unused_self, reason = "other generations hold a handle")]
    impl Swapper {
        pub fn read(&self, _: &Bucket, _: &str) -> Outcome {
            Err(ABSENT)
        }

        pub fn current(&self) -> Outcome {
            Err(ABSENT)
        }

        pub fn swap(&self, _: &[u8]) -> Outcome {
            Err(ABSENT)
        }
    }

    pub fn list_keys(
        bucket: &Bucket,
        cursor: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), Failure> {
        let cursor = cursor
            .map(|text| text.parse().map_err(|_| "the cursor is not a number"))
            .transpose()?;
        let page = bucket.list_keys(cursor)?;
        Ok((page.keys, page.cursor.map(|cursor| cursor.to_string())))
    }

    pub fn show(entry: Option<(String, Vec<u8>)>) -> String {
        entry.map_or("none".into(), |(key, value)| {
            format!("{key}={}", script::quote(&value))
        })
    }
}

fn main() -> std::process::ExitCode {
    script::run()
}
