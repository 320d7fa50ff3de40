use keywell_store::{Cursor, List, Page};

use super::index::{Held, Index};

/// A page of the keys in an index.
/// `seal` makes the cursor that goes on behind a key.
pub(super) fn of(
    index: &Index,
    request: &List,
    after: Option<&str>,
    is_live: impl Fn(&Held) -> bool,
    seal: impl Fn(u64, &str) -> Cursor,
) -> Page {
    let mut page = Page::default();
    let mut bytes = 0;
    let keys = index.keys_from(&request.prefix, after);
    for (key, _) in keys.filter(|(_, held)| is_live(held)) {
        bytes += key.len();
        if request.is_full(page.keys.len(), bytes) {
            let last = page.keys.last();
            page.cursor = last.map(|last| seal(index.applied(), last));
            break;
        }
        page.keys.push(key.to_owned());
    }
    page
}
