//! The server's setting `notify-keyspace-events`.
//!
//! A watch opens only at primaries that emit the events it needs, or that refuse to say so. Flags are
//! only ever added to those that are set.

use keywell_store::{Error, Failure, Result};
use redis::{Cmd, Value};

use crate::link::{Effect, Link, Primary};
use crate::wire::{command, text};

/// The flags without which nothing is watched: events by key, of strings, and of all types (`del`,
/// `rename`, `restore`).
const NEEDED: &str = "K$g";

/// The flags that watches use: those, and events of expiry and of eviction.
pub(super) const USED: &str = "K$gxe";

/// The flags that `A` stands for (Redis 6.2 to 8, Valkey).
const ALL: &str = "g$lshzxetd";

/// What a primary emits that watches use.
#[derive(Debug)]
pub(super) struct Emitted {
    /// The flags of [`USED`] that are set.
    pub(super) flags: String,
    /// What an operator does for the others, if there are others.
    pub(super) remedy: Option<String>,
}

/// Why nothing can be watched at a primary.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It does not emit the events; the error has the command to run.
    Silent(Error),
    /// It did not answer the question.
    Unknown(Error),
}

/// Checks that a primary emits the events that watches need, and sets all that they use if it may.
pub(super) async fn ensure(
    link: &Link,
    primary: &Primary,
    configure: bool,
) -> Result<Emitted, Unfit> {
    let flags = match link.read_at(primary, &query()).await {
        Ok(reply) => flags_of(&reply),
        // Hosted servers often have no CONFIG: then this is set elsewhere, if at all.
        Err(Error::AccessDenied(_) | Error::Internal(_)) => {
            tracing::warn!(
                "cannot read the server's notify-keyspace-events; watches get no events unless it \
                 has {USED}"
            );
            return Ok(Emitted::all());
        }
        Err(error) => return Err(Unfit::Unknown(error)),
    };
    let lacking = missing(&flags, USED);
    if lacking.is_empty() {
        return Ok(Emitted::all());
    }
    let wanted = format!("{flags}{lacking}");
    let as_it_is = || {
        let remedy = remedy(link.cli_at(primary).as_deref(), &wanted);
        if missing(&flags, NEEDED).is_empty() {
            return Ok(Emitted {
                flags: missing(&lacking, USED),
                remedy: Some(remedy),
            });
        }
        Err(Unfit::Silent(Error::Unavailable(Failure::new(format!(
            "the server does not emit the keyspace events that a watch needs; {remedy}"
        )))))
    };
    if !configure {
        return as_it_is();
    }
    match link
        .call_at(Effect::Write, primary, &set_flags(&wanted))
        .await
    {
        Ok(_) => {
            tracing::info!("set notify-keyspace-events to {wanted} on the server");
            Ok(Emitted::all())
        }
        Err(Error::AccessDenied(_) | Error::Internal(_)) => as_it_is(),
        // Setting it is idempotent, so the caller may retry.
        Err(error) => {
            let failure = Failure::new(error.to_string());
            Err(Unfit::Unknown(Error::Unavailable(failure)))
        }
    }
}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Silent(error) | Unfit::Unknown(error) => error,
        }
    }
}

// === impl Emitted ===

impl Emitted {
    fn all() -> Self {
        Self {
            flags: USED.to_owned(),
            remedy: None,
        }
    }
}

/// What an operator does for a server that emits too little.
pub(super) fn remedy(cli: Option<&str>, wanted: &str) -> String {
    let cli = cli.unwrap_or("redis-cli at the primary, with");
    format!(
        "run {cli} CONFIG SET notify-keyspace-events '{wanted}', or open the store with \
         configure-notifications=true"
    )
}

/// The command that reads the flags.
pub(super) fn query() -> Cmd {
    text("CONFIG GET notify-keyspace-events")
}

/// The command that sets the flags.
pub(super) fn set_flags(wanted: &str) -> Cmd {
    command(&[
        b"CONFIG",
        b"SET",
        b"notify-keyspace-events",
        wanted.as_bytes(),
    ])
}

/// The flags in a server's reply, by either version of the protocol.
pub(super) fn flags_of(reply: &Value) -> String {
    let flags = match reply {
        Value::Array(values) => values.get(1),
        Value::Map(pairs) => pairs.first().map(|(_, flags)| flags),
        _ => None,
    };
    match flags {
        Some(Value::BulkString(flags)) => String::from_utf8_lossy(flags).into_owned(),
        _ => String::new(),
    }
}

/// Those of some flags that are missing.
pub(super) fn missing(flags: &str, of: &str) -> String {
    let has = |flag| flags.contains(flag) || (flags.contains('A') && ALL.contains(flag));
    of.chars().filter(|flag| !has(*flag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_a_set_in_which_a_stands_for_others() {
        for flags in ["AKE", "KEA", "KA", "K$gxe", "exg$K", "AKEnm"] {
            assert_eq!(missing(flags, USED), "", "{flags}");
        }
        assert_eq!(missing("", USED), "K$gxe");
        assert_eq!(missing("AE", USED), "K");
        assert_eq!(missing("Ex", USED), "K$ge");
        assert_eq!(missing("K", USED), "$gxe");
        assert_eq!(missing("Kg$", NEEDED), "");
    }
}
