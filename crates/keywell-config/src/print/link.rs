use super::section::Section;
use crate::{GrantPlan, LinkPlan, quoted};

/// The keys of a link, of a component's own or one with a name. `head` is the component's or the link's.
pub(super) fn print(link: &LinkPlan, section: &mut Section) {
    if let Some(store) = &link.store {
        section.text("store", store);
    }
    if let Some(every) = &link.every_bucket {
        section.raw("every-bucket", grant(every));
    }
}

/// `[component.NAME.buckets]`
pub(super) fn print_buckets(head: &str, link: &LinkPlan, body: &mut String) {
    let mut section = Section::new(format!("[{head}.buckets]"));
    for (name, bucket) in &link.buckets {
        section.raw(name, grant(bucket));
    }
    section.finish(body);
}

fn grant(grant: &GrantPlan) -> String {
    let mut keys = vec![
        format!("store = {}", quoted::text(&grant.store)),
        format!("bucket = {}", quoted::text(&grant.bucket)),
    ];
    if grant.read_only {
        keys.push("read-only = true".to_owned());
    }
    if !grant.prefix.is_empty() {
        keys.push(format!("prefix = {}", quoted::text(&grant.prefix)));
    }
    keys.extend(grant.max_key.map(|bytes| format!("max-key = {bytes}")));
    keys.extend(grant.max_value.map(|bytes| format!("max-value = {bytes}")));
    format!("{{ {} }}", keys.join(", "))
}
