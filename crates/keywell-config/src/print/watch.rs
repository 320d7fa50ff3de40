use super::section::Section;
use crate::{WatchPlan, quoted};

/// `[[trigger.watch]]`
pub(super) fn print(watch: &WatchPlan, body: &mut String) {
    let mut section = Section::new("[[trigger.watch]]");
    if let Some(name) = &watch.name {
        section.text("name", name);
    }
    section.text("component", &watch.component);
    section.text("store", &watch.store);
    if watch.bucket.value != "default" {
        section.text("bucket", &watch.bucket);
    }
    match &watch.on[..] {
        [on] => section.text("on", on),
        on => section.raw("on", quoted::list(on.iter().map(|on| &*on.value))),
    }
    section.number("parallel", watch.parallel);
    section.duration("deadline", watch.deadline);
    section.number("retries", watch.retries);
    section.duration("backoff", watch.backoff);
    section.number("hops", watch.hops);
    if let Some(positions) = &watch.positions {
        section.text("positions", positions);
    }
    if let Some(dead) = &watch.dead_letters {
        let bucket = quoted::text(&dead.bucket);
        match &dead.store {
            None => section.raw("dead-letters", bucket),
            Some(store) => {
                let store = quoted::text(store);
                section.raw(
                    "dead-letters",
                    format_args!("{{ store = {store}, bucket = {bucket} }}"),
                );
            }
        }
    }
    if watch.is_optional {
        section.raw("optional", true);
    }
    section.finish_always(body);
}
