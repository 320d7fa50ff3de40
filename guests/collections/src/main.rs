//! Does what its arguments say with `keywell:collections`, step by step, and prints what each
//! answered.
//!
//! - `open:NAME`: opens a bucket; the steps after it use the one that was opened last.
//! - `get:KEY`, `set:KEY=TEXT`, `add:KEY=DELTA`, `delete:KEY`, `exists:KEY`, `clear:KEY`: one call
//!   each.
//! - `push:LIST=ITEM`, `range:LIST=START,STOP`, `list-item-delete:LIST=ITEM`.
//! - `set-add:SET=MEMBER`, `set-remove:SET=MEMBER`, `set-query:SET`, `set-union:SET,SET`,
//!   `set-intersection:SET,SET`.
//! - `fill:LIST=N`: pushes N items of 1000 bytes, and prints the length.

use std::env;
use std::process::ExitCode;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit/keywell-collections-0.1.0", world: "imports" });
}

use bindings::keywell::collections::store::{self, Bucket, Error};

fn main() -> ExitCode {
    let mut bucket = None;
    for step in env::args().skip(1) {
        let (name, rest) = step.split_once(':').unwrap_or((&step, ""));
        let answer = match (name, &bucket) {
            ("open", _) => store::open(rest).map(|opened| {
                bucket = Some(opened);
                "ok".to_owned()
            }),
            (_, None) => {
                eprintln!("the first step is open:NAME");
                return ExitCode::FAILURE;
            }
            (_, Some(bucket)) => {
                if let Some(answer) = call(bucket, name, rest) {
                    answer
                } else {
                    eprintln!("not a step: {step}");
                    return ExitCode::FAILURE;
                }
            }
        };
        match answer {
            Ok(answer) => println!("{step} -> {answer}"),
            Err(error) => println!("{step} -> {}", shown(&error)),
        }
    }
    ExitCode::SUCCESS
}

/// Makes a call, if there is one of this name.
fn call(bucket: &Bucket, name: &str, rest: &str) -> Option<Result<String, Error>> {
    let (key, text) = rest.split_once('=').unwrap_or((rest, ""));
    let keys = || -> Vec<String> { rest.split(',').map(str::to_owned).collect() };
    Some(match name {
        "get" => bucket.get(key).map(|text| match text {
            Some(text) => format!("{text:?}"),
            None => "none".to_owned(),
        }),
        "set" => bucket.set(key, text).map(|()| "ok".to_owned()),
        "add" => bucket
            .add(key, text.parse().ok()?)
            .map(|sum| sum.to_string()),
        "delete" => bucket.delete(key).map(|()| "ok".to_owned()),
        "exists" => bucket.exists(key).map(|exists| exists.to_string()),
        "clear" => bucket.clear(key).map(|texts| texts.to_string()),
        "push" => bucket.push(key, text).map(|length| length.to_string()),
        "range" => {
            let (start, stop) = text.split_once(',')?;
            let items = bucket.range(key, start.parse().ok()?, stop.parse().ok()?);
            items.map(|items| items.join(" "))
        }
        "list-item-delete" => bucket
            .list_item_delete(key, text)
            .map(|deleted| deleted.to_string()),
        "set-add" => bucket.set_add(key, text).map(|is_new| is_new.to_string()),
        "set-remove" => bucket
            .set_remove(key, text)
            .map(|was_there| was_there.to_string()),
        "set-query" => bucket.set_query(key).map(|members| members.join(" ")),
        "set-union" => bucket.set_union(&keys()).map(|members| members.join(" ")),
        "set-intersection" => bucket
            .set_intersection(&keys())
            .map(|members| members.join(" ")),
        "fill" => {
            let item = "i".repeat(1000);
            let mut length = Ok(0);
            for _ in 0..text.parse().ok()? {
                length = bucket.push(key, &item);
            }
            length.map(|length| length.to_string())
        }
        _ => return None,
    })
}

fn shown(error: &Error) -> String {
    match error {
        Error::NoSuchBucket => "no-such-bucket".to_owned(),
        Error::AccessDenied => "access-denied".to_owned(),
        Error::WrongKind(kind) => format!("wrong-kind {kind:?}"),
        Error::NotText => "not-text".to_owned(),
        Error::TooLarge(limit) => format!("too-large {:?}", limit.measure),
        Error::NotANumber => "not-a-number".to_owned(),
        Error::Overflow => "overflow".to_owned(),
        Error::Invalid(text) => format!("invalid {text}"),
        Error::Unsupported(what) => format!("unsupported {what}"),
        Error::Unavailable => "unavailable".to_owned(),
        Error::Ambiguous => "ambiguous".to_owned(),
        Error::Other(text) => format!("other {text}"),
    }
}
