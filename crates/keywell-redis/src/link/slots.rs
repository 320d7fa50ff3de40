use std::collections::HashMap;
use std::sync::Arc;

use redis::Value;

use super::node::Node;
use super::route::{Route, SLOTS};
use crate::options::Address;

/// Which node has which slots. Replaced as a whole: who reads it has one that fits together.
#[derive(Clone, Default)]
pub(super) struct SlotMap {
    /// For each slot the position of its node, [`UNOWNED`] if none is known.
    owners: Vec<u16>,
    nodes: Vec<(Address, Arc<Node>)>,
}

const UNOWNED: u16 = u16::MAX;

/// What `CLUSTER SLOTS` says: first and last slot, and their primary.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u16, u16, Address)>);

// === impl SlotMap ===

impl SlotMap {
    pub(super) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    pub(super) fn owner(&self, route: Route<'_>) -> Option<(Address, Arc<Node>)> {
        let position = match route.slot() {
            Some(slot) => *self.owners.get(usize::from(slot))?,
            None => *self.owners.iter().find(|owner| **owner != UNOWNED)?,
        };
        self.nodes.get(usize::from(position)).cloned()
    }

    pub(super) fn node(&self, address: &Address) -> Option<Arc<Node>> {
        let node = self.nodes.iter().find(|(known, _)| known == address);
        node.map(|(_, node)| node.clone())
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.iter().map(|(_, node)| node)
    }

    pub(super) fn known(&self) -> impl Iterator<Item = (&Address, &Arc<Node>)> {
        self.nodes.iter().map(|(address, node)| (address, node))
    }

    /// Those that have slots.
    pub(super) fn primaries(&self) -> Vec<Address> {
        let mut slots: HashMap<u16, usize> = HashMap::new();
        for owner in &self.owners {
            *slots.entry(*owner).or_default() += 1;
        }
        let nodes = self.nodes.iter().enumerate();
        let primaries = nodes.filter(|(position, _)| {
            u16::try_from(*position).is_ok_and(|position| slots.contains_key(&position))
        });
        primaries.map(|(_, (address, _))| address.clone()).collect()
    }

    pub(super) fn know(&mut self, address: Address, node: Arc<Node>) {
        if self.node(&address).is_none() && self.nodes.len() < usize::from(UNOWNED) {
            self.nodes.push((address, node));
        }
    }

    /// Gives slots to a node that is known.
    pub(super) fn assign(&mut self, first: u16, last: u16, address: &Address) {
        let position = self.nodes.iter().position(|(known, _)| known == address);
        let position = position.and_then(|position| u16::try_from(position).ok());
        self.owners.resize(usize::from(SLOTS), UNOWNED);
        let slots = usize::from(first)..=usize::from(last);
        if let (Some(position), Some(owners)) = (position, self.owners.get_mut(slots)) {
            owners.fill(position);
        }
    }
}

// === impl Ranges ===

impl Ranges {
    /// Reads the reply of a node at this address, which stands in for a host that the node does
    /// not know of itself.
    pub(super) fn read(reply: &Value, asked: &Address) -> Result<Self, String> {
        let Value::Array(ranges) = reply else {
            return Err(match reply {
                Value::ServerError(error) => {
                    format!("{} {}", error.code(), error.details().unwrap_or_default())
                }
                _ => "it does not say which slots there are".to_owned(),
            });
        };
        let ranges: Option<Vec<_>> = ranges.iter().map(|range| range_of(range, asked)).collect();
        match ranges {
            Some(ranges) if !ranges.is_empty() => Ok(Self(ranges)),
            _ => Err("it says of no slot which node has it".to_owned()),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(u16, u16, Address)> {
        self.0.iter()
    }
}

fn range_of(range: &Value, asked: &Address) -> Option<(u16, u16, Address)> {
    let Value::Array(parts) = range else {
        return None;
    };
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(primary),
        ..,
    ] = &parts[..]
    else {
        return None;
    };
    let [host, Value::Int(port), ..] = &primary[..] else {
        return None;
    };
    let host = match (host, asked) {
        (Value::BulkString(host), _) if !host.is_empty() && host != b"?" => {
            String::from_utf8(host.clone()).ok()?
        }
        (_, Address::Tcp { host, .. }) => host.clone(),
        _ => return None,
    };
    let port = u16::try_from(*port).ok()?;
    let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
    (last < SLOTS && first <= last).then_some((first, last, Address::Tcp { host, port }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64, host: &str, port: i64) -> Value {
        let host = Value::BulkString(host.as_bytes().to_vec());
        let primary = Value::Array(vec![host, Value::Int(port), Value::Nil]);
        Value::Array(vec![Value::Int(first), Value::Int(last), primary])
    }

    #[test]
    fn ranges_are_read_and_nonsense_is_not() {
        let asked = Address::Tcp {
            host: "h".to_owned(),
            port: 1,
        };
        let reply = Value::Array(vec![range(0, 5, "a", 7), range(6, 16_383, "", 8)]);
        let read = Ranges::read(&reply, &asked).unwrap();
        let shown: Vec<String> = read.iter().map(|(_, _, at)| at.to_string()).collect();
        assert_eq!(shown, ["a:7", "h:8"]);
        for reply in [
            Value::Nil,
            Value::Array(Vec::new()),
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![range(0, 16_384, "a", 7)]),
            Value::Array(vec![range(5, 4, "a", 7)]),
            Value::Array(vec![range(0, 1, "a", 70_000)]),
        ] {
            assert!(Ranges::read(&reply, &asked).is_err(), "{reply:?}");
        }
    }
}
