use slab::Slab;

use crate::values::{IncomingValue, OutgoingValue, Trace};

/// The values and errors that an instance holds.
///
/// A representation is an index into a slab, or one of the last numbers, which no slab reaches.
#[derive(Default)]
pub(crate) struct Values {
    outgoing: Slab<OutgoingValue>,
    incoming: Slab<IncomingValue>,
    traces: Slab<Trace>,
}

// === impl Values ===

impl Values {
    /// An error or an outgoing value for which there is no room.
    const NO_ROOM: u32 = u32::MAX;
    /// [`Trace::NOT_FOUND`], which needs no entry.
    const NOT_FOUND: u32 = u32::MAX - 1;

    /// How many handles have an entry.
    pub(crate) fn len(&self) -> usize {
        self.outgoing.len() + self.incoming.len() + self.traces.len()
    }

    /// Keeps an outgoing value; none where there is no room for one.
    pub(crate) fn add_outgoing(&mut self, value: Option<OutgoingValue>) -> u32 {
        value.map_or(Self::NO_ROOM, |value| {
            representation(self.outgoing.insert(value))
        })
    }

    /// An outgoing value; none if it was answered for lack of room.
    pub(crate) fn outgoing(&self, rep: u32) -> wasmtime::Result<Option<&OutgoingValue>> {
        if rep == Self::NO_ROOM {
            return Ok(None);
        }
        let value = self.outgoing.get(rep as usize).map(Some);
        value.ok_or_else(|| wasmtime::format_err!("an outgoing value outlived its bytes"))
    }

    /// Whether one of the values fills a vacant key.
    pub(crate) fn is_filling(&self) -> bool {
        self.outgoing.iter().any(|(_, value)| value.is_filling())
    }

    pub(crate) fn remove_outgoing(&mut self, rep: u32) -> Option<OutgoingValue> {
        self.outgoing.try_remove(rep as usize)
    }

    pub(crate) fn add_incoming(&mut self, value: IncomingValue) -> u32 {
        representation(self.incoming.insert(value))
    }

    pub(crate) fn incoming(&mut self, rep: u32) -> wasmtime::Result<&mut IncomingValue> {
        let value = self.incoming.get_mut(rep as usize);
        value.ok_or_else(|| wasmtime::format_err!("an incoming value outlived its bytes"))
    }

    pub(crate) fn drop_incoming(&mut self, rep: u32) {
        self.incoming.try_remove(rep as usize);
    }

    /// Keeps a trace; none where there is no room for one.
    pub(crate) fn add_trace(&mut self, trace: Option<Trace>) -> u32 {
        match trace {
            None => Self::NO_ROOM,
            Some(trace) if trace == Trace::NOT_FOUND => Self::NOT_FOUND,
            Some(trace) => representation(self.traces.insert(trace)),
        }
    }

    /// The trace of an error; none if it says that there was no room.
    pub(crate) fn trace(&self, rep: u32) -> wasmtime::Result<Option<Trace>> {
        match rep {
            Self::NO_ROOM => Ok(None),
            Self::NOT_FOUND => Ok(Some(Trace::NOT_FOUND)),
            rep => {
                let trace = self.traces.get(rep as usize).cloned().map(Some);
                trace.ok_or_else(|| wasmtime::format_err!("an error outlived its trace"))
            }
        }
    }

    pub(crate) fn drop_trace(&mut self, rep: u32) {
        self.traces.try_remove(rep as usize);
    }
}

fn representation(index: usize) -> u32 {
    u32::try_from(index).expect("the limit on handles keeps indices within 32 bits")
}
