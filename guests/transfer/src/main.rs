//! Moves money between accounts, all of it or none.
//!
//! | Arguments | |
//! |---|---|
//! | `deposit ACCOUNT AMOUNT` | adds to an account |
//! | `move FROM TO AMOUNT` | moves from one to another, if the first has so much |
//! | `balance ACCOUNT` | prints what an account has |
//!
//! Accounts are counters in the bucket `accounts`. The bucket `moved` counts what was moved from each account, in the
//! same transaction. Exit code 0 if it was done, else 1.

use std::env;
use std::process::ExitCode;

use keywell::keyvalue::atomics;
use keywell::keyvalue::store::{self, Bucket, Entry, Error, Expectation};
use keywell::keyvalue::transactions::{Action, Check, Write, transact};

wit_bindgen::generate!({
    inline: "
        package keywell:transfer;

        world transfer {
          import keywell:keyvalue/store@0.1.0;
          import keywell:keyvalue/atomics@0.1.0;
          import keywell:keyvalue/transactions@0.1.0;
        }
    ",
    path: "../../wit/keywell-keyvalue-0.1.0",
    generate_all,
});

const USAGE: &str = "deposit ACCOUNT AMOUNT | move FROM TO AMOUNT | balance ACCOUNT";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["deposit", account, amount] => amount_of(amount).and_then(|n| deposit(account, n)),
        ["move", from, to, amount] => amount_of(amount).and_then(|n| move_between(from, to, n)),
        ["balance", account] => balance(account),
        _ => Err(format!("arguments: {USAGE}")),
    };
    match done {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn amount_of(text: &str) -> Result<i64, String> {
    let amount = text.parse().ok().filter(|amount| *amount > 0);
    amount.ok_or(format!("{text:?} is not an amount"))
}

fn accounts() -> Result<Bucket, String> {
    store::open("accounts").map_err(|error| error.to_string())
}

fn deposit(account: &str, amount: i64) -> Result<String, String> {
    let balance = atomics::increment(&accounts()?, account, amount, None)
        .map_err(|error| error.to_string())?;
    Ok(format!("{account}: {balance}"))
}

fn balance(account: &str) -> Result<String, String> {
    let entry = accounts()?
        .get(account)
        .map_err(|error| error.to_string())?;
    Ok(format!("{account}: {}", held(entry.as_ref())?))
}

/// Reads the account that pays, and writes only if no other write came between. Else it reads once more.
fn move_between(from: &str, to: &str, amount: i64) -> Result<String, String> {
    if from == to {
        return Err("an account cannot pay itself".into());
    }
    let accounts = accounts()?;
    let moved = store::open("moved").map_err(|error| error.to_string())?;
    loop {
        let paying = accounts.get(from).map_err(|error| error.to_string())?;
        let balance = held(paying.as_ref())?;
        let (Some(paying), true) = (paying, balance >= amount) else {
            return Err(format!("{from} has {balance}, less than {amount}"));
        };
        let check = Check {
            bucket: &accounts,
            key: from.into(),
            expected: Expectation::At(paying.version),
        };
        let add = |bucket, key: &str, delta| Write {
            bucket,
            key: key.into(),
            action: Action::Increment(delta),
        };
        let writes = [
            add(&accounts, from, -amount),
            add(&accounts, to, amount),
            add(&moved, from, amount),
        ];
        match transact(&[check], &writes) {
            Ok(written) => {
                let now = |place: usize| written[place].counter.unwrap_or_default();
                return Ok(format!("{from}: {}\n{to}: {}", now(0), now(1)));
            }
            Err(Error::CheckFailed(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn held(entry: Option<&Entry>) -> Result<i64, String> {
    let Some(entry) = entry else { return Ok(0) };
    let text = std::str::from_utf8(&entry.value).ok();
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or("what the account holds is not a number".into())
}
