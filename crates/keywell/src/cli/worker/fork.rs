use std::str::FromStr;

use clap::Args;
use keywell_journal::{Journals, WorkerName};

use super::super::kv::{Sink, Stop};
use super::claim::claim;
use super::failure::failed;
use super::list;

/// Make a worker of the beginning of another one's journal.
///
/// The new worker has what the other one was asked and learned, up to the end of the last invocation
/// that had ended at the record; an invocation that ran there is left out as a whole. It goes on by
/// itself: with other random numbers, other idempotency keys of its requests, and without the answers
/// that the other one keeps for keys of callers. The other worker is not changed.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell worker fork alice@12 alice-before --store disk:data")]
pub(super) struct Fork {
    /// The worker, and a record by its number in `keywell worker log`.
    #[arg(value_name = "NAME@POSITION")]
    from: Origin,

    /// The name of the new worker.
    #[arg(value_name = "NEW-NAME")]
    to: WorkerName,
}

/// A record of a worker.
#[derive(Clone)]
struct Origin {
    name: WorkerName,
    position: u64,
}

// === impl Fork ===

impl Fork {
    pub(super) async fn run(
        self,
        journals: &Journals,
        json: bool,
        out: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let Origin { name, position } = &self.from;
        let (seed, claim) = (rand::random(), claim());
        let forked = journals.fork(name, *position, &self.to, seed, &claim);
        let forked = forked.await.map_err(failed)?;
        let head = forked.head();
        if json {
            return list::show(&self.to, head, json, out);
        }
        // The last record says that it is a fork.
        let last = head.position.saturating_sub(2);
        out.put(format!("{}  forked from {name}@{last}\n", self.to).as_bytes())
    }
}

// === impl Origin ===

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, position)) = text.split_once('@') else {
            return Err("write NAME@POSITION, such as alice@12".to_owned());
        };
        Ok(Self {
            name: name
                .parse()
                .map_err(|error: keywell_journal::Error| error.to_string())?,
            position: position
                .parse()
                .map_err(|_| format!("{position:?} is no number of a record"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_behind_the_name() {
        let from: Origin = "cart-7@12".parse().unwrap();
        assert_eq!((from.name.as_str(), from.position), ("cart-7", 12));
        for wrong in [
            "cart-7",
            "cart-7@",
            "@12",
            "cart-7@last",
            "a/b@1",
            "a@1@2",
            "a@-1",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }
}
