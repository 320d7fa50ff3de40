//! Makes the tree of a document from its parts, and bounds it.

use super::node::{Key, Node, Scalar, Value};
use crate::{Located, Place, Problem};

/// The tree as far as it is read.
pub(crate) struct Builder<'i> {
    open: Vec<Open<'i>>,
    root: Option<Node<'i>>,
    nodes: usize,
    bytes: usize,
}

/// A list or a mapping whose end is not read yet.
struct Open<'i> {
    node: Node<'i>,
    key: Option<Key<'i>>,
}

// === impl Builder ===

impl<'i> Builder<'i> {
    pub(crate) const MAX_DEPTH: usize = 64;
    pub(crate) const MAX_NODES: usize = 200_000;
    /// Of text, with aliases expanded: four times what a file may have.
    const MAX_BYTES: usize = 16 << 20;

    pub(crate) fn new() -> Self {
        Self {
            open: Vec::new(),
            root: None,
            nodes: 0,
            bytes: 0,
        }
    }

    pub(crate) fn begin(&mut self, place: Place, value: Value<'i>) -> Result<(), Problem> {
        self.count(place, (1, 0))?;
        self.check_depth(place, 1)?;
        self.open.push(Open {
            node: Node { place, value },
            key: None,
        });
        Ok(())
    }

    /// Ends the innermost list or mapping, and gives a copy if an alias may refer to it.
    pub(crate) fn end(&mut self, is_anchored: bool) -> Result<Option<Node<'i>>, Problem> {
        let Some(open) = self.open.pop() else {
            return Ok(None);
        };
        let copy = if is_anchored {
            // The copy takes room as every alias does.
            self.count(open.node.place, open.node.size())?;
            Some(open.node.clone())
        } else {
            None
        };
        self.add(open.node)?;
        Ok(copy)
    }

    pub(crate) fn scalar(&mut self, place: Place, scalar: Scalar<'i>) -> Result<(), Problem> {
        self.count(place, (1, scalar.text.len()))?;
        self.add(Node {
            place,
            value: Value::Scalar(scalar),
        })
    }

    /// A copy of what has an anchor, where an alias stands.
    pub(crate) fn alias(&mut self, place: Place, node: &Node<'i>) -> Result<(), Problem> {
        self.check_depth(place, node.depth())?;
        self.count(place, node.size())?;
        let value = node.value.clone();
        self.add(Node { place, value })
    }

    pub(crate) fn finish(self) -> Option<Node<'i>> {
        self.root
    }

    fn check_depth(&self, place: Place, more: usize) -> Result<(), Problem> {
        if self.open.len() + more > Self::MAX_DEPTH {
            let message = format!("this is nested more than {} deep", Self::MAX_DEPTH);
            return Err(Problem::error(message).in_text(place));
        }
        Ok(())
    }

    fn count(&mut self, place: Place, (nodes, bytes): (usize, usize)) -> Result<(), Problem> {
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > Self::MAX_NODES || self.bytes > Self::MAX_BYTES {
            let message = format!(
                "with its aliases written out, the file has more than {} values or {} bytes",
                Self::MAX_NODES,
                Self::MAX_BYTES
            );
            return Err(Problem::error(message).in_text(place));
        }
        Ok(())
    }

    fn add(&mut self, node: Node<'i>) -> Result<(), Problem> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let entries = match &mut open.node.value {
            Value::Scalar(_) => return Ok(()),
            Value::List(items) => {
                items.push(node);
                return Ok(());
            }
            Value::Mapping(entries) => entries,
        };
        let Some(key) = open.key.take() else {
            open.key = Some(key(node)?);
            return Ok(());
        };
        entries.push((key, node));
        Ok(())
    }
}

fn key(node: Node<'_>) -> Result<Key<'_>, Problem> {
    let Value::Scalar(scalar) = node.value else {
        let message = format!("a key is a text, and this is {}", node.what());
        return Err(Problem::error(message).in_text(node.place));
    };
    if scalar.is_plain && scalar.text == "<<" {
        let message = "merge keys (<<) have no effect";
        let help = "write the keys out, or use an alias as a whole value";
        return Err(Problem::error(message).help(help).in_text(node.place));
    }
    Ok(Located {
        value: scalar.text,
        place: node.place,
    })
}

/// Looks in the whole tree for a key that a mapping has twice.
pub(crate) fn find_repeated_key(node: &Node<'_>) -> Option<Problem> {
    match &node.value {
        Value::Scalar(_) => None,
        Value::List(items) => items.iter().find_map(find_repeated_key),
        Value::Mapping(entries) => {
            let mut seen = std::collections::HashMap::new();
            entries.iter().find_map(|(key, node)| {
                if let Some(first) = seen.insert(&*key.value, key.place) {
                    let message = format!("the key {} is here and at {first}", key.value);
                    let problem = Problem::error(message).help("keep one of the two");
                    return Some(problem.in_text(key.place));
                }
                find_repeated_key(node)
            })
        }
    }
}
