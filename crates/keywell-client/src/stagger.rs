//! Attempts that begin one after the other, and whose first good outcome is taken.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::timeout;

/// How long an attempt runs before the next begins beside it. RFC 8305 (Happy Eyeballs), section 5,
/// recommends 250 ms, and at least 100 ms, for connections by TCP.
pub const HEAD_START: Duration = Duration::from_millis(200);

/// The first good outcome of attempts.
///
/// They begin in their order: each as soon as one before it failed, or when all of them were silent
/// for [`HEAD_START`]. So a silent one delays the result by no more than that, and where the first
/// is good within that time the others are not begun. Attempts that are left are dropped. It waits
/// for as long as the attempts do: bound them, or the whole, by a deadline.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let attempts = ["x", "2", "3"].map(|text| async move { text.parse::<u32>() });
/// assert_eq!(keywell_client::stagger::first(attempts).await, Ok(2));
/// # });
/// ```
///
/// # Errors
///
/// What went wrong with each attempt, in the order in which they failed; empty where there were no
/// attempts.
pub async fn first<T, E, A>(attempts: impl IntoIterator<Item = A>) -> Result<T, Vec<E>>
where
    A: Future<Output = Result<T, E>>,
{
    let mut attempts = attempts.into_iter().peekable();
    let mut begun = FuturesUnordered::new();
    let mut problems = Vec::new();
    loop {
        begun.extend(attempts.next());
        let outcome = if attempts.peek().is_some() {
            timeout(HEAD_START, begun.next()).await
        } else {
            Ok(begun.next().await)
        };
        match outcome {
            Ok(Some(Ok(good))) => return Ok(good),
            Ok(Some(Err(problem))) => problems.push(problem),
            Ok(None) => return Err(problems),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// Has this outcome after so many milliseconds.
    async fn after(millis: u64, outcome: Result<u32, u32>) -> Result<u32, u32> {
        let _ = timeout(Duration::from_millis(millis), std::future::pending::<()>()).await;
        outcome
    }

    async fn raced(attempts: &[(u64, Result<u32, u32>)]) -> (Result<u32, Vec<u32>>, u128) {
        let began = Instant::now();
        let attempts = attempts.iter().copied();
        let attempts = attempts.map(|(millis, outcome)| after(millis, outcome));
        (first(attempts).await, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_good_one_is_taken_and_those_behind_it_are_not_begun() {
        assert_eq!(raced(&[(199, Ok(1)), (0, Ok(2))]).await, (Ok(1), 199));
        assert_eq!(raced(&[(500, Ok(1)), (100, Ok(2))]).await, (Ok(2), 300));
        assert_eq!(
            raced(&[(9000, Ok(1)), (9000, Ok(2)), (0, Ok(3))]).await,
            (Ok(3), 400)
        );
        assert_eq!(raced(&[(300, Ok(1)), (9000, Ok(2))]).await, (Ok(1), 300));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_makes_way_at_once_and_all_failures_are_returned() {
        assert_eq!(raced(&[(10, Err(1)), (10, Ok(2))]).await, (Ok(2), 20));
        let failed = raced(&[(900, Err(1)), (10, Err(2)), (20, Err(3))]).await;
        assert_eq!(failed, (Err(vec![2, 3, 1]), 900));
        assert_eq!(raced(&[]).await, (Err(Vec::new()), 0));
    }
}
