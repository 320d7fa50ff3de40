//! What the host holds for an instance in its resource table.
//!
//! Wasmtime's table counts its entries, and header fields have a limit each, but nothing bounds
//! them together, and bodies buffer what is written to them. So the entries are weighed, as seldom
//! as possible: one call of `wasi:http` adds at most [`Held::CALL`] bytes, so they need not be
//! weighed before as many calls as the budget has room for. That costs nothing per entry and covers
//! every function of the interface, whichever release adds it.

use std::any::{Any, TypeId};
use std::cmp::Ordering;

use http::uri::{Authority, PathAndQuery};
use keywell_wasi::Budget;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
};
use wasmtime_wasi_http::{FieldMap, p3};

/// How much of an instance's budget its resource table has.
#[derive(Debug)]
pub(crate) struct Held {
    /// What the entries weigh at most by now.
    at_most: usize,
    /// What they weighed last, which is charged.
    charged: usize,
    /// How much a body may buffer, in bytes.
    body: usize,
}

// === impl Held ===

impl Held {
    /// The most that one call of `wasi:http` adds: a set of fields as large as they may be, and a
    /// body.
    const CALL: usize = 256 << 10;
    /// How much may be added before the entries are weighed again, where there is room for it.
    const STEP: usize = 8 * Self::CALL;
    /// An entry of the table with what it points to, at a flat rate.
    const ENTRY: usize = 256;
    /// A field, beside its name and its value.
    const FIELD: usize = 64;
    /// A connection's part of a response that comes in.
    const RESPONSE: usize = 64 << 10;

    pub(crate) fn new(body: usize) -> Self {
        Self {
            at_most: 0,
            charged: 0,
            body,
        }
    }

    /// The most entries that a table may have whose instance has this budget: they take a quarter
    /// of it.
    pub(crate) fn max_entries(budget: usize) -> usize {
        (budget / 4 / Self::ENTRY).min(100_000)
    }

    /// Counts a call of `wasi:http` that is about to be made; whether the budget has room for it.
    #[inline]
    pub(crate) fn admit(&mut self, table: &mut ResourceTable, budget: &mut Budget) -> bool {
        self.at_most += Self::CALL;
        if self.at_most <= self.charged + budget.remaining().min(Self::STEP) {
            return true;
        }
        self.admit_weighed(table, budget)
    }

    /// Weighs the entries, and charges what they weigh; whether the budget has room for another call.
    // Never inlined: most calls do without, and would save registers for it.
    #[cold]
    #[inline(never)]
    fn admit_weighed(&mut self, table: &mut ResourceTable, budget: &mut Budget) -> bool {
        let weight: usize = table.iter_mut().map(|entry| self.weigh(entry)).sum();
        self.at_most = weight + Self::CALL;
        // Only the difference, as the total of all instances is shared with other threads.
        match weight.cmp(&self.charged) {
            Ordering::Equal => {}
            Ordering::Less => budget.refund(self.charged - weight),
            // They are there, whatever the budget.
            Ordering::Greater => budget.charge_anyway(weight - self.charged),
        }
        self.charged = weight;
        budget.check(Self::CALL).is_ok()
    }

    fn weigh(&self, entry: &(dyn Any + Send)) -> usize {
        // Compared first, as each `downcast_ref` asks the entry again.
        let kind = entry.type_id();
        if !Self::heavy().contains(&kind) {
            return Self::ENTRY;
        }
        let holds = if let Some(fields) = entry.downcast_ref::<FieldMap>() {
            fields_bytes(fields)
        } else if let Some(request) = entry.downcast_ref::<HostOutgoingRequest>() {
            let texts = [&request.path_with_query, &request.authority];
            let texts: usize = texts.into_iter().flatten().map(String::len).sum();
            texts + fields_bytes(&request.headers) + self.body_of(request.body.is_some())
        } else if let Some(response) = entry.downcast_ref::<HostOutgoingResponse>() {
            fields_bytes(&response.headers) + self.body_of(response.body.is_some())
        } else if let Some(response) = entry.downcast_ref::<HostIncomingResponse>() {
            fields_bytes(&response.headers) + Self::RESPONSE
        } else if entry.is::<HostFutureIncomingResponse>() {
            // The request is on its way, or its response has come.
            self.body + Self::RESPONSE
        } else if let Some(request) = entry.downcast_ref::<p3::Request>() {
            let path = request.path_with_query.as_ref().map(PathAndQuery::as_str);
            let authority = request.authority.as_ref().map(Authority::as_str);
            let texts: usize = [path, authority].into_iter().flatten().map(str::len).sum();
            texts + fields_bytes(&request.headers) + self.body
        } else if let Some(response) = entry.downcast_ref::<p3::Response>() {
            fields_bytes(&response.headers) + Self::RESPONSE
        } else {
            0
        };
        Self::ENTRY + holds
    }

    /// The kinds of entries that hold more than [`ENTRY`](Self::ENTRY) bytes.
    fn heavy() -> [TypeId; 7] {
        [
            TypeId::of::<FieldMap>(),
            TypeId::of::<HostOutgoingRequest>(),
            TypeId::of::<HostOutgoingResponse>(),
            TypeId::of::<HostIncomingResponse>(),
            TypeId::of::<HostFutureIncomingResponse>(),
            TypeId::of::<p3::Request>(),
            TypeId::of::<p3::Response>(),
        ]
    }

    fn body_of(&self, is_there: bool) -> usize {
        if is_there { self.body } else { 0 }
    }
}

fn fields_bytes(fields: &FieldMap) -> usize {
    let each = fields
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + Held::FIELD);
    each.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: usize) -> FieldMap {
        let mut fields = FieldMap::new_mutable(bytes + 1024);
        let value = http::HeaderValue::from_bytes(&vec![b'x'; bytes]).unwrap();
        let name = http::HeaderName::from_static("x");
        fields.append_raw(name, value).unwrap();
        fields
    }

    #[test]
    fn calls_are_admitted_until_what_is_held_fills_the_budget() {
        let mut budget = Budget::new(4 << 20);
        let mut held = Held::new(64 << 10);
        let mut table = ResourceTable::new();
        let mut kept = Vec::new();
        while held.admit(&mut table, &mut budget) {
            kept.push(table.push(fields(100 << 10)).unwrap());
            assert!(kept.len() < 100, "nothing bounds it");
        }
        assert!(kept.len() > 30, "{} were admitted", kept.len());
        // What is given back may be used again.
        for kept in kept.drain(..) {
            table.delete(kept).unwrap();
        }
        assert!(held.admit(&mut table, &mut budget));
    }

    #[test]
    fn what_is_held_is_taken_from_the_rest_of_the_budget() {
        let mut budget = Budget::new(16 << 20);
        let mut held = Held::new(64 << 10);
        let mut table = ResourceTable::new();
        budget.charge(15 << 20).unwrap();
        for _ in 0..100 {
            assert!(held.admit(&mut table, &mut budget), "it holds nothing");
        }
        for _ in 0..20 {
            table.push(fields(100 << 10)).unwrap();
        }
        let mut calls = 0..100;
        assert!(calls.any(|_| !held.admit(&mut table, &mut budget)));
    }
}
