//! Runs steps on `keywell:keyvalue@0.1.0`, each an argument `STEP:BUCKET:KEY:VALUE`, and prints what each answered.
//!
//! | Step | |
//! |---|---|
//! | `get`, `set`, `delete`, `increment` | the call of that name |
//! | `list` | the keys that begin with `KEY`, with their values |
//! | `many` | `get-many` of that key |
//! | `check` | a transaction that checks that the key is absent |
//! | `transact` | a transaction that sets the key |
//! | `count` | a transaction that increments the key by `VALUE` |
//! | `both` | a transaction that sets the key in the bucket and in the bucket `VALUE` |
//! | `watch` | opens a subscription to keys that begin with `KEY`, after the token `VALUE` if there is one |
//! | `next` | waits for events of the latest subscription, and prints their keys |
//! | `there` | the events that are there |
//! | `reached` | where the latest subscription has come |

use std::env;

use keywell::keyvalue::store::{self, Error, Expectation, ListOptions};
use keywell::keyvalue::transactions::{Action, Check, NewValue, Write, transact};
use keywell::keyvalue::watch::{Event, Filter, Subscription, subscribe};
use keywell::keyvalue::{atomics, batch};

wit_bindgen::generate!({
    path: "../../wit/keywell-keyvalue-0.1.0",
    world: "imports",
    generate_all,
});

fn main() {
    let mut latest = None;
    for argument in env::args().skip(1) {
        let mut parts = argument.splitn(4, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (step, bucket, key, value) = (part(), part(), part(), part());
        let answer = match step {
            "watch" => watch(bucket, key, value).map(|subscription| {
                latest = Some(subscription);
                "open".into()
            }),
            "next" | "there" | "reached" => {
                let subscription = latest.as_ref().expect("a subscription is open");
                if step == "next" {
                    subscription.pollable().block();
                }
                if step == "reached" {
                    Ok(subscription.reached().unwrap_or("none".into()))
                } else {
                    subscription.next(100).map(|events| shown(&events))
                }
            }
            _ => perform(step, bucket, key, value),
        };
        println!("{}", answer.unwrap_or_else(|error| format!("{error:?}")));
    }
}

fn perform(step: &str, name: &str, key: &str, value: &str) -> Result<String, Error> {
    let bucket = store::open(name)?;
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let set = || {
        Action::Set(NewValue {
            value: value.into(),
            ttl: None,
        })
    };
    let write = |action| Write {
        bucket: &bucket,
        key: key.into(),
        action,
    };
    let delta = || value.parse().unwrap_or(1);
    match step {
        "get" => {
            let entry = bucket.get(key)?;
            return Ok(entry.map_or("none".into(), |entry| text(&entry.value)));
        }
        "set" => drop(bucket.set(key, value.as_bytes(), &Expectation::Any, None)?),
        "delete" => bucket.delete(key, &Expectation::Any)?,
        "increment" => {
            let sum = atomics::increment(&bucket, key, delta(), None)?;
            return Ok(sum.to_string());
        }
        "list" => {
            let page = bucket.list(&ListOptions {
                prefix: key.into(),
                limit: None,
                values: true,
                cursor: None,
            })?;
            let items = page.items.into_iter().map(|item| {
                let value = item.entry.map(|entry| text(&entry.value));
                format!("{}={}", item.key, value.unwrap_or_default())
            });
            return Ok(items.collect::<Vec<_>>().join(" "));
        }
        "many" => {
            let entries = batch::get_many(&bucket, &[key.into()])?;
            return Ok(entries.iter().flatten().count().to_string());
        }
        "check" => {
            let check = Check {
                bucket: &bucket,
                key: key.into(),
                expected: Expectation::Absent,
            };
            drop(transact(&[check], &[])?);
        }
        "transact" => drop(transact(&[], &[write(set())])?),
        "count" => {
            let written = transact(&[], &[write(Action::Increment(delta()))])?;
            return Ok(format!("{:?}", written[0].counter));
        }
        "both" => {
            let other = store::open(value)?;
            let there = Write {
                bucket: &other,
                key: key.into(),
                action: set(),
            };
            drop(transact(&[], &[write(set()), there])?);
        }
        _ => panic!("no step {step:?}"),
    }
    Ok("done".into())
}

fn watch(bucket: &str, prefix: &str, after: &str) -> Result<Subscription, Error> {
    let after = Some(after).filter(|after| !after.is_empty());
    let bucket = store::open(bucket)?;
    subscribe(&bucket, &Filter::Prefix(prefix.into()), after)
}

fn shown(events: &[Event]) -> String {
    let keys = events.iter().map(|event| match event {
        Event::Set(set) => set.key.clone(),
        Event::Delete(delete) => format!("-{}", delete.key),
        Event::Gap => "gap".into(),
    });
    let keys: Vec<_> = keys.collect();
    if keys.is_empty() {
        return "nothing".into();
    }
    keys.join(" ")
}
