//! Which parts of a text are shown beside what is wrong. Scalars know which characters they are, as
//! parsers count; what hides them counts bytes.

use std::collections::HashMap;
use std::ops::Range;

use super::node::{Node, Value};

/// Spans of characters of a text as spans of bytes.
pub(crate) fn in_bytes(text: &str, spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut ends: Vec<usize> = spans
        .iter()
        .flat_map(|span| [span.start, span.end])
        .collect();
    ends.sort_unstable();
    ends.dedup();
    let mut offsets = text.char_indices().map(|(offset, _)| offset);
    let mut at = 0;
    let mut found = HashMap::new();
    for end in ends {
        let offset = offsets.nth(end - at);
        found.insert(end, offset.unwrap_or(text.len()));
        at = end + 1;
        if offset.is_none() {
            at = end;
        }
    }
    let byte = |end: &usize| found.get(end).copied().unwrap_or(text.len());
    let spans = spans.iter();
    spans
        .map(|span| byte(&span.start)..byte(&span.end))
        .collect()
}

/// Where the values are that may be secret, as bytes of the text: those of other keys than these, and
/// everything within such a key but for values of `settings`.
pub(crate) fn hidden(
    text: &str,
    roots: &[Node<'_>],
    shown: &[&str],
    settings: &[&str],
) -> Vec<Range<usize>> {
    fn hide(node: &Node<'_>, settings: &[&str], spans: &mut Vec<Range<usize>>) {
        match &node.value {
            Value::Scalar(scalar) => spans.push(scalar.span.clone()),
            Value::List(items) => items.iter().for_each(|item| hide(item, settings, spans)),
            Value::Mapping(entries) => {
                let hidden = entries.iter().filter(|(key, node)| {
                    node.text().is_none() || !settings.contains(&&*key.value)
                });
                hidden.for_each(|(_, node)| hide(node, settings, spans));
            }
        }
    }
    fn walk(node: &Node<'_>, shown: &[&str], settings: &[&str], spans: &mut Vec<Range<usize>>) {
        match &node.value {
            Value::Scalar(_) => {}
            Value::List(items) => items
                .iter()
                .for_each(|item| walk(item, shown, settings, spans)),
            Value::Mapping(entries) => {
                for (key, node) in entries {
                    if shown.contains(&&*key.value) {
                        walk(node, shown, settings, spans);
                    } else {
                        hide(node, settings, spans);
                    }
                }
            }
        }
    }
    let mut spans = Vec::new();
    for root in roots {
        walk(root, shown, settings, &mut spans);
    }
    in_bytes(text, &spans)
}
