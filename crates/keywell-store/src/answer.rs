use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{Error, Result};

/// A boxed future that owns all it needs.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// What a store answers: at once where it can, later where it must wait.
///
/// A ready answer costs no allocation and no task switch on its way to the guest. A later one owns
/// what it needs, so it outlives the bucket handle it came from. To drop it does not cancel a write
/// that was already sent.
///
/// A future that borrows the bucket would save a store that waits the clone of a handle and of a key,
/// which is little beside the wait. As it borrows nothing, hosts hold no borrow across their own await,
/// and layers are plain functions.
#[must_use = "a later answer does nothing until it is awaited"]
pub enum Answer<T> {
    /// The answer.
    Now(Result<T>),
    /// The answer, once the store has it.
    Later(BoxFuture<Result<T>>),
}

// === impl Answer ===

impl<T> Answer<T> {
    /// A successful answer, at once.
    pub fn now(value: T) -> Self {
        Self::Now(Ok(value))
    }

    /// An answer that a future will give.
    pub fn later(future: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }

    /// Changes the value of a successful answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Answer<U>
    where
        T: 'static,
    {
        self.and_then(|value| Ok(change(value)))
    }

    /// Changes a successful answer into another, or into an error.
    pub fn and_then<U>(self, change: impl FnOnce(T) -> Result<U> + Send + 'static) -> Answer<U>
    where
        T: 'static,
    {
        match self {
            Self::Now(result) => Answer::Now(result.and_then(change)),
            Self::Later(future) => Answer::later(async move { change(future.await?) }),
        }
    }

    /// Asks another question once this one is answered.
    pub fn then<U>(self, ask: impl FnOnce(T) -> Answer<U> + Send + 'static) -> Answer<U>
    where
        T: Send + 'static,
        U: Send + 'static,
    {
        match self {
            Self::Now(Ok(value)) => ask(value),
            Self::Now(Err(error)) => error.into(),
            Self::Later(future) => Answer::later(async move { ask(future.await?).await }),
        }
    }

    /// Asks in order and joins the answers: each is awaited after the one before it.
    ///
    /// The first error ends it. Answers after it are not requested if the error was known at once,
    /// and not awaited otherwise.
    pub fn sequence(answers: impl IntoIterator<Item = Self>) -> Answer<Vec<T>>
    where
        T: Send + 'static,
    {
        Self::sequence_while(answers, |_| Ok(()))
    }

    /// As [`Answer::sequence`], with a check of each answer that can end it with an error.
    pub fn sequence_while(
        answers: impl IntoIterator<Item = Self>,
        mut check: impl FnMut(&T) -> Result<()> + Send + 'static,
    ) -> Answer<Vec<T>>
    where
        T: Send + 'static,
    {
        let mut answers = answers.into_iter();
        let mut values = Vec::with_capacity(answers.size_hint().0);
        for answer in answers.by_ref() {
            match answer {
                Self::Now(Ok(value)) => {
                    if let Err(error) = check(&value) {
                        return error.into();
                    }
                    values.push(value);
                }
                Self::Now(Err(error)) => return error.into(),
                later @ Self::Later(_) => {
                    let rest: Vec<Self> = std::iter::once(later).chain(answers).collect();
                    return Answer::later(async move {
                        for answer in rest {
                            let value = answer.await?;
                            check(&value)?;
                            values.push(value);
                        }
                        Ok(values)
                    });
                }
            }
        }
        Answer::now(values)
    }
}

impl<T> Unpin for Answer<T> {}

impl<T> From<Result<T>> for Answer<T> {
    fn from(result: Result<T>) -> Self {
        Self::Now(result)
    }
}

impl<T> From<Error> for Answer<T> {
    fn from(error: Error) -> Self {
        Self::Now(Err(error))
    }
}

impl<T: 'static> Future for Answer<T> {
    type Output = Result<T>;

    /// # Panics
    ///
    /// When polled again after it was ready, as futures may.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Later(future) => future.as_mut().poll(cx),
            Self::Now(_) => {
                let spent = Self::Later(Box::pin(std::future::pending()));
                match std::mem::replace(&mut *self, spent) {
                    Self::Now(result) => Poll::Ready(result),
                    Self::Later(_) => unreachable!("it was matched as ready"),
                }
            }
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(result) => f.debug_tuple("Now").field(result).finish(),
            Self::Later(_) => f.write_str("Later(..)"),
        }
    }
}
