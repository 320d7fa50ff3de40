//! What a failed request means: whether it may have had an effect, and whether to send it again.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use hyper_util::client::legacy::Error as HttpError;
use keywell_store::{Error, Failure};

/// Why a request did not do what it was sent for.
#[derive(Debug)]
pub(crate) enum Fault<E> {
    /// DynamoDB's answer to the operation itself: a condition did not hold. Nothing was written.
    Answered(E),
    /// It is refused, and would be again.
    Refused(Error),
    /// Nothing happened, and the request may be sent again.
    Undone(Failure),
    /// It was sent, and may have had an effect.
    Unanswered(Failure),
}

/// Answers of the operations themselves, which their callers read.
const ANSWERS: [&str; 10] = [
    "ConditionalCheckFailedException",
    "TransactionCanceledException",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "ExpiredIteratorException",
    "TrimmedDataAccessException",
    "UnknownOperationException",
    "DuplicateItemException",
    "IdempotentParameterMismatchException",
    "ItemCollectionSizeLimitExceededException",
];

/// Answers that say to send the request again later.
const LATER: [&str; 9] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
    // The same transaction is being performed.
    "TransactionInProgressException",
    "LimitExceeded",
];

/// Answers to wrong credentials, or to those that may not do this.
const DENIED: [&str; 8] = [
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "ExpiredTokenException",
    "ExpiredToken",
    "MissingAuthenticationTokenException",
    "MissingAuthenticationToken",
    "InvalidClientTokenId",
];

/// What the signature of a request is refused for where clocks differ.
const SKEWED: [&str; 4] = [
    "Signature expired",
    "Signature not yet current",
    "RequestTimeTooSkewed",
    "RequestExpired",
];

/// An error of an operation.
pub(crate) trait Answer: ProvideErrorMetadata + StdError + Send + Sync + 'static {}

impl<E: ProvideErrorMetadata + StdError + Send + Sync + 'static> Answer for E {}

// === impl Fault ===

impl<E: Answer> Fault<E> {
    pub(crate) fn of(error: SdkError<E>) -> Self {
        match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                Self::of_answer(answer.into_err(), status)
            }
            SdkError::ConstructionFailure(_) => Self::unsent(error),
            SdkError::DispatchFailure(_) if was_unsent(&error) => Self::unsent(error),
            error => {
                let what = "DynamoDB does not answer";
                Self::Unanswered(Failure::caused_by(what, error))
            }
        }
    }

    fn of_answer(answer: E, status: u16) -> Self {
        let code = answer
            .code()
            .unwrap_or("an error without a code")
            .to_owned();
        let message = answer.message().unwrap_or("no reason given");
        // What follows the first line is the signed request.
        let message = message.lines().next().unwrap_or_default();
        let text = format!("DynamoDB answers {code}: {message}");
        if SKEWED.iter().any(|skewed| text.contains(skewed)) {
            let what = format!("the clocks of DynamoDB and of this machine differ; set it: {text}");
            return Self::Undone(what.into());
        }
        let code = &*code;
        if ANSWERS.contains(&code) {
            return Self::Answered(answer);
        }
        if LATER.contains(&code) {
            return Self::Undone(text.into());
        }
        if DENIED.contains(&code) {
            tracing::warn!("{text}");
            let what = format!("DynamoDB refuses the credentials of the store ({code})");
            return Self::Refused(Error::AccessDenied(what.into()));
        }
        if status >= 500 {
            return Self::Unanswered(text.into());
        }
        Self::Refused(Error::Internal(text.into()))
    }

    fn unsent(error: SdkError<E>) -> Self {
        if has_cause::<CredentialsError>(&error) {
            let what = "there are no credentials for DynamoDB; set `access-key` and `secret-key`, \
                        or provide them as usual for AWS";
            return Self::Refused(Error::Unavailable(Failure::caused_by(what, error)));
        }
        Self::Undone(Failure::caused_by("DynamoDB cannot be reached", error))
    }
}

/// The error of a request that the SDK does not take. Ours have all that it asks for.
pub(crate) fn internal(error: BuildError) -> Error {
    Error::Internal(Failure::caused_by("a request lacks a part", error))
}

/// Whether a request certainly was not sent: no connection was made, or no credentials were found.
fn was_unsent(error: &(dyn StdError + 'static)) -> bool {
    let is_connect = |cause: &HttpError| cause.is_connect();
    has_cause::<CredentialsError>(error)
        || causes(error).any(|cause| cause.downcast_ref().is_some_and(is_connect))
}

fn has_cause<C: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(<dyn StdError>::is::<C>)
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
