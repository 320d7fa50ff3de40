//! The documents of the fake, with all their states: a read may ask for a time that has passed, and
//! a listener for what changed since.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use firestore_messages::google::firestore::v1::precondition::ConditionType;
use firestore_messages::google::firestore::v1::value::ValueType;
use firestore_messages::google::firestore::v1::write::Operation;
use firestore_messages::google::firestore::v1::{
    CommitRequest, CommitResponse, Document, Write, WriteResult,
};
use prost::Message as _;
use prost_types::Timestamp;
use tonic::{Code, Status};

use super::defect::FirestoreDefect;
use super::limits;

/// Microseconds since 1970. The service's times have no finer step (rpc/google.firestore.v1,
/// `Precondition.update_time`).
pub(super) type Micros = i64;

/// A state of a document: when it was written, and what it was; `None` for deleted.
type State = (Micros, Option<Document>);

/// The names that a transaction read, and when each had last changed.
type Reads = BTreeMap<String, Micros>;

#[derive(Default)]
pub(super) struct Documents {
    /// In the order of names, which is that of their UTF-8 (docs/manage-data/data-types,
    /// "Reference" and "Text string"); each list in the order of time.
    states: BTreeMap<String, Vec<State>>,
    transactions: HashMap<Bytes, Reads>,
    started: u64,
    last: Micros,
    /// How far the service's clock is from this machine's.
    pub(super) skew: i64,
    /// Before that, no state is kept.
    kept: Micros,
    pub(super) defect: Option<FirestoreDefect>,
}

// === impl Documents ===

impl Documents {
    /// The time, later than every time before.
    ///
    /// "Any read with an equal or greater `read_time` is guaranteed to see the effects of the
    /// commit" (rpc/google.firestore.v1, `CommitResponse.commit_time`).
    pub(super) fn now(&mut self) -> Micros {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let micros = i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or_default();
        self.last = (micros + self.skew).max(self.last + 1);
        self.last
    }

    /// A document as it was at a time.
    pub(super) fn at(&self, name: &str, time: Micros) -> Option<&Document> {
        let states = self.states.get(name)?;
        let state = states.iter().rfind(|(written, _)| *written <= time)?;
        state.1.as_ref()
    }

    /// Checks the time of a read: "a microsecond precision timestamp within the past one hour"
    /// (rpc/google.firestore.v1, `BatchGetDocumentsRequest.read_time`).
    pub(super) fn check_time(&self, time: Micros) -> Result<Micros, Status> {
        if time < self.kept {
            let what = "the requested read_time is too old";
            return Err(Status::failed_precondition(what));
        }
        Ok(time)
    }

    /// The names that begin with this, with each document as it was at a time.
    pub(super) fn beginning_with<'a>(
        &'a self,
        prefix: &'a str,
        time: Micros,
    ) -> impl Iterator<Item = (&'a str, Option<&'a Document>)> {
        let from = self.states.range(prefix.to_owned()..);
        let names = from.take_while(move |(name, _)| name.starts_with(prefix));
        names.map(move |(name, _)| (name.as_str(), self.at(name, time)))
    }

    /// The last change of each document that changed within a span, in the order of names.
    pub(super) fn changes(
        &self,
        prefix: &str,
        after: Micros,
        upto: Micros,
    ) -> Vec<(String, State)> {
        let names = self.beginning_with(prefix, upto);
        let changed = names.filter_map(|(name, _)| {
            let mut states = self.states[name].iter();
            let last = states.rfind(|(written, _)| *written <= upto)?;
            (last.0 > after).then(|| (name.to_owned(), last.clone()))
        });
        changed.collect()
    }

    /// Starts a transaction (docs/manage-data/transactions).
    pub(super) fn begin(&mut self) -> Bytes {
        self.started += 1;
        let transaction = Bytes::from(self.started.to_be_bytes().to_vec());
        self.transactions.insert(transaction.clone(), Reads::new());
        transaction
    }

    /// Notes that a transaction reads a document.
    pub(super) fn note(&mut self, transaction: &Bytes, name: &str) -> Result<(), Status> {
        let changed = self.changed(name);
        let reads = self.transactions.get_mut(transaction);
        let reads = reads.ok_or_else(|| Status::invalid_argument("no such transaction"))?;
        reads.entry(name.to_owned()).or_insert(changed);
        Ok(())
    }

    pub(super) fn roll_back(&mut self, transaction: &Bytes) {
        self.transactions.remove(transaction);
    }

    pub(super) fn open_transactions(&self) -> usize {
        self.transactions.len()
    }

    fn changed(&self, name: &str) -> Micros {
        let states = self.states.get(name).and_then(|states| states.last());
        states.map_or(0, |(written, _)| *written)
    }

    /// Applies writes "atomically and in order" (rpc/google.firestore.v1, `CommitRequest.writes`).
    pub(super) fn commit(&mut self, request: &CommitRequest) -> Result<CommitResponse, Status> {
        if request.encoded_len() > limits::REQUEST {
            return Err(Status::invalid_argument(
                "Request payload size exceeds the limit",
            ));
        }
        if !request.transaction.is_empty()
            && let Err(status) = self.end(&request.transaction)
        {
            if self.defect == Some(FirestoreDefect::KeepsHalfCommits) {
                let half = CommitRequest {
                    writes: request.writes.iter().take(1).cloned().collect(),
                    ..CommitRequest::default()
                };
                self.commit(&half)?;
            }
            return Err(status);
        }
        let time = self.now();
        let mut after: BTreeMap<String, Option<Document>> = BTreeMap::new();
        let mut results = Vec::new();
        for write in &request.writes {
            let (name, document) = self.write(write, time, &after)?;
            let update_time = document.as_ref().and_then(|it| it.update_time);
            results.push(WriteResult {
                update_time,
                transform_results: Vec::new(),
            });
            after.insert(name, document);
        }
        self.keep(after, time);
        Ok(CommitResponse {
            write_results: results,
            commit_time: Some(timestamp(time)),
        })
    }

    /// Ends a transaction: what it read has to be as it was (docs/transaction-data-contention,
    /// "Optimistic concurrency controls").
    fn end(&mut self, transaction: &Bytes) -> Result<(), Status> {
        let reads = self.transactions.remove(transaction);
        let reads = reads.ok_or_else(|| {
            Status::invalid_argument(
                "The referenced transaction has expired or is no longer valid.",
            )
        })?;
        let stands = |(name, changed): (&String, &Micros)| self.changed(name) == *changed;
        if !reads.iter().all(stands)
            && self.defect != Some(FirestoreDefect::CommitsStaleTransactions)
        {
            return Err(Status::aborted("Too much contention on these documents."));
        }
        Ok(())
    }

    /// What a write makes of its document.
    fn write(
        &self,
        write: &Write,
        time: Micros,
        earlier: &BTreeMap<String, Option<Document>>,
    ) -> Result<(String, Option<Document>), Status> {
        let missing = || Status::invalid_argument("a write without an operation that the fake has");
        let (name, new) = match write.operation.as_ref().ok_or_else(missing)? {
            Operation::Update(new) => (&new.name, Some(new)),
            Operation::Delete(name) => (name, None),
            Operation::Transform(_) => return Err(missing()),
        };
        limits::check_name(name)?;
        let stored = || self.at(name, time).cloned();
        let old = earlier.get(name).map_or_else(stored, Clone::clone);
        if self.defect != Some(FirestoreDefect::IgnoresPreconditions) {
            check(write, name, old.as_ref())?;
        }
        let Some(new) = new else {
            return Ok((name.clone(), None));
        };
        limits::check_document(new)?;
        let mut new = new.clone();
        let created = old.as_ref().and_then(|old| old.create_time);
        new.create_time = created.or_else(|| Some(timestamp(time)));
        // "If the write did not actually change the document, this will be the previous
        // update_time" (rpc/google.firestore.v1, `WriteResult.update_time`).
        let kept = old.filter(|old| {
            old.fields == new.fields || self.defect == Some(FirestoreDefect::KeepsUpdateTimes)
        });
        let kept = kept.and_then(|old| old.update_time);
        new.update_time = kept.or_else(|| Some(timestamp(time)));
        Ok((name.clone(), Some(new)))
    }

    fn keep(&mut self, after: BTreeMap<String, Option<Document>>, time: Micros) {
        for (name, document) in after {
            if self.at(&name, time) != document.as_ref() {
                self.states.entry(name).or_default().push((time, document));
            }
        }
    }

    /// Deletes the documents whose time in the field of the policy has passed, as the service does
    /// "typically within 24 hours after the expiration date" (docs/ttl).
    pub(super) fn collect(&mut self, field: &str) -> usize {
        let now = self.now();
        let is_over = |document: &Document| {
            let end = document.fields.get(field);
            let end = end.and_then(|value| value.value_type.as_ref());
            matches!(end, Some(ValueType::TimestampValue(end)) if micros(end) <= now)
        };
        let all = self.beginning_with("", now);
        let over = all.filter(|(_, document)| document.is_some_and(is_over));
        let over: Vec<String> = over.map(|(name, _)| name.to_owned()).collect();
        for name in &over {
            let states = self.states.get_mut(name).expect("it was found");
            states.push((now, None));
        }
        over.len()
    }

    /// Forgets the states before this moment.
    pub(super) fn forget(&mut self) {
        self.kept = self.now();
    }
}

/// Checks a precondition, with the codes of rpc/google.firestore.v1, `Precondition`, and of
/// docs/use-rest-api, "Error codes".
fn check(write: &Write, name: &str, old: Option<&Document>) -> Result<(), Status> {
    let condition = write.current_document.and_then(|it| it.condition_type);
    match (condition, old) {
        (Some(ConditionType::Exists(false)), Some(_)) => {
            let what = format!("Document already exists: {name}");
            Err(Status::new(Code::AlreadyExists, what))
        }
        (Some(ConditionType::Exists(true) | ConditionType::UpdateTime(_)), None) => {
            Err(Status::not_found(format!("No document to update: {name}")))
        }
        (Some(ConditionType::UpdateTime(time)), Some(old)) if old.update_time != Some(time) => {
            let what = "the stored version does not match the required base version";
            Err(Status::failed_precondition(what))
        }
        _ => Ok(()),
    }
}

pub(super) fn timestamp(time: Micros) -> Timestamp {
    let since = Duration::from_micros(u64::try_from(time).unwrap_or_default());
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

pub(super) fn micros(time: &Timestamp) -> Micros {
    time.seconds * 1_000_000 + i64::from(time.nanos) / 1000
}
