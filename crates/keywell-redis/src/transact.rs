//! What the scripts of transactions take and answer, in all layouts.

use bytes::Bytes;
use keywell_store::{
    Action, Change, Check, Error, Expected, Invalid, Result, Transacted, Version, Write, Written,
};

use crate::journal::reply::{Elements, unexpected};

/// The most checks and writes of a transaction. A server does nothing else meanwhile, which is a few
/// milliseconds for so many.
pub(crate) const OPERATIONS: usize = 1_000;

/// The most bytes of a transaction.
pub(crate) const BYTES: usize = 64 << 20;

/// The arguments of a script: the number of checks, what each expects, and what each write does.
pub(crate) fn arguments(checks: &[Check], writes: &[Write]) -> Result<Vec<Bytes>> {
    let mut arguments = vec![Bytes::from(checks.len().to_string())];
    for check in checks {
        let (what, expected) = match &check.expected {
            Expected::Absent => ("absent", Bytes::new()),
            Expected::At(version) => match version.as_bytes() {
                Some(version) => ("is", version.clone()),
                // A version of another store is that of nothing here.
                None => ("never", Bytes::new()),
            },
        };
        arguments.extend([what.into(), expected]);
    }
    for write in writes {
        arguments.extend(match &write.action {
            Action::Change(Change::Set(value, how)) => {
                let ttl = how.ttl_millis()?;
                let ttl = ttl.map(|millis| millis.to_string()).unwrap_or_default();
                ["set".into(), value.clone(), ttl.into()]
            }
            Action::Change(Change::Delete) => ["del".into(), Bytes::new(), Bytes::new()],
            Action::Increment(delta) => ["add".into(), delta.to_string().into(), Bytes::new()],
        });
    }
    Ok(arguments)
}

/// Reads the answer of a script: a word, and what belongs to it. `version` is that of a write, by what the script answers as such
/// and the value that is there now.
pub(crate) fn outcome(
    word: &str,
    mut rest: Elements,
    writes: &[Write],
    version: impl Fn(Bytes, Bytes) -> Version,
) -> Result<Transacted> {
    let refused: Error = match word {
        "ok" => {
            let written = writes
                .iter()
                .map(|write| read(&mut rest, write, &version))
                .collect::<Result<_>>()?;
            rest.end()?;
            return Ok(Transacted::Done(written));
        }
        "stale" => {
            let place = rest.number()?;
            rest.end()?;
            return Ok(Transacted::Stale(place));
        }
        "number" => Invalid::NotANumber.into(),
        "overflow" => Invalid::Overflow.into(),
        "type" => Error::Corrupt("another program keeps something else than a string there".into()),
        _ => unexpected("a script answered a word that it does not have"),
    };
    rest.end()?;
    Err(refused)
}

fn read(
    rest: &mut Elements,
    write: &Write,
    version: impl Fn(Bytes, Bytes) -> Version,
) -> Result<Written> {
    Ok(match &write.action {
        Action::Change(Change::Set(value, _)) => {
            rest.text()?;
            Written::set(version(rest.bytes()?, value.clone()))
        }
        Action::Change(Change::Delete) => {
            let was_there = rest.number::<u8>()? > 0;
            rest.text()?;
            Written::deleted(was_there)
        }
        Action::Increment(_) => {
            let sum: i64 = rest.number()?;
            let value = keywell_store::counter::text(sum);
            Written::counted(version(rest.bytes()?, value), sum)
        }
    })
}
