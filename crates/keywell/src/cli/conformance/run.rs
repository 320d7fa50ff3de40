use std::future::Future;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use keywell_conformance::{Subject, behaviours};
use keywell_store::{Error, Failure};

use super::report::{Report, Run};

/// How long the store may take for what is not a behaviour, such as to say how it is.
const SOON: Duration = Duration::from_secs(30);

/// Runs every behaviour, one after the other.
///
/// # Errors
///
/// Why the run ended early, as the end of a sentence about the store: it went away, or a signal asked
/// to stop.
pub(super) async fn run(
    subject: &Subject,
    stop: impl Future<Output = ()>,
) -> Result<Report, String> {
    let begun = Instant::now();
    let mut report = Report::default();
    let progress = progress();
    let mut stop = std::pin::pin!(stop);
    for behaviour in behaviours() {
        progress.set_message(format!("{}: {}", behaviour.group, behaviour.name));
        let ended = tokio::select! {
            ended = behaviour.run(subject) => ended,
            () = &mut stop => {
                let tested = report.runs.len();
                return Err(format!("was tested in part: interrupted after {tested} behaviours"));
            }
        };
        let is_broken = ended.is_err();
        report.runs.push(Run { behaviour, ended });
        progress.inc(1);
        // Whatever comes after it would fail too, for no fault of its own.
        if is_broken && let Err(error) = soon(subject.store().health()).await {
            let (name, before) = (behaviour.name, report.runs.len() - 1);
            return Err(format!(
                "went away in {name}, after {before} other behaviours: {error}"
            ));
        }
    }
    report.took = begun.elapsed();
    Ok(report)
}

/// Waits for the store, with a bound.
pub(super) async fn soon<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(SOON, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Unavailable(Failure::new(format!(
            "no answer within {SOON:?}"
        )))),
    }
}

/// Shown on standard error if that is a terminal; it clears itself.
fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{pos}/{len} {wide_msg}")
        .expect("the template is well-formed");
    ProgressBar::new(behaviours().len() as u64)
        .with_style(style)
        .with_finish(ProgressFinish::AndClear)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use keywell::memory::MemoryStore;
    use keywell_store::{Answer, Bucket, BucketName, Store};

    use super::*;

    /// A store that takes all buckets for one, and is gone once it was opened too often.
    struct Muddled {
        store: MemoryStore,
        is_gone: AtomicBool,
        goes: bool,
    }

    impl Muddled {
        fn subject(goes: bool) -> Subject {
            let (store, is_gone) = (MemoryStore::new(), AtomicBool::new(false));
            Subject::new(Self {
                store,
                is_gone,
                goes,
            })
            .patience(Duration::from_secs(8))
        }
    }

    impl Store for Muddled {
        fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
            if self.goes && name.as_str().ends_with("-7") {
                self.is_gone.store(true, Ordering::Relaxed);
            }
            if self.is_gone.load(Ordering::Relaxed) {
                return Error::Unavailable("the server is gone".into()).into();
            }
            self.store.open(&BucketName::default())
        }

        fn health(&self) -> Answer<()> {
            if self.is_gone.load(Ordering::Relaxed) {
                return Error::Unavailable("the server is gone".into()).into();
            }
            Answer::now(())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn broken_promises_are_told_with_their_stories() {
        let subject = Muddled::subject(false);
        let report = run(&subject, std::future::pending()).await.unwrap();
        assert!(!report.is_kept());
        let text = report.text(false);
        let line = text
            .lines()
            .find(|line| line.starts_with("isolation"))
            .unwrap();
        let failed: usize = line.split_whitespace().last().unwrap().parse().unwrap();
        assert!(failed > 5, "{line}");
        assert!(
            text.contains("isolation: two_buckets_share_no_keys"),
            "{text}"
        );
        assert!(
            text.contains("promised  two buckets share no keys"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(report.text(true).contains("\u{1b}[31m"));

        let json = report.json("memory:");
        assert_eq!(json["failed"], report.failures().count());
        let all = json["behaviours"].as_array().unwrap();
        assert_eq!(all.len(), behaviours().len());
        let broken = all
            .iter()
            .find(|one| one["name"] == "two_buckets_share_no_keys")
            .unwrap();
        assert_eq!(broken["outcome"], "failed");
        assert!(!broken["story"]["asked"].as_array().unwrap().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_goes_away_is_told_in_one_line() {
        let stopped = run(&Muddled::subject(true), std::future::pending()).await;
        let stopped = stopped.err().unwrap();
        assert!(stopped.starts_with("went away in "), "{stopped}");
        assert_eq!(stopped.lines().count(), 1);
    }

    #[tokio::test]
    async fn an_interrupted_run_says_so() {
        let stopped = run(&Muddled::subject(false), std::future::ready(())).await;
        assert!(stopped.err().unwrap().contains("interrupted"));
    }
}
