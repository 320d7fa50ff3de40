use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;

use futures::FutureExt as _;

use super::*;
use crate::Error;

/// Changes, and who waits for more.
#[derive(Default)]
struct Log {
    changes: Mutex<Vec<LogChange>>,
    waiting: Mutex<Vec<Waker>>,
    reads: AtomicUsize,
}

#[derive(Clone, Copy)]
enum LogChange {
    Of(&'static str),
    Excluded,
    Gap,
    Failure,
}

use LogChange::{Excluded, Failure, Of};

/// Reads at most three changes at a time.
struct LogFeed {
    log: Arc<Log>,
    /// What happens between a read that finds nothing and the wait.
    between: Option<fn(&Log)>,
    /// How many excluded changes advance the reported position.
    step: usize,
}

impl Log {
    fn write(&self, changes: impl IntoIterator<Item = LogChange>) {
        self.changes.lock().extend(changes);
        for waiting in self.waiting.lock().drain(..) {
            waiting.wake();
        }
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

impl Feed for LogFeed {
    type Position = usize;

    async fn after(&mut self, position: &usize) -> Result<Chunk<usize>> {
        self.log.reads.fetch_add(1, Ordering::Relaxed);
        let mut chunk = Chunk {
            events: VecDeque::new(),
            upto: *position,
        };
        for change in self.log.changes.lock().iter().skip(*position).take(3) {
            let event = match change {
                Of(key) => Some(deleted(key)),
                LogChange::Gap => Some(Event::Gap),
                Excluded => None,
                Failure if chunk.upto == *position => return Err(closed()),
                Failure => break,
            };
            chunk.upto += 1;
            chunk.events.extend(event.map(|event| (chunk.upto, event)));
        }
        if chunk.upto == *position
            && let Some(between) = self.between.take()
        {
            between(&self.log);
        }
        Ok(chunk)
    }

    async fn wait(&mut self, position: &usize) -> Result<()> {
        poll_fn(|cx| {
            self.log.waiting.lock().push(cx.waker().clone());
            if self.log.changes.lock().len() > *position {
                return Poll::Ready(Ok(()));
            }
            Poll::Pending
        })
        .await
    }

    fn skips(&self, reached: &usize, upto: &usize) -> bool {
        upto - reached >= self.step
    }
}

fn deleted(key: &str) -> Event {
    Event::Delete {
        key: key.to_owned(),
        expired: false,
        token: None,
    }
}

fn closed() -> Error {
    Error::Unavailable("it is closed".into())
}

fn feed(log: &Arc<Log>) -> LogFeed {
    LogFeed {
        log: log.clone(),
        between: None,
        step: 0,
    }
}

fn log(changes: impl IntoIterator<Item = LogChange>) -> Arc<Log> {
    let log = Arc::<Log>::default();
    log.write(changes);
    log
}

fn token(positions: &[usize]) -> ResumeToken {
    let texts: Vec<_> = positions.iter().map(usize::to_string).collect();
    ResumeToken::from(texts.join("-"))
}

/// A key and a token, if there is an event by now; `-` for what it has none of.
fn now(watch: &mut Watch) -> Option<String> {
    let event = watch.next().now_or_never()?.unwrap().unwrap();
    let token = event.token().map_or("-", ResumeToken::as_str);
    Some(format!("{} {token}", event.key().unwrap_or("-")))
}

fn reached(watch: &Watch) -> String {
    watch.reached().unwrap().as_str().to_owned()
}

#[test]
fn a_watch_replays_and_then_follows() {
    let log = log([Of("missed"), Of("a"), Of("b"), Of("c"), Of("d")]);
    let mut watch = follow([(feed(&log), 1)], token);
    assert_eq!(watch.start(), Some(&token(&[1])));
    for expected in ["a 2", "b 3", "c 4", "d 5"] {
        assert_eq!(now(&mut watch).as_deref(), Some(expected));
    }
    assert_eq!(now(&mut watch), None);
    log.write([Of("e")]);
    assert_eq!(now(&mut watch).as_deref(), Some("e 6"));
    assert_eq!(reached(&watch), "6");
}

#[test]
fn it_reads_on_only_once_everything_is_delivered() {
    let log = log([Of("a"), Of("b"), Of("c"), Of("d")]);
    let mut watch = follow([(feed(&log), 0)], token);
    assert_eq!(log.reads(), 0);
    for _ in 0..3 {
        now(&mut watch);
        assert_eq!(log.reads(), 1);
    }
    now(&mut watch);
    assert_eq!(log.reads(), 2);
}

#[test]
fn a_change_between_a_read_and_the_wait_is_delivered() {
    let log = log([]);
    let racing = LogFeed {
        between: Some(|log| log.write([Of("a")])),
        ..feed(&log)
    };
    let mut watch = follow([(racing, 0)], token);
    assert_eq!(now(&mut watch).as_deref(), Some("a 1"));
}

#[tokio::test]
async fn no_change_of_another_thread_is_missed() {
    const CHANGES: usize = 20_000;
    let logs = [log([]), log([])];
    let mut watch = follow(logs.iter().map(|log| (feed(log), 0)), token);
    let writers = logs.clone().map(|log| {
        thread::spawn(move || {
            for number in 0..CHANGES {
                log.write([if number % 3 == 0 { Of("k") } else { Excluded }]);
            }
            log.write([Of("end")]);
        })
    });
    let (mut events, mut ends) = (0, 0);
    while ends < logs.len() {
        let event = watch.next().await.unwrap().unwrap();
        events += 1;
        ends += usize::from(event.key() == Some("end"));
    }
    assert_eq!(events, 2 * (CHANGES.div_ceil(3) + 1));
    for writer in writers {
        writer.join().unwrap();
    }
}

#[test]
fn the_reported_position_moves_past_excluded_changes() {
    let log = log([Of("a"), Excluded, Excluded]);
    let mut watch = follow([(feed(&log), 0)], token);
    assert_eq!(reached(&watch), "0");
    assert_eq!(now(&mut watch).as_deref(), Some("a 1"));
    assert_eq!(reached(&watch), "1");
    assert_eq!(now(&mut watch), None);
    assert_eq!(reached(&watch), "3");
    log.write([Excluded]);
    assert_eq!(now(&mut watch), None);
    assert_eq!(reached(&watch), "4", "also when a read gives no event");
}

#[test]
fn the_reported_position_moves_in_the_steps_of_the_feed() {
    let log = log([]);
    let stepping = LogFeed {
        step: 4,
        ..feed(&log)
    };
    let mut watch = follow([(stepping, 0)], token);
    for expected in ["0", "0", "0", "4", "4"] {
        log.write([Excluded]);
        assert_eq!(now(&mut watch), None);
        assert_eq!(reached(&watch), expected);
    }
    log.write([Of("a")]);
    assert_eq!(now(&mut watch).as_deref(), Some("a 6"));
    assert_eq!(reached(&watch), "6", "an event moves it in any case");
}

#[test]
fn an_event_of_several_feeds_carries_the_positions_of_all() {
    let (one, other, idle) = (log([Of("a"), Excluded]), log([]), log([]));
    let feeds = [(feed(&one), 0), (feed(&other), 0), (feed(&idle), 0)];
    let mut watch = follow(feeds, token);
    assert_eq!(watch.start(), Some(&token(&[0, 0, 0])));
    assert_eq!(now(&mut watch).as_deref(), Some("a 1-0-0"));
    assert_eq!(now(&mut watch), None);
    assert_eq!(reached(&watch), "2-0-0");
    other.write([Of("b"), Of("c")]);
    assert_eq!(now(&mut watch).as_deref(), Some("b 2-1-0"));
    assert_eq!(now(&mut watch).as_deref(), Some("c 2-2-0"));
    one.write([Of("d")]);
    assert_eq!(now(&mut watch).as_deref(), Some("d 3-2-0"));
}

#[test]
fn the_first_error_ends_the_watch_and_drops_every_feed() {
    let logs = [log([Of("a"), Failure]), log([])];
    let kept: Vec<Weak<Log>> = logs.iter().map(Arc::downgrade).collect();
    let mut watch = follow(logs.iter().map(|log| (feed(log), 0)), token);
    drop(logs);
    assert_eq!(now(&mut watch).as_deref(), Some("a 1-0"));
    let end = watch.next().now_or_never().flatten();
    assert!(matches!(end, Some(Err(Error::Unavailable(_)))), "{end:?}");
    assert!(kept.iter().all(|log| log.upgrade().is_none()));
    assert!(matches!(watch.next().now_or_never(), Some(None)));
    assert_eq!(reached(&watch), "1-0");
}

#[test]
fn a_read_without_events_lets_other_tasks_run() {
    struct Wakes(AtomicUsize);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let log = log([Excluded; 9]);
    let mut watch = follow([(feed(&log), 0)], token);
    let woken = Arc::new(Wakes(AtomicUsize::new(0)));
    let waker = Waker::from(woken.clone());
    let mut poll = || watch.poll_next_unpin(&mut Context::from_waker(&waker));
    for reads in 1..=3 {
        assert!(poll().is_pending());
        assert_eq!(log.reads(), reads);
        assert_eq!(woken.0.load(Ordering::Relaxed), reads);
    }
    assert!(poll().is_pending());
    assert_eq!(woken.0.load(Ordering::Relaxed), 3, "then it sleeps");
}

#[test]
fn a_live_watch_has_no_tokens() {
    let log = log([Of("a"), LogChange::Gap, Of("b")]);
    let mut watch = follow_live([(feed(&log), 0)]);
    for expected in ["a -", "- -", "b -"] {
        assert_eq!(now(&mut watch).as_deref(), Some(expected));
    }
    assert_eq!((watch.start(), watch.reached()), (None, None));
    let mut resuming = follow([(feed(&log), 1)], token);
    assert_eq!(now(&mut resuming).as_deref(), Some("- -"));
    assert_eq!(reached(&resuming), "2");
}
