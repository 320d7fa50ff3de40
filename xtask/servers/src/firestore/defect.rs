/// A way in which the fake behaves otherwise than the service, to show that tests notice it; the
/// last is one that the service has, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirestoreDefect {
    /// Writes are done whatever their preconditions are.
    IgnoresPreconditions,
    /// Of a transaction that is not committed, the first write is kept.
    KeepsHalfCommits,
    /// A transaction is committed though a document that it read was changed.
    CommitsStaleTransactions,
    /// A write does not change the update time of a document that is there.
    KeepsUpdateTimes,
    /// A query sorts the names of documents backwards.
    SortsBackwards,
    /// A listener with a resume token hears only what comes from now on.
    IgnoresResumeTokens,
    /// A listener hears nothing of deletions.
    HidesDeletions,
    /// A listener that resumes hears how many documents there are instead of which are gone, as the
    /// service may do.
    ForgetsDeletions,
}
