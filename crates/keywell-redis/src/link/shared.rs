use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{Door, Inner, Link};
use crate::OpenError;
use crate::options::Options;

/// The links of this process that may be shared, for as long as somebody has one.
static LINKS: Mutex<Vec<(Options, Weak<Inner>)>> = Mutex::new(Vec::new());

/// The link that somebody opened with the same options, or a new one.
///
/// It lives on the async runtime of whoever opened it first.
pub(super) async fn open(options: &Options) -> Result<Link, OpenError> {
    let key = options.of_link();
    if let Some(link) = find(&key) {
        return Ok(link);
    }
    let link = Link::start(options).await?;
    let mut links = LINKS.lock();
    links.retain(|(_, link)| link.strong_count() > 0);
    // Two may have opened it at the same time; the first one in stays.
    let mut known = links.iter().filter(|(known, _)| *known == key);
    if let Some(known) = known.find_map(|(_, link)| enter(link)) {
        return Ok(known);
    }
    links.push((key, Arc::downgrade(&link.0)));
    Ok(link)
}

fn find(key: &Options) -> Option<Link> {
    let links = LINKS.lock();
    let mut known = links.iter().filter(|(known, _)| known == key);
    known.find_map(|(_, link)| enter(link))
}

/// Another door to a link that is still open.
fn enter(link: &Weak<Inner>) -> Option<Link> {
    let inner = link.upgrade()?;
    let more = |doors: usize| (doors > 0).then_some(doors + 1);
    let entered = inner
        .doors
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    entered.ok()?;
    let door = Arc::new(Door::new(inner.clone()));
    Some(Link(inner, door))
}
