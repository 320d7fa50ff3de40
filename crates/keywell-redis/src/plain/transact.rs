//! Transactions on one server: over all buckets, as one script.

use keywell_store::{
    Action, Answer, Change, Check, Result, Transacted, Transacting, Version, Write,
};

use super::fence;
use super::limits::LIMITS;
use super::names::Keys;
use crate::journal::reply::Elements;
use crate::link::{Effect, Link, Route, Script};
use crate::transact::{self, BYTES, OPERATIONS};

static TRANSACT: Script = Script::new(concat!(
    include_str!("../lua/numbers.lua"),
    include_str!("lua/transact.lua")
));

/// What is declared: a cluster has no script over several slots.
pub(super) fn transacting(link: &Link) -> Transacting {
    if link.is_cluster() {
        return Transacting::None;
    }
    Transacting::Store {
        operations: OPERATIONS,
        bytes: BYTES,
    }
}

/// Performs the writes if all checks hold; `flat` is what names begin with in the flat layout.
pub(super) fn run(
    link: Link,
    flat: Option<&str>,
    checks: &[Check],
    writes: Vec<Write>,
) -> Answer<Transacted> {
    let prepared = transacting(&link)
        .check(checks, &writes)
        .and_then(|()| names(flat, checks, &writes))
        .and_then(|names| Ok((names, transact::arguments(checks, &writes)?)));
    let (names, arguments) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return error.into(),
    };
    if names.is_empty() {
        return Answer::now(Transacted::Done(Vec::new()));
    }
    Answer::later(async move {
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let arguments: Vec<&[u8]> = arguments.iter().map(|argument| &argument[..]).collect();
        let reply = link
            .script(Effect::Write, Route::Any, &TRANSACT, &names, &arguments)
            .await?;
        let mut rest = Elements::of(reply)?;
        let word = rest.text()?;
        // In this layout the value is its version.
        transact::outcome(&word, rest, &writes, |_, value| Version::from(value))
    })
}

/// The names in Redis of the keys of all checks and writes, which could be those of single calls.
fn names(flat: Option<&str>, checks: &[Check], writes: &[Write]) -> Result<Vec<Vec<u8>>> {
    const NOTHING: &[u8] = b"";
    let checked = checks
        .iter()
        .map(|check| (&check.bucket, &check.key, NOTHING));
    let written = writes.iter().map(|write| {
        let value = match &write.action {
            Action::Change(Change::Set(value, _)) => &value[..],
            _ => NOTHING,
        };
        (&write.bucket, &write.key, value)
    });
    let names = checked.chain(written).map(|(bucket, key, value)| {
        let keys = Keys::new(bucket, flat)?;
        if keys.has_reserved() {
            fence::check(key)?;
        }
        LIMITS.check_entry(key, value)?;
        Ok(keys.full(key))
    });
    names.collect()
}
