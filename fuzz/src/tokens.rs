use arbitrary::Arbitrary;
use futures::{FutureExt as _, StreamExt as _};
use keywell_store::{Error, Event, Filter, Invalid, ResumeToken, Since, Watch};

use crate::stores::{Pair, with_disk};

/// The most writes of one input, so that none takes long.
const WRITES: usize = 12;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    /// Whether each write is to the watched bucket.
    writes: Vec<bool>,
    /// Which token is taken, and where its text is changed, and into what.
    from: u8,
    at: u8,
    put: char,
    forged: &'a str,
}

/// A watch resumes from a token that its bucket handed out and delivers what came after it; other
/// text is no token.
pub fn tokens(data: &[u8]) {
    let Some(mut input) = crate::input::read::<Input<'_>>(data) else {
        return;
    };
    input.writes.truncate(WRITES);
    check(&Pair::memory(), &input);
    with_disk(|disk| {
        check(disk, &input);
        disk.clear(["k"]);
    });
}

fn check(pair: &Pair, input: &Input<'_>) {
    let mut watch = pair.watch(0, Since::Now).expect("these stores watch");
    let other = pair.watch(1, Since::Now).expect("these stores watch");
    let start = watch.start().cloned();
    let mut tokens = vec![start.expect("a watch that resumes has a beginning")];
    let mut written = 0;
    for (n, is_watched) in input.writes.iter().enumerate() {
        let bucket = usize::from(!is_watched);
        let set = pair.set(bucket, "k", n.to_string().as_bytes());
        set.expect("a key can be set");
        written += usize::from(*is_watched);
    }
    let events = delivered(&mut watch);
    assert_eq!(events.len(), written, "every write is delivered once");
    let token = |event: &Event| event.token().cloned().expect("its events carry tokens");
    tokens.extend(events.iter().map(token));

    let from = usize::from(input.from) % tokens.len();
    let resumed = pair.watch(0, Since::After(tokens[from].clone()));
    let mut resumed = resumed.expect("a watch resumes from a token of its bucket");
    assert_eq!(
        delivered(&mut resumed),
        events[from..],
        "nothing else is delivered"
    );

    let theirs = other.start().cloned();
    let mut text: Vec<char> = tokens[from].as_str().chars().collect();
    let at = usize::from(input.at) % text.len();
    text[at] = input.put;
    let changed: String = text.iter().collect();
    let cut: String = text[..at].iter().collect();
    let forged = [changed, cut, input.forged.to_owned()].map(ResumeToken::from);
    for token in forged.into_iter().chain(theirs) {
        if !tokens.contains(&token) {
            let refused = pair.watch(0, Since::After(token.clone()));
            let is_refused = matches!(refused, Err(Error::Invalid(Invalid::Token)));
            assert!(is_refused, "{token:?} is answered {refused:?}");
        }
    }
}

/// What the watch delivers without waiting, which is all there is: these stores notify their watches
/// before they acknowledge a write.
fn delivered(watch: &mut Watch) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(Some(event)) = watch.next().now_or_never() {
        events.push(event.expect("nothing takes these stores away"));
    }
    events
}

// === impl Pair ===

impl Pair {
    fn watch(&self, bucket: usize, since: Since) -> Result<Watch, Error> {
        self.answer(self.buckets[bucket].watch(Filter::All, since))
    }
}
