//! Reads of several documents: by name, by a query on the names of a collection, and the list of a
//! collection with the parents that do not exist.

use bytes::Bytes;
use firestore_messages::google::firestore::v1::batch_get_documents_request::ConsistencySelector;
use firestore_messages::google::firestore::v1::batch_get_documents_response::Result as Found;
use firestore_messages::google::firestore::v1::run_aggregation_query_request::{
    ConsistencySelector as AggregateSelector, QueryType as Counting,
};
use firestore_messages::google::firestore::v1::run_query_request::QueryType;
use firestore_messages::google::firestore::v1::structured_aggregation_query::QueryType as Counted;
use firestore_messages::google::firestore::v1::value::ValueType;
use firestore_messages::google::firestore::v1::{
    AggregationResult, BatchGetDocumentsRequest, BatchGetDocumentsResponse, Cursor, Document,
    DocumentMask, ListDocumentsRequest, ListDocumentsResponse, RunAggregationQueryRequest,
    RunAggregationQueryResponse, RunQueryRequest, RunQueryResponse, StructuredQuery, Value,
};
use tonic::Status;

use super::defect::FirestoreDefect;
use super::documents::{Documents, Micros, micros, timestamp};

/// The most documents of a page of a list.
const PAGE: usize = 300;

// === impl Documents ===

impl Documents {
    /// rpc/google.firestore.v1, `BatchGetDocuments`: "Documents returned by this method are not
    /// guaranteed to be returned in the same order that they were requested", so they come
    /// backwards. "Duplicate names will be elided."
    pub(super) fn batch_get(
        &mut self,
        request: BatchGetDocumentsRequest,
    ) -> Result<Vec<BatchGetDocumentsResponse>, Status> {
        let mut time = self.now();
        let mut transaction = Bytes::new();
        let mut responses = Vec::new();
        match request.consistency_selector {
            None => {}
            Some(ConsistencySelector::ReadTime(asked)) => {
                time = self.check_time(micros(&asked))?;
            }
            Some(ConsistencySelector::Transaction(id)) => transaction = id,
            Some(ConsistencySelector::NewTransaction(_)) => {
                transaction = self.begin();
                responses.push(BatchGetDocumentsResponse {
                    transaction: transaction.clone(),
                    ..BatchGetDocumentsResponse::default()
                });
            }
        }
        let mut names = request.documents;
        names.sort_unstable();
        names.dedup();
        for name in names.into_iter().rev() {
            super::limits::check_name(&name)?;
            if !transaction.is_empty() {
                self.note(&transaction, &name)?;
            }
            let found = match self.at(&name, time) {
                Some(document) => Found::Found(masked(document, request.mask.as_ref())),
                None => Found::Missing(name),
            };
            responses.push(BatchGetDocumentsResponse {
                read_time: Some(timestamp(time)),
                result: Some(found),
                ..BatchGetDocumentsResponse::default()
            });
        }
        Ok(responses)
    }

    /// rpc/google.firestore.v1, `StructuredQuery`, as far as it concerns the names of one
    /// collection: `select`, `from`, `order_by` the name, `start_at`, `end_at` and `limit`.
    pub(super) fn query(
        &mut self,
        request: RunQueryRequest,
    ) -> Result<Vec<RunQueryResponse>, Status> {
        let time = self.now();
        let Some(QueryType::StructuredQuery(query)) = request.query_type else {
            return Err(Status::invalid_argument("no query"));
        };
        let prefix = collection(&request.parent, &query)?;
        let mask = query.select.as_ref().map(|select| DocumentMask {
            field_paths: select
                .fields
                .iter()
                .map(|it| it.field_path.clone())
                .collect(),
        });
        let is_behind = |cursor: &Option<Cursor>, name: &str| {
            let Some(cursor) = cursor else { return None };
            let position = position(cursor)?;
            Some(name > position || (name == position && cursor.before))
        };
        let children = self.beginning_with(&prefix, time);
        let mut found: Vec<&Document> = children
            .filter(|(name, _)| !name[prefix.len()..].contains('/'))
            .filter(|(name, _)| is_behind(&query.start_at, name).unwrap_or(true))
            .filter(|(name, _)| !is_behind(&query.end_at, name).unwrap_or(false))
            .filter_map(|(_, document)| document)
            .collect();
        if self.defect == Some(FirestoreDefect::SortsBackwards) {
            found.reverse();
        }
        let limit = query.limit.and_then(|limit| usize::try_from(limit).ok());
        found.truncate(limit.unwrap_or(usize::MAX));
        let read_time = Some(timestamp(time));
        let mut responses: Vec<RunQueryResponse> = Vec::new();
        for document in found {
            responses.push(RunQueryResponse {
                document: Some(masked(document, mask.as_ref())),
                read_time,
                ..RunQueryResponse::default()
            });
        }
        if responses.is_empty() {
            // "If the query returns no results, a response with `read_time` and no `document` will
            // be sent" (`RunQueryResponse.read_time`).
            responses.push(RunQueryResponse {
                read_time,
                ..RunQueryResponse::default()
            });
        }
        Ok(responses)
    }

    /// rpc/google.firestore.v1, `RunAggregationQuery`: how many documents a collection had at a
    /// time.
    pub(super) fn aggregate(
        &mut self,
        request: &RunAggregationQueryRequest,
    ) -> Result<Vec<RunAggregationQueryResponse>, Status> {
        let Some(Counting::StructuredAggregationQuery(query)) = &request.query_type else {
            return Err(Status::invalid_argument("no query"));
        };
        let Some(Counted::StructuredQuery(counted)) = &query.query_type else {
            return Err(Status::invalid_argument("no query"));
        };
        let time = match &request.consistency_selector {
            Some(AggregateSelector::ReadTime(asked)) => self.check_time(micros(asked))?,
            _ => self.now(),
        };
        let count = self.count(&collection(&request.parent, counted)?, time);
        let value_type = Some(ValueType::IntegerValue(count));
        let aliases = query.aggregations.iter().map(|it| it.alias.clone());
        let fields = aliases.map(|alias| {
            let value_type = value_type.clone();
            (alias, Value { value_type })
        });
        Ok(vec![RunAggregationQueryResponse {
            result: Some(AggregationResult {
                aggregate_fields: fields.collect(),
            }),
            read_time: Some(timestamp(time)),
            ..RunAggregationQueryResponse::default()
        }])
    }

    /// How many documents a collection has, by what their names begin with.
    pub(super) fn count(&self, prefix: &str, time: Micros) -> i64 {
        let children = self.beginning_with(prefix, time);
        let counted = children
            .filter(|(name, document)| document.is_some() && !name[prefix.len()..].contains('/'));
        i64::try_from(counted.count()).unwrap_or(i64::MAX)
    }

    /// rpc/google.firestore.v1, `ListDocuments`, with `show_missing`: "A document is missing if it
    /// does not exist, but there are sub-documents nested underneath it." Those have no times.
    pub(super) fn list(
        &mut self,
        request: &ListDocumentsRequest,
    ) -> Result<ListDocumentsResponse, Status> {
        let time = self.now();
        if !request.show_missing {
            return Err(Status::unimplemented("the fake lists with show_missing"));
        }
        let prefix = format!("{}/{}/", request.parent, request.collection_id);
        let mut names: Vec<String> = Vec::new();
        for (name, document) in self.beginning_with(&prefix, time) {
            let child = name[prefix.len()..].split('/').next().unwrap_or_default();
            let child = format!("{prefix}{child}");
            if document.is_some() && child > request.page_token && names.last() != Some(&child) {
                names.push(child);
            }
        }
        let size = usize::try_from(request.page_size).unwrap_or_default();
        let size = if size == 0 { PAGE } else { size.min(PAGE) };
        let next_page_token = match names.get(size) {
            Some(_) => names[size - 1].clone(),
            None => String::new(),
        };
        names.truncate(size);
        let missing = |name| Document {
            name,
            ..Document::default()
        };
        Ok(ListDocumentsResponse {
            documents: names.into_iter().map(missing).collect(),
            next_page_token,
        })
    }
}

/// What the names of the collection of a query begin with.
pub(super) fn collection(parent: &str, query: &StructuredQuery) -> Result<String, Status> {
    match &query.from[..] {
        [from] if !from.all_descendants => Ok(format!("{parent}/{}/", from.collection_id)),
        _ => Err(Status::unimplemented("the fake queries one collection")),
    }
}

fn position(cursor: &Cursor) -> Option<&str> {
    match cursor.values.first()?.value_type.as_ref()? {
        ValueType::ReferenceValue(name) => Some(name),
        _ => None,
    }
}

fn masked(document: &Document, mask: Option<&DocumentMask>) -> Document {
    let mut document = document.clone();
    if let Some(mask) = mask {
        document
            .fields
            .retain(|field, _| mask.field_paths.contains(field));
    }
    document
}
