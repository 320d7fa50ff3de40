use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::Done;

pub(super) const TASKS: usize = 64;
pub(super) const VALUE: &[u8; 23] = b"a value of 23 bytes len";

/// The key of a task, which it writes again and again.
pub(super) fn key(task: usize) -> String {
    format!("task-{task}")
}

/// How many calls a second tasks get answered, each of which has one at a time.
pub(super) fn per_second<C, F>(
    runtime: &Runtime,
    time: Duration,
    call: impl Fn(usize) -> C,
) -> Done<f64>
where
    C: Fn() -> F + Send + 'static,
    F: Future<Output = Done> + Send,
{
    runtime.block_on(async {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let call = call(task);
            tasks.spawn(async move {
                let mut calls = 0_u64;
                while began.elapsed() < time {
                    call().await.map_err(|error| error.to_string())?;
                    calls += 1;
                }
                Ok::<_, String>(calls)
            });
        }
        let mut calls = 0;
        while let Some(ended) = tasks.join_next().await {
            calls += ended??;
        }
        Ok(calls as f64 / began.elapsed().as_secs_f64())
    })
}
