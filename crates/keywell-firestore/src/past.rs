//! What was there at a time that has passed, for an hour.

use std::collections::HashMap;

use keywell_store::{Error, Invalid, Result};

use crate::backing::Backing;
use crate::clock::Time;
use crate::document::timestamp;
use crate::reading::{Fields, NAMED};
use crate::rpc::fault::Fault;
use crate::rpc::messages::batch_get_documents_request::ConsistencySelector;
use crate::rpc::messages::run_aggregation_query_request::{
    ConsistencySelector as OfQuery, QueryType,
};
use crate::rpc::messages::structured_aggregation_query::aggregation::{Count, Operator};
use crate::rpc::messages::structured_aggregation_query::{Aggregation, QueryType as Counted};
use crate::rpc::messages::value::ValueType;
use crate::rpc::messages::{
    Document, RunAggregationQueryRequest, StructuredAggregationQuery, StructuredQuery,
};

const COUNT: &str = "count";

/// The past of a bucket.
pub(crate) struct Past<'a>(&'a Backing);

// === impl Backing ===

impl Backing {
    pub(crate) fn past(&self) -> Past<'_> {
        Past(self)
    }
}

// === impl Past ===

impl Past<'_> {
    /// The service's time, before which all is written that was acknowledged.
    pub(crate) async fn now(&self) -> Result<Time> {
        let name = self.0.names.name("-");
        Ok(self.0.document(&name, Fields::Expiry).await?.at)
    }

    /// Documents as they were at a time, without their values; those that were missing are left
    /// out.
    ///
    /// # Errors
    ///
    /// [`Invalid::Compacted`] where the service no longer has them.
    pub(crate) async fn states(
        &self,
        names: Vec<String>,
        at: Time,
    ) -> Result<HashMap<String, (Document, Time)>> {
        let mut found = HashMap::new();
        let probed = [self.0.names.name("-")];
        let mut parts: Vec<&[String]> = names.chunks(NAMED).collect();
        if parts.is_empty() {
            parts.push(&probed);
        }
        for part in parts {
            let when = ConsistencySelector::ReadTime(timestamp(at));
            let (link, names) = (&self.0.link, part.to_vec());
            let read = link.documents(names, Fields::Expiry, Some(when), usize::MAX);
            found.extend(read.await.map_err(of_the_past)?.found);
        }
        Ok(found)
    }

    /// How many documents there were at a time.
    ///
    /// # Errors
    ///
    /// As [`Past::states`].
    pub(crate) async fn count(&self, at: Time) -> Result<i64> {
        let query = StructuredQuery {
            from: vec![self.0.collection()],
            ..StructuredQuery::default()
        };
        let query = StructuredAggregationQuery {
            aggregations: vec![Aggregation {
                alias: COUNT.to_owned(),
                operator: Some(Operator::Count(Count::default())),
            }],
            query_type: Some(Counted::StructuredQuery(query)),
        };
        let request = RunAggregationQueryRequest {
            parent: self.0.names.parent.clone(),
            query_type: Some(QueryType::StructuredAggregationQuery(query)),
            consistency_selector: Some(OfQuery::ReadTime(timestamp(at))),
            ..RunAggregationQueryRequest::default()
        };
        let gathered = self
            .0
            .link
            .gather(request, |count: &mut Option<i64>, response| {
                let fields = response.result.unwrap_or_default().aggregate_fields;
                let value = fields
                    .get(COUNT)
                    .and_then(|value| value.value_type.as_ref());
                if let Some(ValueType::IntegerValue(counted)) = value {
                    *count = Some(*counted);
                }
                Ok(true)
            });
        let count = gathered.await.map_err(of_the_past)?;
        count.ok_or_else(|| Error::Internal("Firestore answers a count without one".into()))
    }
}

/// The error of a read of the past, whose time may be too long ago.
fn of_the_past(fault: Fault) -> Error {
    match fault {
        Fault::Stale(_) | Fault::Refused(Error::Internal(_)) => Invalid::Compacted.into(),
        fault => fault.of_reading(),
    }
}
