//! Whether a primary still emits keyspace events, which its administrator may switch off at any time.
//!
//! A server does not announce that, so it is asked once per interval. Each change that it shows is
//! one gap.

use std::time::Duration;

use redis::{Cmd, Value};

use super::notifications::{USED, flags_of, missing, query, remedy, set_flags};

/// Whether a primary still emits keyspace events.
#[derive(Debug)]
pub(super) struct Emission {
    check_interval: Duration,
    /// The flags that it had when the watches began.
    flags: String,
    /// Whether the setting may be changed.
    configure: bool,
    /// How `redis-cli` reaches the server.
    cli: Option<String>,
    is_silent: bool,
}

/// What follows from a reply.
#[derive(Debug)]
pub(super) enum Finding {
    /// Nothing new.
    Same,
    /// Events may have been missed.
    Gap,
    /// This command changes the setting.
    Configure(Cmd),
}

// === impl Emission ===

impl Emission {
    pub(super) fn new(
        check_interval: Duration,
        flags: String,
        configure: bool,
        cli: Option<String>,
    ) -> Self {
        Self {
            check_interval,
            flags,
            configure,
            cli,
            is_silent: false,
        }
    }

    /// How often the server is asked.
    pub(super) fn check_interval(&self) -> Duration {
        self.check_interval
    }

    /// The command that asks the server.
    pub(super) fn query() -> Cmd {
        query()
    }

    /// The reply to [`Self::query`].
    pub(super) fn answered(&mut self, reply: &Value) -> Finding {
        // An account that may not read the setting now may do so later.
        if let Value::ServerError(_) = reply {
            return Finding::Same;
        }
        let flags = flags_of(reply);
        if missing(&flags, &self.flags).is_empty() {
            if !std::mem::take(&mut self.is_silent) {
                return Finding::Same;
            }
            tracing::info!(
                "the server emits keyspace events again; changes before that were missed"
            );
            return Finding::Gap;
        }
        let wanted = format!("{flags}{}", missing(&flags, USED));
        if self.configure {
            return Finding::Configure(set_flags(&wanted));
        }
        self.mark_silent(&wanted)
    }

    /// The reply to the command that changes the setting.
    pub(super) fn configured(&mut self, reply: &Value) -> Finding {
        if let Value::ServerError(error) = reply {
            let details = error.details().unwrap_or_default();
            tracing::debug!(
                "cannot set notify-keyspace-events: {} {details}",
                error.code()
            );
            return self.mark_silent(USED);
        }
        self.is_silent = false;
        tracing::warn!(
            "notify-keyspace-events was switched off, and is set again; changes were missed"
        );
        Finding::Gap
    }

    fn mark_silent(&mut self, wanted: &str) -> Finding {
        if std::mem::replace(&mut self.is_silent, true) {
            return Finding::Same;
        }
        let remedy = remedy(self.cli.as_deref(), wanted);
        tracing::warn!(
            "notify-keyspace-events was switched off, so watches miss changes; {remedy}"
        );
        Finding::Gap
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::StreamExt as _;
    use keywell_servers::Redis;
    use keywell_store::{Bucket, BucketName, Event, Filter, Set, Since, Store as _, Watch};
    use tokio::time::timeout;

    use super::*;
    use crate::{Options, RedisStore};

    /// No test waits longer for anything.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn flags(flags: &str) -> Value {
        let text = |text: &str| Value::BulkString(text.into());
        Value::Map(vec![(text("notify-keyspace-events"), text(flags))])
    }

    fn refused() -> Value {
        redis::parse_redis_value(b"-NOPERM no permissions\r\n").unwrap()
    }

    #[test]
    fn each_change_of_the_setting_is_one_gap() {
        let mut emission = Emission::new(PATIENCE, USED.to_owned(), false, None);
        for (reply, is_gap) in [
            (flags("AKE"), false),
            (flags(""), true),
            (flags("E"), false),
            (refused(), false),
            (flags("K$gxe"), true),
            (flags("K$gxe"), false),
            (flags("K$ge"), true),
        ] {
            let found = emission.answered(&reply);
            assert_eq!(
                matches!(found, Finding::Gap),
                is_gap,
                "{reply:?}: {found:?}"
            );
        }
    }

    #[test]
    fn a_flag_that_was_never_set_is_no_gap() {
        let mut emission = Emission::new(PATIENCE, "K$g".to_owned(), false, None);
        for (reply, is_gap) in [
            (flags("Kg$"), false),
            (flags("Kg"), true),
            (flags("AKE"), true),
        ] {
            let found = emission.answered(&reply);
            let is_found = matches!(found, Finding::Gap);
            assert_eq!(is_found, is_gap, "{reply:?}: {found:?}");
        }
    }

    #[test]
    fn a_setting_that_may_be_changed_is_changed_back() {
        let mut emission = Emission::new(PATIENCE, USED.to_owned(), true, None);
        for _ in 0..2 {
            let found = emission.answered(&flags("E"));
            assert!(matches!(found, Finding::Configure(_)), "{found:?}");
            let found = emission.configured(&Value::Okay);
            assert!(matches!(found, Finding::Gap), "{found:?}");
        }
        assert!(matches!(emission.configured(&refused()), Finding::Gap));
        assert!(matches!(emission.configured(&refused()), Finding::Same));
        assert!(matches!(emission.answered(&flags("AKE")), Finding::Gap));
    }

    async fn watched(redis: &Redis, settings: &str) -> (Arc<dyn Bucket>, Watch) {
        let mut options = Options::from_url(&format!("{}?{settings}", redis.url())).unwrap();
        options.notifications_checked = Duration::from_millis(20);
        let store = RedisStore::connect(&options).await.unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        let filter = Filter::AnyOf(vec![
            Filter::Key("named".into()),
            Filter::Prefix("a".into()),
        ]);
        let watch = bucket.watch(filter, Since::Now).await.unwrap();
        (bucket, watch)
    }

    async fn switch(redis: &Redis, flags: &str) {
        let set = ["CONFIG", "SET", "notify-keyspace-events", flags];
        redis.command(&set).await.unwrap();
    }

    async fn next(watch: &mut Watch) -> String {
        let event = timeout(PATIENCE, watch.next())
            .await
            .expect("an event comes");
        match event.expect("it goes on").expect("it works") {
            Event::Set { key, value, .. } => format!("{key}={}", String::from_utf8_lossy(&value)),
            Event::Delete { key, .. } => format!("-{key}"),
            _ => "gap".to_owned(),
        }
    }

    #[tokio::test]
    async fn events_that_are_switched_off_and_on_are_a_gap_each_with_what_named_keys_hold() {
        let redis = Redis::builder().config("notify-keyspace-events AKE");
        let redis = redis.start().await.unwrap();
        let (bucket, mut watch) = watched(&redis, "prefix=").await;
        for off in ["", "KE$g"] {
            switch(&redis, off).await;
            assert_eq!(next(&mut watch).await, "gap");
            assert_eq!(next(&mut watch).await, "-named");
            switch(&redis, "").await;
            bucket
                .set("named", off.to_owned().into(), Set::default())
                .await
                .unwrap();
            bucket
                .set("a", "missed".into(), Set::default())
                .await
                .unwrap();
            switch(&redis, "AKE").await;
            assert_eq!(next(&mut watch).await, "gap");
            assert_eq!(next(&mut watch).await, format!("named={off}"));
            bucket
                .set("a", "heard".into(), Set::default())
                .await
                .unwrap();
            assert_eq!(next(&mut watch).await, "a=heard");
            bucket.delete("named").await.unwrap();
            assert_eq!(next(&mut watch).await, "-named");
        }
    }

    #[tokio::test]
    async fn a_store_that_may_configure_its_server_switches_events_on_again() {
        let redis = Redis::start().await.unwrap();
        let (bucket, mut watch) = watched(&redis, "configure-notifications=true").await;
        switch(&redis, "E").await;
        assert_eq!(next(&mut watch).await, "gap");
        assert_eq!(next(&mut watch).await, "-named");
        bucket
            .set("a", "heard".into(), Set::default())
            .await
            .unwrap();
        assert_eq!(next(&mut watch).await, "a=heard");
    }
}
