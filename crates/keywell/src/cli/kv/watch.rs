use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use futures::StreamExt as _;
use keywell_export::Line;
use keywell_store::{Event, Filter, ResumeToken, Since};
use serde::Serialize;

use super::target::key;
use super::{Sink, Stop, Target};
use crate::cli::number::whole;
use crate::cli::{output, signal};

/// Print the changes of a bucket as they happen, as a JSON line each.
///
/// It goes on until it is interrupted or has printed as many as asked for, and then says on
/// standard error where to resume. While no process has a disk: store open, nothing changes in it, so
/// that only what happened since a token is printed.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv watch --prefix order/\n  \
    keywell kv watch --count 0                 prints where to resume, and ends\n  \
    keywell kv watch --since TOKEN --count 10\n\n\
    What it prints:\n  \
    {\"event\":\"set\",\"key\":\"k\",\"value\":\"v\",\"token\":\"...\"}\n  \
    {\"event\":\"set\",\"key\":\"k\",\"base64\":\"/w==\",\"token\":\"...\"}\n  \
    {\"event\":\"delete\",\"key\":\"k\",\"expired\":false,\"token\":\"...\"}\n  \
    {\"event\":\"gap\"}                            events were missed; read the bucket again")]
pub(super) struct Watch {
    /// Only this key.
    #[arg(long, value_name = "KEY", value_parser = key, conflicts_with = "prefix")]
    key: Option<String>,

    /// Only keys that begin with this.
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,

    /// From just after the event that had this token.
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    since: Option<String>,

    /// End after so many events; 0 only prints where to resume.
    #[arg(long, value_name = "N", value_parser = whole::<u64>(0..=i128::from(u64::MAX)))]
    count: Option<u64>,
}

/// An event as it is printed.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Printed<'a> {
    Set {
        #[serde(flatten)]
        line: Line<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
    },
    Delete {
        key: &'a str,
        expired: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
    },
    Gap,
}

// === impl Watch ===

impl Watch {
    pub(super) async fn main(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let stop = signal::stop()?;
        if let Some(token) = self.run(target, out, stop).await? {
            output::complain(&format!("resume with --since {}", token.as_str()));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Prints events until there are enough or `stop` is ready, and answers where to resume.
    async fn run(
        self,
        target: &Target,
        out: &mut Sink<'_>,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<ResumeToken>, Stop> {
        let filter = match (self.key, self.prefix) {
            (Some(key), _) => Filter::Key(key),
            (None, Some(prefix)) => Filter::Prefix(prefix),
            (None, None) => Filter::All,
        };
        let since = self.since.map(ResumeToken::from);
        let since = since.map_or(Since::Now, Since::After);
        let cannot = |error| {
            let name = &target.name;
            Stop::failure(format!("cannot watch bucket {name}: {error}"))
        };
        let mut watch = target.bucket.watch(filter, since).await.map_err(cannot)?;
        let mut resume = watch.start().cloned();
        if self.count == Some(0) && resume.is_none() {
            return Err(Stop::failure(format!(
                "--count 0 prints where to resume, and the store of bucket {} keeps no history to \
                 resume from; leave --count out to watch from now on",
                target.name
            )));
        }
        let mut left = self.count.unwrap_or(u64::MAX);
        let mut stop = pin!(stop);
        while left > 0 {
            let event = tokio::select! {
                event = watch.next() => event,
                () = &mut stop => break,
            };
            let Some(event) = event else {
                return Err(Stop::failure("the store ended the watch; begin it again"));
            };
            let event = event.map_err(cannot)?;
            out.json(&Printed::from(&event))?;
            out.flush()?;
            resume = event.token().cloned().or(resume);
            left -= 1;
        }
        Ok(resume)
    }
}

// === impl Printed ===

impl<'a> From<&'a Event> for Printed<'a> {
    fn from(event: &'a Event) -> Self {
        let token = event.token().map(ResumeToken::as_str);
        match event {
            Event::Set { key, value, .. } => Self::Set {
                line: Line::new(key, value),
                token,
            },
            Event::Delete { key, expired, .. } => Self::Delete {
                key,
                expired: *expired,
                token,
            },
            // Of an event that this program does not know yet, too, the reader only learns that
            // something is different now.
            _ => Self::Gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(since: Option<&str>, count: u64) -> Watch {
        Watch {
            key: None,
            prefix: None,
            since: since.map(str::to_owned),
            count: Some(count),
        }
    }

    async fn printed(watch: Watch, target: &Target) -> (Vec<serde_json::Value>, ResumeToken) {
        let mut text = Vec::new();
        let mut out = Sink::new(&mut text, "text");
        let resume = watch.run(target, &mut out, std::future::pending()).await;
        drop(out);
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        (lines.collect(), resume.unwrap().unwrap())
    }

    #[tokio::test]
    async fn a_watch_goes_on_where_an_earlier_one_ended() {
        let target = Target::in_memory().await;
        let (lines, start) = printed(watch(None, 0), &target).await;
        assert!(lines.is_empty());

        target.set("a", b"text").await;
        target.set("b", b"\xff").await;
        target.bucket.delete("a").await.unwrap();
        let (lines, _) = printed(watch(Some(start.as_str()), 3), &target).await;
        assert_eq!(
            (&lines[0]["event"], &lines[0]["key"]),
            (&"set".into(), &"a".into())
        );
        assert_eq!(lines[0]["value"], "text");
        assert_eq!(lines[1]["base64"], "/w==");
        assert!(lines[1].get("value").is_none());
        assert_eq!(
            (&lines[2]["event"], &lines[2]["expired"]),
            (&"delete".into(), &false.into())
        );

        let second = lines[1]["token"].as_str().unwrap();
        let (again, _) = printed(watch(Some(second), 1), &target).await;
        assert_eq!(again, lines[2..]);
    }

    #[tokio::test]
    async fn a_watch_tells_what_is_written_while_it_waits() {
        let target = Target::in_memory().await;
        let (_, start) = printed(watch(None, 0), &target).await;
        let waiting = printed(watch(Some(start.as_str()), 2), &target);
        let writes = async {
            target.set("a", b"1").await;
            target.bucket.increment("a", 1).await.unwrap();
        };
        let ((lines, _), ()) = tokio::join!(waiting, writes);
        assert_eq!(
            (&lines[0]["value"], &lines[1]["value"]),
            (&"1".into(), &"2".into())
        );
    }

    #[tokio::test]
    async fn a_watch_ends_well_when_it_is_stopped() {
        let target = Target::in_memory().await;
        let mut text = Vec::new();
        let mut out = Sink::new(&mut text, "text");
        let watch = watch(None, 1);
        let resume = watch.run(&target, &mut out, std::future::ready(())).await;
        assert!(resume.unwrap().is_some());
        drop(out);
        assert!(text.is_empty());
    }

    #[test]
    fn a_gap_is_told() {
        let gap = serde_json::to_string(&Printed::from(&Event::Gap)).unwrap();
        assert_eq!(gap, r#"{"event":"gap"}"#);
    }
}
