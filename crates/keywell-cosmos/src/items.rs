//! Requests for the documents of a bucket, each sent once where it writes.

use std::sync::Arc;

use azure_core::http::Etag;
use azure_data_cosmos::diagnostics::DiagnosticsContext;
use azure_data_cosmos::models::TransactionalBatchOperationResult;
use azure_data_cosmos::options::{
    BatchOptions, BatchReadOptions, BatchReplaceOptions, ItemReadOptions, ItemWriteOptions,
    Precondition,
};
use azure_data_cosmos::{CosmosError, PartitionKey, TransactionalBatch};
use keywell_store::{Error, Failure, Result};

use crate::account::Account;
use crate::document::{Document, Stored};
use crate::fault;

/// The documents of a bucket.
pub(crate) struct Items {
    pub(crate) account: Arc<Account>,
    pub(crate) bucket: String,
}

/// What must hold of a document for a write.
#[derive(Clone, Debug)]
pub(crate) enum When {
    /// Nothing.
    Always,
    /// There is none of its name.
    Absent,
    /// It has this etag.
    At(String),
}

/// How a write ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put<T> {
    /// Done; what it wrote has this etag.
    Done(T),
    /// The condition did not hold, and nothing was done.
    Conflict,
}

/// A part of a transaction.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Write(Document, When),
    /// Nothing is written: the document of this name has to have this etag.
    Check(String, String),
}

fn if_match(etag: &str) -> Precondition {
    Precondition::IfMatch(Etag::from(etag.to_owned()))
}

// === impl Items ===

impl Items {
    pub(crate) fn partition(&self) -> PartitionKey {
        self.bucket.clone().into()
    }

    /// Reads a document by its name.
    pub(crate) async fn read(&self, id: &str) -> Result<Option<Stored>> {
        let options = ItemReadOptions::default().with_operation_options(self.account.reading());
        let container = &self.account.container;
        let asked = Box::pin(container.read_item(self.partition(), id, Some(options)));
        match self.account.answer(asked).await? {
            Ok(found) => found.into_model().map(Some).map_err(fault::of_reading),
            Err(error) if fault::is_absent(&error) => Ok(None),
            Err(error) => Err(fault::of_reading(error)),
        }
    }

    /// Writes a document, and answers its etag.
    pub(crate) async fn put(&self, document: &Document, when: When) -> Result<Put<String>> {
        let mut options =
            ItemWriteOptions::default().with_operation_options(self.account.writing());
        let (container, partition, id) = (&self.account.container, self.partition(), &document.id);
        let answer = match when {
            When::Always => {
                let sent = container.upsert_item(partition, id, document, Some(options));
                self.written(Box::pin(sent)).await?
            }
            When::Absent => {
                let sent = container.create_item(partition, id, document, Some(options));
                self.written(Box::pin(sent)).await?
            }
            When::At(etag) => {
                options = options.with_precondition(if_match(&etag));
                let sent = container.replace_item(partition, id, document, Some(options));
                self.written(Box::pin(sent)).await?
            }
        };
        match answer {
            Ok(response) => {
                let etag = response.headers().etag().map(ToString::to_string);
                let etag = etag.ok_or_else(|| fault_of_answer("a write has no etag"))?;
                Ok(Put::Done(etag))
            }
            Err(error) if fault::is_conflict(&error) => {
                if is_repeated(error.diagnostics()) {
                    return self.read_back(document).await;
                }
                Ok(Put::Conflict)
            }
            Err(error) => Err(fault::of_writing(error)),
        }
    }

    /// What is there after a conflict with what may be this write itself.
    async fn read_back(&self, document: &Document) -> Result<Put<String>> {
        match self.read(&document.id).await {
            Ok(Some(stored)) if stored.is_of(document) => Ok(Put::Done(stored.etag)),
            Ok(_) | Err(_) => Err(Error::Ambiguous(
                "the write was sent twice, and something else is there now".into(),
            )),
        }
    }

    async fn written<T>(
        &self,
        sent: impl Future<Output = Result<T, CosmosError>>,
    ) -> Result<Result<T, CosmosError>> {
        self.account.check_open()?;
        self.account
            .answer(sent)
            .await
            .map_err(|error| match error {
                Error::Unavailable(late) => Error::Ambiguous(late),
                error => error,
            })
    }

    /// Does all steps or none, and answers the etag of each one's document.
    pub(crate) async fn transact(&self, steps: &[Step]) -> Result<Put<Vec<String>>> {
        let batch = self.batch(steps).map_err(fault::of_reading)?;
        let options = BatchOptions::default().with_operation_options(self.account.writing());
        let container = &self.account.container;
        let sent = container.execute_transactional_batch(batch, Some(options));
        let answer = match self.written(Box::pin(sent)).await? {
            Ok(answer) => answer,
            Err(error) if fault::is_conflict(&error) => return Ok(Put::Conflict),
            Err(error) => return Err(fault::of_writing(error)),
        };
        let is_repeated = is_repeated(Some(answer.diagnostics()));
        let answer = answer.into_model().map_err(|error| {
            let what = "the answer to a transaction cannot be read";
            Error::Ambiguous(Failure::caused_by(what, error))
        })?;
        let results = answer.results();
        if let Some(failed) = results.iter().find(|result| is_failure(result)) {
            return match failed.status_code() {
                404 | 409 | 412 if is_repeated => Err(Error::Ambiguous(
                    "the transaction was sent twice, and keys of it have changed".into(),
                )),
                404 | 409 | 412 => Ok(Put::Conflict),
                429 | 449 => Err(Error::Unavailable(
                    "Cosmos DB takes no more requests for now".into(),
                )),
                status => {
                    let what = format!("Cosmos DB refuses a part of a transaction: {status}");
                    Err(Error::Internal(what.into()))
                }
            };
        }
        if results.len() != steps.len() {
            return Err(fault_of_answer(
                "a transaction has another number of results",
            ));
        }
        let mut etags = Vec::new();
        for (step, result) in steps.iter().zip(results) {
            let etag = result.etag().map(ToOwned::to_owned);
            let etag = etag.ok_or_else(|| fault_of_answer("a write has no etag"))?;
            // It should have been refused. No documentation of the service says so outright.
            if matches!(step, Step::Check(_, expected) if *expected != etag) {
                return Err(fault_of_answer(
                    "a transaction ignored the etag of a reading",
                ));
            }
            etags.push(etag);
        }
        Ok(Put::Done(etags))
    }

    fn batch(&self, steps: &[Step]) -> Result<TransactionalBatch, CosmosError> {
        let mut batch = TransactionalBatch::new(self.partition());
        for step in steps {
            batch = match step {
                Step::Write(document, When::Always) => batch.upsert_item(document, None)?,
                Step::Write(document, When::Absent) => batch.create_item(document)?,
                Step::Write(document, When::At(etag)) => {
                    let options = BatchReplaceOptions::default().with_precondition(if_match(etag));
                    batch.replace_item(document.id.clone(), document, Some(options))?
                }
                Step::Check(id, etag) => {
                    let options = BatchReadOptions::default().with_precondition(if_match(etag));
                    batch.read_item(id.clone(), Some(options))
                }
            };
        }
        Ok(batch)
    }
}

/// Whether a step failed by itself. Where one does, the service answers 424 to the others.
fn is_failure(result: &TransactionalBatchOperationResult) -> bool {
    result.status_code() >= 300 && result.status_code() != 424
}

/// Whether a request before the last of an operation may have been done.
fn is_repeated(context: Option<Arc<DiagnosticsContext>>) -> bool {
    context.is_some_and(|context| fault::may_be_done(&context, true))
}

fn fault_of_answer(what: &'static str) -> Error {
    Error::Internal(Failure::new(format!(
        "an answer of Cosmos DB is not as documented: {what}"
    )))
}
