//! Transactions of etcd: conditions and operations of one revision.

use bytes::Bytes;
use keywell_store::{Error, Result, Version};

use crate::rpc::messages::{
    CREATED, Compare, DeleteRangeRequest, EQUAL, GREATER, KeyValue, MODIFIED, Number, PutRequest,
    RangeRequest, Request, RequestOp, Response, TxnRequest, TxnResponse,
};

/// The most operations and conditions of one transaction, as etcd has it unless it is set otherwise
/// (`--max-txn-ops`).
pub(crate) const MOST: usize = 128;

/// The key of this name was last written at this revision; 0 if it is absent.
pub(crate) fn is_at(name: &Bytes, revision: i64) -> Compare {
    Compare {
        result: EQUAL,
        target: MODIFIED,
        key: name.clone(),
        number: Some(Number::Modified(revision)),
        range_end: Bytes::new(),
    }
}

/// The key of this name is there.
pub(crate) fn is_there(name: &Bytes) -> Compare {
    Compare {
        result: GREATER,
        target: CREATED,
        key: name.clone(),
        number: Some(Number::Created(0)),
        range_end: Bytes::new(),
    }
}

/// No key of these names is there.
pub(crate) fn is_empty((first, end): (Bytes, Bytes)) -> Compare {
    Compare {
        result: EQUAL,
        target: CREATED,
        key: first,
        number: Some(Number::Created(0)),
        range_end: end,
    }
}

pub(crate) fn read(name: &Bytes) -> RangeRequest {
    RangeRequest {
        key: name.clone(),
        ..RangeRequest::default()
    }
}

/// As [`read`], without the value.
pub(crate) fn look(name: &Bytes) -> RangeRequest {
    RangeRequest {
        keys_only: true,
        ..read(name)
    }
}

pub(crate) fn reading(range: RangeRequest) -> RequestOp {
    RequestOp {
        request: Some(Request::Range(range)),
    }
}

pub(crate) fn put(name: &Bytes, value: Bytes, lease: i64) -> RequestOp {
    putting(PutRequest {
        key: name.clone(),
        value,
        lease,
        ..PutRequest::default()
    })
}

pub(crate) fn putting(put: PutRequest) -> RequestOp {
    RequestOp {
        request: Some(Request::Put(put)),
    }
}

pub(crate) fn delete(name: &Bytes) -> RequestOp {
    RequestOp {
        request: Some(Request::Delete(DeleteRangeRequest { key: name.clone() })),
    }
}

// === impl TxnRequest ===

impl TxnRequest {
    /// Does this, if all conditions hold.
    pub(crate) fn when(compare: Vec<Compare>, success: Vec<RequestOp>) -> Self {
        Self {
            compare,
            success,
            failure: Vec::new(),
        }
    }

    /// Does this if not all conditions hold.
    pub(crate) fn otherwise(mut self, failure: Vec<RequestOp>) -> Self {
        self.failure = failure;
        self
    }
}

// === impl TxnResponse ===

impl TxnResponse {
    /// The revision of what was written.
    pub(crate) fn revision(&self) -> i64 {
        self.header.map_or(0, |header| header.revision)
    }

    /// The version of what was written.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] for an answer without a revision.
    pub(crate) fn version(&self) -> Result<Version> {
        version(self.revision())
    }

    /// What its readings of one key found, in their order.
    pub(crate) fn read(&self) -> impl Iterator<Item = Option<&KeyValue>> {
        self.responses.iter().filter_map(|op| match &op.response {
            Some(Response::Range(range)) => Some(range.kvs.first()),
            _ => None,
        })
    }

    /// The leases of the keys that its readings found.
    pub(crate) fn leases(&self) -> impl Iterator<Item = i64> {
        self.read().flatten().map(|kv| kv.lease)
    }
}

/// The version that a revision is.
pub(crate) fn version(revision: i64) -> Result<Version> {
    let number = u64::try_from(revision).ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| Error::Internal("etcd answers without a revision".into()));
    Ok(Version::from(number?))
}

/// The revision that a version is, if it is one.
pub(crate) fn revision(version: &Version) -> Option<i64> {
    let number = i64::try_from(version.as_u64()?).ok()?;
    (number > 0).then_some(number)
}
