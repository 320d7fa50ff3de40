//! The conformance suite for hosts: tries one promise after the other in a bucket, and prints TAP version 14.
//!
//! | Arguments | |
//! |---|---|
//! | `BUCKET` | checks every behaviour in this bucket; the empty text is a name too |
//! | `BUCKET --only N` | checks this one, and may be repeated: a host that traps ends the program, and hides what comes after |
//! | `BUCKET --clean` | removes what a run left that was cut off |
//! | `--list` | prints the behaviours: number, must or may, group, function and promise, with tabs between |
//!
//! A run uses only keys that begin with `conformance/`, and deletes those it wrote. Two runs at once want two buckets. Exit code 0 if
//! every `must` is kept, else 1; a `may` that is not kept is marked TODO, which TAP does not count as a failure. A bucket that does not
//! open ends it with `Bail out!` and 1.

use std::env;
use std::process::ExitCode;

use crate::behaviour::{Behaviour, Level};
use crate::behaviours;
use crate::generation;
use crate::scratch::{self, Scratch};
use crate::tap;

const USAGE: &str = "BUCKET [--only N]... | BUCKET --clean | --list";

enum Order {
    List,
    Clean(String),
    Check { bucket: String, only: Vec<usize> },
}

pub fn run() -> ExitCode {
    let behaviours: Vec<_> = behaviours::all().collect();
    match order(env::args().skip(1), behaviours.len()) {
        Ok(Order::List) => list(&behaviours),
        Ok(Order::Clean(bucket)) => return clean(&bucket),
        Ok(Order::Check { bucket, only }) => return check(&bucket, &behaviours, &only),
        Err(wrong) => {
            eprintln!("{wrong}; arguments: {USAGE}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn order(mut arguments: impl Iterator<Item = String>, count: usize) -> Result<Order, String> {
    let bucket = match arguments.next() {
        None => return Err("a bucket's name is missing".into()),
        Some(argument) if argument == "--list" => return Ok(Order::List),
        Some(bucket) => bucket,
    };
    let mut only = Vec::new();
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--clean" => return Ok(Order::Clean(bucket)),
            "--only" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                let number = number.filter(|number| (1..=count).contains(number));
                only.push(number.ok_or(format!("--only wants a number from 1 to {count}"))?);
            }
            _ => return Err(format!("{argument:?} is not known")),
        }
    }
    Ok(Order::Check { bucket, only })
}

fn list(behaviours: &[&Behaviour]) {
    for (number, behaviour) in (1..).zip(behaviours) {
        let (level, group) = (behaviour.level.word(), behaviour.group());
        let (function, promise) = (behaviour.function(), behaviour.promise());
        println!("{number}\t{level}\t{group}\t{function}\t{promise}");
    }
}

fn clean(bucket: &str) -> ExitCode {
    match scratch::clean(bucket) {
        Ok(0) => println!("nothing was left"),
        Ok(count) => println!("keys removed: {count}"),
        Err(error) => {
            eprintln!("not cleaned: {}", generation::describe(&error));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn check(bucket: &str, behaviours: &[&Behaviour], only: &[usize]) -> ExitCode {
    let chosen = (1..).zip(behaviours);
    let chosen: Vec<_> = chosen
        .filter(|(number, _)| only.is_empty() || only.contains(number))
        .collect();
    println!("TAP version 14\n1..{}", chosen.len());
    println!("# {} in the bucket {bucket:?}", generation::NAME);
    if let Err(error) = generation::open(bucket) {
        let error = tap::line(&generation::describe(&error));
        println!(
            "Bail out! {} of {bucket:?} answered {error}",
            generation::OPEN
        );
        return ExitCode::FAILURE;
    }
    let (mut broken, mut not_offered) = (0, 0);
    for (point, (number, behaviour)) in (1..).zip(&chosen) {
        let scratch = Scratch::new(bucket, *number);
        let outcome = (behaviour.check)(&scratch);
        println!("{}", tap::point(point, behaviour, &outcome));
        match (outcome, behaviour.level) {
            (Ok(()), _) => {}
            (Err(_), Level::Must) => broken += 1,
            (Err(_), Level::May) => not_offered += 1,
        }
        if let Err(error) = scratch.remove() {
            let error = tap::line(&generation::describe(&error));
            println!("# what it wrote could not be removed: {error}");
        }
    }
    println!("# {broken} must are broken, {not_offered} may are not offered");
    if broken > 0 {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
