use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use keywell_runtime::watch::{DeadLetter, DeadLetters, WatchTarget};
use keywell_store::{BucketName, terminal};
use serde::Serialize;

use super::kv::{Sink, Stop};
use super::store::StoreArguments;
use super::{output, status};
use crate::cli::failed::Ended;

/// List events that could not be delivered, send them again, or remove them.
///
/// They are in the store that is watched, or in that of `positions` where a watcher has one.
#[derive(Args)]
#[command(
    mut_arg("store", |store| store.global(true).help("The store, such as disk:PATH")),
    after_help = "Examples:\n  \
        keywell deadletters list --store disk:data\n  \
        keywell deadletters replay --all\n  \
        keywell deadletters remove alerts/0192f3a1b2c3"
)]
pub(super) struct DeadLettersCommand {
    #[command(flatten)]
    store: StoreArguments,

    /// The bucket that has the letters.
    #[arg(long, global = true, value_name = "NAME", default_value = WatchTarget::DEAD_LETTERS)]
    bucket: BucketName,

    /// Print JSON, a letter or its id a line.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the letters: the event of each, when it failed, and why; with --json also its value.
    #[command(
        after_help = "Example:\n  keywell deadletters list --store disk:data --trigger alerts"
    )]
    List(Of),
    /// Have the trigger of each letter deliver it again: at once where it runs, otherwise when it
    /// starts. What fails again is back among the letters.
    #[command(after_help = "Examples:\n  keywell deadletters replay --all\n  \
        keywell deadletters replay alerts/0192f3a1b2c3")]
    Replay(Which),
    /// Remove letters for good.
    #[command(after_help = "Example:\n  keywell deadletters remove alerts/0192f3a1b2c3")]
    Remove(Which),
}

/// The letters of a trigger, or of all.
#[derive(Args)]
struct Of {
    /// Only those of this trigger.
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
}

#[derive(Args)]
struct Which {
    #[command(flatten)]
    of: Of,

    /// Letters, by their ids as `list` prints them.
    #[arg(
        value_name = "ID",
        required_unless_present = "all",
        conflicts_with_all = ["all", "trigger"]
    )]
    ids: Vec<String>,

    /// All of them.
    #[arg(long)]
    all: bool,
}

/// A letter as it is printed.
#[derive(Serialize)]
struct Printed<'a> {
    id: &'a str,
    trigger: &'a str,
    component: &'a str,
    bucket: &'a str,
    operation: String,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    reason: &'a str,
    attempts: u32,
    at_millis: u64,
    replaying: bool,
}

// === impl DeadLettersCommand ===

impl DeadLettersCommand {
    pub(super) async fn main(self) -> Ended {
        self.store.check_lasting()?;
        // Where no store is, there are no letters: its place was mistaken.
        let store = self.store.reach_existing().await?;
        let letters = DeadLetters::open(&store, &self.bucket).await?;
        let mut out = Sink::stdout();
        let ended = match self.command {
            Command::List(of) => list(&letters, &of, self.json, &mut out).await,
            Command::Replay(which) => {
                let each = async |id: String| letters.replay(&id).await;
                which
                    .change(&letters, "replay", self.json, &mut out, each)
                    .await
            }
            Command::Remove(which) => {
                let each = async |id: String| letters.remove(&id).await;
                which
                    .change(&letters, "remove", self.json, &mut out, each)
                    .await
            }
        };
        let ended = ended.and_then(|code| out.flush().map(|()| code));
        let closed = store.close().await;
        match ended {
            Ok(code) => {
                closed?;
                Ok(code)
            }
            Err(Stop::Unread) => Ok(ExitCode::SUCCESS),
            Err(Stop::Failed(failed)) => Err(failed),
        }
    }
}

async fn list(
    letters: &DeadLetters,
    of: &Of,
    json: bool,
    out: &mut Sink<'_>,
) -> Result<ExitCode, Stop> {
    let mut cursor = None;
    let mut code = ExitCode::SUCCESS;
    loop {
        let page = letters.list(of.trigger.as_deref(), cursor).await?;
        for id in &page.unreadable {
            output::complain(&format!(
                "the letter {id:?} cannot be read; `keywell kv get` shows what the key letters/{id} \
                 of its bucket holds, and `keywell deadletters remove` removes it"
            ));
            code = ExitCode::FAILURE;
        }
        for letter in &page.letters {
            if json {
                out.json(&Printed::from(letter))?;
            } else {
                out.put(line(letter, SystemTime::now()).as_bytes())?;
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(code);
        }
    }
}

// === impl Which ===

impl Which {
    /// Does something to each letter, and says which were not there.
    async fn change(
        self,
        letters: &DeadLetters,
        what: &str,
        json: bool,
        out: &mut Sink<'_>,
        mut each: impl AsyncFnMut(String) -> keywell_store::Result<bool>,
    ) -> Result<ExitCode, Stop> {
        let ids = if self.all {
            self.of.ids(letters).await?
        } else {
            self.ids
        };
        let mut code = ExitCode::SUCCESS;
        for id in ids {
            let cannot = |error| Stop::failure(format!("cannot {what} {id}: {error}"));
            if !each(id.clone()).await.map_err(cannot)? {
                // Of all, one that is gone meanwhile is no loss.
                if !self.all {
                    output::complain(&format!("there is no letter {id:?}"));
                    code = ExitCode::FAILURE;
                }
            } else if json {
                out.json(&id)?;
            } else {
                out.name(&id)?;
                out.put(b"\n")?;
            }
        }
        Ok(code)
    }
}

// === impl Of ===

impl Of {
    /// The ids of the letters that are there now. Taken at once, so that one which fails again is
    /// not sent for ever.
    async fn ids(&self, letters: &DeadLetters) -> Result<Vec<String>, Stop> {
        let mut ids = Vec::new();
        let mut cursor = None;
        loop {
            let (page, next) = letters.ids(self.trigger.as_deref(), cursor).await?;
            ids.extend(page);
            cursor = next;
            if cursor.is_none() {
                return Ok(ids);
            }
        }
    }
}

/// A letter on a line of its own, whatever its key and its reason are made of.
fn line(letter: &DeadLetter, now: SystemTime) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(letter.at_millis);
    // Another machine's clock may be ahead.
    let ago = status::time(now.duration_since(at).unwrap_or_default().as_secs());
    let DeadLetter {
        id,
        operation,
        bucket,
        key,
        reason,
        attempts,
        is_replaying,
        ..
    } = letter;
    let waits = if *is_replaying {
        " (to be sent again)"
    } else {
        ""
    };
    let tries = if *attempts == 1 {
        "attempt"
    } else {
        "attempts"
    };
    let (id, bucket) = (terminal::escape(id), terminal::escape(bucket));
    format!(
        "{id}  {ago} ago  {operation} {key:?} in {bucket}, {attempts} {tries}: {reason:?}{waits}\n"
    )
}

// === impl Printed ===

impl<'a> From<&'a DeadLetter> for Printed<'a> {
    fn from(letter: &'a DeadLetter) -> Self {
        let value = letter.value.as_deref();
        let text = value.map(std::str::from_utf8);
        Self {
            id: &letter.id,
            trigger: &letter.trigger,
            component: &letter.component,
            bucket: &letter.bucket,
            operation: letter.operation.to_string(),
            key: &letter.key,
            value: text.and_then(Result::ok),
            base64: match text {
                Some(Err(_)) => value.map(|value| STANDARD.encode(value)),
                _ => None,
            },
            reason: &letter.reason,
            attempts: letter.attempts,
            at_millis: letter.at_millis,
            replaying: letter.is_replaying,
        }
    }
}
