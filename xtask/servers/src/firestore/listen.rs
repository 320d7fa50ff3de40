//! Listening to a collection (rpc/google.firestore.v1, `Listen`).

use std::sync::Arc;

use bytes::Bytes;
use firestore_messages::google::firestore::v1::listen_request::TargetChange as Asked;
use firestore_messages::google::firestore::v1::listen_response::ResponseType;
use firestore_messages::google::firestore::v1::target::{
    QueryTarget, ResumeType, TargetType, query_target::QueryType,
};
use firestore_messages::google::firestore::v1::target_change::TargetChangeType;
use firestore_messages::google::firestore::v1::{
    DocumentChange, DocumentDelete, ExistenceFilter, ListenRequest, ListenResponse, Target,
    TargetChange,
};
use futures::stream::{BoxStream, StreamExt as _, unfold};
use tonic::{Status, Streaming};

use super::defect::FirestoreDefect;
use super::documents::{Documents, Micros, micros, timestamp};
use super::query::collection;
use super::state::State;

/// A listener to one target.
struct Listener {
    state: Arc<State>,
    /// Its end is the end of the listener.
    requests: Streaming<ListenRequest>,
    target: i32,
    prefix: String,
    /// Up to where it was responses.
    upto: Micros,
    is_current: bool,
    /// Whether it began with a token.
    has_resumed: bool,
}

pub(super) async fn listen(
    state: Arc<State>,
    mut requests: Streaming<ListenRequest>,
) -> Result<BoxStream<'static, Result<ListenResponse, Status>>, Status> {
    let first = requests.message().await?;
    let Some(Asked::AddTarget(target)) = first.and_then(|it| it.target_change) else {
        return Err(Status::invalid_argument("the first request adds no target"));
    };
    let Some(TargetType::Query(QueryTarget {
        parent,
        query_type: Some(QueryType::StructuredQuery(query)),
    })) = &target.target_type
    else {
        return Err(Status::unimplemented("the fake listens to queries"));
    };
    let upto = start(&mut state.documents(), &target)?;
    let listener = Listener {
        prefix: collection(parent, query)?,
        target: target.target_id,
        upto,
        is_current: false,
        has_resumed: matches!(target.resume_type, Some(ResumeType::ResumeToken(_))),
        requests,
        state,
    };
    let added = Ok(listener.target_change(TargetChangeType::Add, None));
    let responses = unfold(Some(listener), |listener| async move {
        let mut listener = listener?;
        match listener.next().await {
            Ok(Some(responses)) => {
                let responses = responses.into_iter().map(Ok).collect();
                Some((responses, Some(listener)))
            }
            Ok(None) => None,
            Err(status) => Some((vec![Err(status)], None)),
        }
    });
    let responses = responses.flat_map(futures::stream::iter::<Vec<_>>);
    Ok(futures::stream::iter([added]).chain(responses).boxed())
}

/// From when on changes are responses: "only the matching documents that have been updated AFTER the
/// `resume_token` or `read_time`" (`Target.resume_type`). A token of the fake is a time.
fn start(documents: &mut Documents, target: &Target) -> Result<Micros, Status> {
    match &target.resume_type {
        None => Ok(0),
        Some(ResumeType::ReadTime(time)) => documents.check_time(micros(time)),
        Some(ResumeType::ResumeToken(_))
            if documents.defect == Some(FirestoreDefect::IgnoresResumeTokens) =>
        {
            Ok(documents.now())
        }
        Some(ResumeType::ResumeToken(token)) => {
            let time: Result<[u8; 8], _> = token[..].try_into();
            let refused = |_| Status::invalid_argument("no resume token");
            let time = Micros::from_be_bytes(time.map_err(refused)?);
            documents.check_time(time)
        }
    }
}

// === impl Listener ===

impl Listener {
    /// What is responses next; `None` when the client is gone.
    async fn next(&mut self) -> Result<Option<Vec<ListenResponse>>, Status> {
        let mut changes = self.state.subscribe();
        let mut ends = self.state.listener_ends();
        loop {
            self.state.check()?;
            changes.mark_unchanged();
            let responses = self.tell();
            if !responses.is_empty() {
                return Ok(Some(responses));
            }
            tokio::select! {
                _ = changes.changed() => {}
                _ = ends.changed() => return Err(Status::unavailable("the listener is ended")),
                request = self.requests.message() => {
                    if !matches!(request, Ok(Some(_))) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The changes up to now, and then that this is a consistent snapshot: a change of no target in
    /// particular, with `read_time` and `resume_token` (`TargetChange.read_time`).
    fn tell(&mut self) -> Vec<ListenResponse> {
        let mut documents = self.state.documents();
        let now = documents.now();
        let changes = documents.changes(&self.prefix, self.upto, now);
        let count = documents.count(&self.prefix, now);
        let has_resumed = self.has_resumed && !self.is_current;
        let hides_deletions = match documents.defect {
            Some(FirestoreDefect::HidesDeletions) => true,
            Some(FirestoreDefect::ForgetsDeletions) => has_resumed,
            _ => false,
        };
        drop(documents);
        let mut responses: Vec<ListenResponse> = Vec::new();
        let is_news = !changes.is_empty();
        for (name, (written, document)) in changes {
            if name[self.prefix.len()..].contains('/') {
                continue;
            }
            match document {
                Some(document) => {
                    responses.push(response(ResponseType::DocumentChange(DocumentChange {
                        document: Some(document),
                        target_ids: vec![self.target],
                        removed_target_ids: Vec::new(),
                    })));
                }
                None if hides_deletions => {}
                None => responses.push(response(ResponseType::DocumentDelete(DocumentDelete {
                    document: name,
                    removed_target_ids: vec![self.target],
                    read_time: Some(timestamp(written)),
                }))),
            }
        }
        if has_resumed {
            // "Returned when documents may have been removed from the given target, but the exact
            // documents are unknown" (`ListenResponse.filter`); they may be known as well.
            responses.push(response(ResponseType::Filter(ExistenceFilter {
                target_id: self.target,
                count: i32::try_from(count).unwrap_or(i32::MAX),
                unchanged_names: None,
            })));
        }
        if !self.is_current {
            self.is_current = true;
            responses.push(self.target_change(TargetChangeType::Current, Some(now)));
        } else if !is_news {
            return responses;
        }
        self.upto = now;
        responses.push(response(ResponseType::TargetChange(TargetChange {
            read_time: Some(timestamp(now)),
            resume_token: Bytes::from(now.to_be_bytes().to_vec()),
            ..TargetChange::default()
        })));
        responses
    }

    fn target_change(&self, kind: TargetChangeType, time: Option<Micros>) -> ListenResponse {
        response(ResponseType::TargetChange(TargetChange {
            target_change_type: kind.into(),
            target_ids: vec![self.target],
            read_time: time.map(timestamp),
            ..TargetChange::default()
        }))
    }
}

fn response(response: ResponseType) -> ListenResponse {
    ListenResponse {
        response_type: Some(response),
    }
}
