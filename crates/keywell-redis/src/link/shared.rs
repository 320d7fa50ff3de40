use std::sync::Weak;

use parking_lot::Mutex;

use super::{Inner, Link};
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
    let known = links.iter().find(|(known, _)| *known == key);
    if let Some(known) = known.and_then(|(_, link)| link.upgrade()) {
        return Ok(Link(known));
    }
    links.push((key, std::sync::Arc::downgrade(&link.0)));
    Ok(link)
}

fn find(key: &Options) -> Option<Link> {
    let links = LINKS.lock();
    let (_, link) = links.iter().find(|(known, _)| known == key)?;
    link.upgrade().map(Link)
}
