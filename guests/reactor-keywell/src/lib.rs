//! Is called for changes, and changes its own key again by `keywell:keyvalue`, as the key says, so that tests see what counts as a hop.
//!
//! Every event is counted as `attempts/KEY` in the bucket `record`.
//!
//! | Key | How it is changed |
//! |---|---|
//! | `set:…` | by `set` |
//! | `swap:…` | by `set` at the version that it has |
//! | `flip:…` | by `delete` if it was set, by `set` if it was deleted |
//! | `increment:…` | by `increment` |
//! | `batch:…` | by `set-many` |
//! | `transact:…` | by `transact`, which sets it |
//! | `count:…` | by `transact`, which increments it |

use exports::wasi::keyvalue::watcher::Guest;
use own::keywell::keyvalue::atomics;
use own::keywell::keyvalue::batch;
use own::keywell::keyvalue::store::{self, Error, Expectation};
use own::keywell::keyvalue::transactions::{Action, NewValue, Write, transact};
use wasi::keyvalue::store::Bucket;

mod own {
    wit_bindgen::generate!({
        path: "../../wit/keywell-keyvalue-0.1.0",
        world: "imports",
        generate_all,
    });
}

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "watch-service" });

struct Reactor;

export!(Reactor);

impl Guest for Reactor {
    fn on_set(_: Bucket, key: String, _: Vec<u8>) {
        react(&key, true).expect("the store does as it is asked");
    }

    fn on_delete(_: Bucket, key: String) {
        react(&key, false).expect("the store does as it is asked");
    }
}

fn react(key: &str, is_set: bool) -> Result<(), Error> {
    let record = store::open("record")?;
    let attempt = atomics::increment(&record, &format!("attempts/{key}"), 1, None)?;
    let bucket = store::open("")?;
    let value = attempt.to_string().into_bytes();
    let (how, _) = key.split_once(':').unwrap_or((key, ""));
    match how {
        "flip" if is_set => bucket.delete(key, &Expectation::Any)?,
        "set" | "flip" => drop(bucket.set(key, &value, &Expectation::Any, None)?),
        "swap" => {
            let entry = bucket.get(key)?.expect("it was set");
            let expected = Expectation::At(entry.version);
            drop(bucket.set(key, &value, &expected, None)?);
        }
        "increment" => drop(atomics::increment(&bucket, key, 1, None)?),
        "batch" => batch::set_many(&bucket, &[(key.to_owned(), value)])?,
        "transact" | "count" => {
            let action = if how == "count" {
                Action::Increment(1)
            } else {
                Action::Set(NewValue { value, ttl: None })
            };
            let write = Write {
                bucket: &bucket,
                key: key.to_owned(),
                action,
            };
            drop(transact(&[], &[write])?);
        }
        _ => {}
    }
    Ok(())
}
