//! Who may share the events of a trigger: whoever is about the same.

use std::time::Instant;

use futures::StreamExt as _;
use keywell_store::Result;

use crate::Error;
use crate::watch::membership::group::Group;
use crate::watch::membership::record::Record;
use crate::watch::trigger::WatchTrigger;

// === impl Group ===

impl Group {
    /// Whether whoever has the trigger's name now is about the same. Those who are about something
    /// else are waited for, for as long as it takes to tell whether they live; at most a lease.
    pub(crate) async fn admits(&mut self) -> Result<bool> {
        self.listen().await;
        let mut asked: Option<Record> = None;
        loop {
            let (mut record, version) = self.read().await?;
            if record.about == self.about || record.members.is_empty() {
                return Ok(true);
            }
            let moved = |before: &Record| {
                let counts = record.members.iter();
                let lives = |(member, count)| before.members.get(member) != Some(count);
                counts.into_iter().any(lives)
            };
            if asked.as_ref().is_some_and(moved) {
                return Ok(false);
            }
            let members = record.members.len();
            self.bury(&mut record, Instant::now());
            let is_news = asked.is_none() || record.members.len() < members;
            if is_news {
                // Those who are alone and idle renew when they are asked.
                record.is_asked = true;
                if self.write(record, version).await? {
                    asked = self.written.take().map(|(record, _)| record);
                }
                continue;
            }
            let pause = self.period() / 4;
            let heard = async {
                if let Some(watch) = &mut self.heard
                    && let Some(Ok(_)) = watch.next().await
                {
                    return;
                }
                self.heard = None;
                std::future::pending::<()>().await;
            };
            drop(tokio::time::timeout(pause, heard).await);
        }
    }
}

// === impl WatchTrigger ===

impl WatchTrigger {
    /// That the trigger's name is in use for something else.
    pub(crate) fn is_about_something_else(&self) -> Error {
        Error::Watch {
            trigger: self.name.to_string(),
            problem: IS_ANOTHERS.to_owned(),
        }
    }
}

/// Why a trigger is refused whose name others have who are about something else.
pub(crate) const IS_ANOTHERS: &str = "another process runs a trigger of this name for other changes or for another bucket, and processes of one name share their events; give this one another name (`name` in keywell.toml, --watch-name of keywell serve), or stop all of the others first, and this one goes on from where they were";
