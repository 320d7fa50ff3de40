//! Instances that answer several requests at once.
//!
//! Such an instance runs in a task of its own, for as long as it has requests and tasks, and ends
//! then, or waits on the shelf for another request where it may. Nothing can end one of its requests
//! alone: one whose time is up is answered so, and from then on the instance takes no other. It ends
//! when its other requests have, at the latest when their time is up, too. Where it traps, all of
//! them fail.
//!
//! Tasks that a request leaves keep its place while the instance has no other request. They have the
//! request's time: once that is up, the instance takes no other either.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http::Request;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::bindings::Service;

use super::timer::Timer;
use crate::p3;
use crate::room::HeldPlace;
use crate::state::{State, TimedOut};
use crate::turn::TurnTaker;

/// The instances of a component that take more requests.
pub(super) struct Crowds {
    open: Mutex<Vec<Arc<Crowd>>>,
    /// How many requests an instance has at once.
    most: u32,
    /// How many it has in all.
    total: u32,
}

/// An instance with requests, as those see it that bring more.
pub(super) struct Crowd {
    queue: mpsc::UnboundedSender<Job>,
    load: Mutex<Load>,
    most: u32,
}

struct Load {
    /// Requests that it has, those that wait included.
    has: u32,
    /// Requests that it has not begun.
    waiting: u32,
    /// How many more it may take.
    left: u32,
    /// Whether the instance is made, and begins requests.
    is_made: bool,
}

/// A request for an instance.
pub(super) struct Job {
    pub(super) request: Request<Incoming>,
    pub(super) scheme: http::uri::Scheme,
    pub(super) answer: oneshot::Sender<Result<p3::Answer, wasmtime_wasi_http::Error>>,
    pub(super) ended: oneshot::Sender<wasmtime::Result<()>>,
    pub(super) deadline: Instant,
    pub(super) place: HeldPlace,
}

/// A request that an instance has, to what waits for its end. If that does not wait any longer, the
/// instance takes no other.
pub(super) struct Given {
    crowd: Arc<Crowd>,
    deadline: Instant,
    has_ended: bool,
}

/// The other end of an instance's queue.
pub(super) type Jobs = mpsc::UnboundedReceiver<Job>;

// === impl Crowds ===

impl Crowds {
    /// Of instances that have so many requests at once, and so many in all if those are more.
    pub(super) fn new(most: u32, total: u32) -> Self {
        Self {
            open: Mutex::default(),
            most,
            total: total.max(most),
        }
    }

    /// Whether instances have several requests at once.
    pub(super) fn are_any(&self) -> bool {
        self.most > 1
    }

    /// Gives a request to an instance that has room, or else to one that `start` starts.
    pub(super) fn give(&self, job: Job, start: impl FnOnce(Arc<Crowd>, Jobs)) -> Given {
        let deadline = job.deadline;
        let mut job = job;
        let mut open = self.open.lock();
        open.retain(|crowd| crowd.load.lock().left > 0);
        for crowd in &*open {
            if !crowd.admit() {
                continue;
            }
            match crowd.queue.send(job) {
                Ok(()) => return Given::to(crowd.clone(), deadline),
                Err(mpsc::error::SendError(refused)) => job = refused,
            }
        }
        let (queue, jobs) = mpsc::unbounded_channel();
        let crowd = Arc::new(Crowd {
            queue,
            load: Mutex::new(Load {
                has: 0,
                waiting: 0,
                left: self.total,
                is_made: false,
            }),
            most: self.most,
        });
        let is_taken = crowd.admit() && crowd.queue.send(job).is_ok();
        debug_assert!(is_taken, "a new instance takes a request");
        open.push(crowd.clone());
        drop(open);
        start(crowd.clone(), jobs);
        Given::to(crowd, deadline)
    }
}

// === impl Crowd ===

impl Crowd {
    /// Whether it takes another request. Not behind one that an instance which computes does not
    /// begin.
    fn admit(&self) -> bool {
        let mut load = self.load.lock();
        let is_stuck = load.is_made && load.waiting > 0;
        let takes = load.left > 0 && load.has < self.most && !is_stuck;
        if takes {
            load.has += 1;
            load.waiting += 1;
            load.left -= 1;
        }
        takes
    }

    /// Takes no other request.
    pub(super) fn close(&self) {
        self.load.lock().left = 0;
    }

    /// The instance has had so many requests before.
    pub(super) fn has_answered(&self, requests: u32) {
        let mut load = self.load.lock();
        load.left = load.left.saturating_sub(requests);
    }

    fn begins(&self) {
        let mut load = self.load.lock();
        load.waiting -= 1;
        load.is_made = true;
    }

    fn ends(&self) {
        self.load.lock().has -= 1;
    }

    /// Takes no other request, unless it has one.
    fn close_if_empty(&self) -> bool {
        let mut load = self.load.lock();
        let is_empty = load.has == 0;
        if is_empty {
            load.left = 0;
        }
        is_empty
    }

    /// Has an instance answer requests until it has none, and answers how many those were. `begin`
    /// is called at the beginning of each; what it returns is kept until the end.
    ///
    /// # Errors
    ///
    /// When it traps, or the time of its last request is up.
    ///
    /// The tasks that requests leave are ended with it.
    pub(super) async fn answer<C>(
        &self,
        store: &mut wasmtime::Store<State>,
        service: &Service,
        mut jobs: Jobs,
        count: impl Fn() -> C,
    ) -> wasmtime::Result<u32> {
        let latest = Mutex::new(None);
        let mut running = pin!(store.run_concurrent(async |accessor| {
            let (mut calls, mut begun) = (FuturesUnordered::new(), 0);
            // Of the request that ended last, for the tasks that are left.
            let mut kept = None;
            // When the time of tasks is up that may be left.
            let mut left_until: Option<Instant> = None;
            poll_fn(|cx| {
                loop {
                    if let Poll::Ready(Some(job)) = jobs.poll_recv(cx) {
                        self.begins();
                        drop(kept.take());
                        if left_until.is_some_and(|until| Instant::now() >= until) {
                            self.close();
                        }
                        let mut latest = latest.lock();
                        let until = latest.map_or(job.deadline, |latest| job.deadline.max(latest));
                        *latest = Some(until);
                        accessor.with(|mut access| access.data_mut().begin(until));
                        begun += 1;
                        let (counted, until) = (count(), job.deadline);
                        calls.push(async move {
                            let called = call(accessor, service, job).await;
                            called.map(|(place, is_answered)| (place, is_answered, counted, until))
                        });
                        continue;
                    }
                    match calls.poll_next_unpin(cx) {
                        Poll::Ready(Some(called)) => {
                            let (place, is_answered, counted, until) = called?;
                            self.ends();
                            if !is_answered {
                                self.close();
                            }
                            drop(kept.replace((place, counted)));
                            left_until = Some(left_until.map_or(until, |left| left.min(until)));
                        }
                        Poll::Ready(None) => {
                            ready!(accessor.poll_no_interesting_tasks(cx));
                            left_until = None;
                            if self.close_if_empty() {
                                return Poll::Ready(wasmtime::error::Ok(begun));
                            }
                        }
                        Poll::Pending => return Poll::Pending,
                    }
                }
            })
            .await
        }));
        let (mut timer, mut turns) = (Timer::default(), TurnTaker::default());
        poll_fn(|cx| {
            if let Poll::Ready(ended) = turns.poll(running.as_mut(), cx) {
                return Poll::Ready(ended.flatten());
            }
            let until = latest.lock().map(Into::into);
            timer.poll(until, cx).map(|()| Err(TimedOut.into()))
        })
        .await
    }
}

/// Has an instance answer one of its requests. Returns the request's place, and whether there was a
/// response.
async fn call(
    accessor: &Accessor<State>,
    service: &Service,
    job: Job,
) -> wasmtime::Result<(HeldPlace, bool)> {
    let Job {
        request,
        scheme,
        answer,
        ended,
        deadline: _,
        place,
    } = job;
    let request = accessor.with(|mut access| p3::request(access.data_mut(), request, scheme));
    let called = match request {
        Ok(request) => {
            let answered = |answered| {
                let _ = answer.send(answered);
            };
            Ok(p3::handle(accessor, service, request, answered).await?)
        }
        Err(error) => Err(error),
    };
    let is_answered = called.as_ref().is_ok_and(|is_answered| *is_answered);
    let _ = ended.send(called.map(drop));
    Ok((place, is_answered))
}

// === impl Given ===

impl Given {
    fn to(crowd: Arc<Crowd>, deadline: Instant) -> Self {
        Self {
            crowd,
            deadline,
            has_ended: false,
        }
    }

    /// Waits until the request has ended.
    pub(super) async fn wait(
        mut self,
        ended: oneshot::Receiver<wasmtime::Result<()>>,
    ) -> wasmtime::Result<()> {
        let ended = ended.await;
        self.has_ended = true;
        ended.unwrap_or_else(|_| {
            Err(if Instant::now() < self.deadline {
                wasmtime::format_err!("the instance of the request ended")
            } else {
                TimedOut.into()
            })
        })
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if !self.has_ended {
            self.crowd.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(most: u32, left: u32) -> Crowd {
        let (queue, _) = mpsc::unbounded_channel();
        let load = Load {
            has: 0,
            waiting: 0,
            left,
            is_made: true,
        };
        Crowd {
            queue,
            load: Mutex::new(load),
            most,
        }
    }

    #[test]
    fn an_instance_has_so_many_requests_at_once_and_in_all_and_none_waits_behind_another() {
        let crowd = crowd(2, 3);
        assert!(crowd.admit());
        assert!(!crowd.admit(), "one waits");
        crowd.begins();
        assert!(crowd.admit());
        crowd.begins();
        assert!(!crowd.admit(), "it has two");
        crowd.ends();
        assert!(!crowd.close_if_empty());
        assert!(crowd.admit());
        crowd.begins();
        crowd.ends();
        assert!(!crowd.admit(), "it had three");
    }

    #[test]
    fn one_that_is_closed_takes_no_request_and_one_that_is_empty_can_be() {
        let first = crowd(2, 10);
        first.close();
        assert!(!first.admit());
        let second = crowd(2, 10);
        assert!(second.admit());
        assert!(!second.close_if_empty());
        second.begins();
        second.ends();
        assert!(second.close_if_empty());
        assert!(!second.admit());
        let third = crowd(2, 10);
        third.has_answered(20);
        assert!(!third.admit());
    }
}
